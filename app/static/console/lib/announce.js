/** Tells readers of the screen what others see: one polite line, and a toast for errors. */

import { h, setText } from "./dom.js";
import { icon } from "./icons.js";

/** Milliseconds; long enough to be read twice. */
const LIFE = 9_000;

const spoken = h("p", { class: "visually-hidden", role: "status" });
const toasts = h("div", { class: "toasts", role: "alert" });
document.body.append(spoken, toasts);

/** Said once the page is quiet; of several at once the last. */
export function announce(text) {
  setText(spoken, text);
}

/** Something went wrong outside any form: shown for a while, and until it is closed. */
export function complain(text) {
  const close = h("button", { class: "quiet icon-only", "aria-label": "Close" }, icon("close"));
  const toast = h("p", { class: "toast" }, icon("alert"), h("span", {}, text), close);
  const end = () => toast.remove();
  close.addEventListener("click", end);
  toasts.append(toast);
  setTimeout(end, LIFE);
}
