/** Modal dialogs on the platform's own `<dialog>`: focus stays inside, Escape closes. */

import { h } from "./dom.js";
import { present } from "./focus.js";
import { icon } from "./icons.js";

let numbered = 0;

/** Opens a dialog with a heading; returns the element, which is gone once closed.
 *  `kind` is `small` or `sheet`, the latter along the side. */
export function openDialog({ title, kind = "small", content }) {
  const id = `dialog-${++numbered}`;
  const close = h(
    "button",
    { class: "quiet icon-only", type: "button", "aria-label": "Close" },
    icon("close"),
  );
  const head = h("header", {}, h("h2", { id }, title), close);
  const dialog = h("dialog", { class: kind, "aria-labelledby": id }, head, content);
  close.addEventListener("click", () => dialog.close());
  const opener = document.activeElement;
  dialog.addEventListener("close", () => {
    dialog.remove();
    // The browser gives the focus back, but not to what was drawn anew meanwhile.
    if (!opener.isConnected) present(opener)?.focus();
  });
  dialog.addEventListener("click", (event) => closeOutside(dialog, event));
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

function closeOutside(dialog, event) {
  if (event.target !== dialog) return;
  const box = dialog.getBoundingClientRect();
  const isInside =
    event.clientX >= box.left &&
    event.clientX <= box.right &&
    event.clientY >= box.top &&
    event.clientY <= box.bottom;
  if (!isInside) dialog.close();
}

/** Asks before `act`, which may fail: its error is shown in the dialog, and can be tried again.
 *  Resolves to true once `act` has, to false when somebody thought better of it. */
export function confirmed({ title, question, verb, isDangerous = false, act }) {
  return new Promise((resolve) => {
    const cancel = h("button", { type: "button", autofocus: true }, "Cancel");
    const go = h("button", { type: "submit", class: isDangerous ? "danger" : "primary" }, verb);
    const problem = h("p", { class: "problem", role: "alert" });
    const buttons = h("footer", {}, cancel, go);
    const form = h(
      "form",
      { method: "dialog" },
      h("div", { class: "question" }, question),
      problem,
      buttons,
    );
    const dialog = openDialog({ title, content: form });
    let isDone = false;
    dialog.addEventListener("close", () => resolve(isDone));
    cancel.addEventListener("click", () => dialog.close());
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (go.disabled) return;
      go.disabled = true;
      problem.textContent = "";
      try {
        await act();
        isDone = true;
        dialog.close();
      } catch (error) {
        problem.textContent = error.message;
        go.disabled = false;
      }
    });
  });
}
