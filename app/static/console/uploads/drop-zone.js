/** Where files come in: dropped anywhere on the page, or chosen. */

import { complain } from "../lib/announce.js";
import { slept } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { count } from "../lib/format.js";
import { icon } from "../lib/icons.js";
import { chosen, dropped } from "./entries.js";
import { uploadOptions } from "./options.js";

/** So many files begin before the page may draw again. */
const BREATH = 50;
/** Milliseconds without a `dragover`, of which there is one at least every 550 while files are over
 *  the page: https://html.spec.whatwg.org/multipage/dnd.html#drag-and-drop-processing-model
 *  `dragleave` also comes for every element on the way. */
const LEFT = 1_000;

/** `begin(file, { path, policy, checksum })` is called for each file. */
export function dropZone(begin) {
  const options = uploadOptions();
  const take = (found) => {
    if (!options.isValid()) return;
    const wish = options.value;
    taken(found, (file, path) => begin(file, { path, ...wish }));
  };
  const files = picker({ multiple: true }, "Choose files", "primary", take);
  const folder = picker({ webkitdirectory: true }, "Choose a folder", "", take);
  const words = h("p", {}, h("strong", {}, "Drop files or folders"), " anywhere on this page, or");
  listen(take);
  return h(
    "section",
    { class: "card drop-zone", "aria-label": "Upload" },
    h(
      "div",
      { class: "drop" },
      icon("upload"),
      words,
      h("div", { class: "buttons" }, files, folder),
    ),
    options.element,
  );
}

function picker(attributes, label, kind, take) {
  const input = h("input", {
    type: "file",
    class: "visually-hidden",
    tabindex: "-1",
    "aria-hidden": "true",
    ...attributes,
  });
  input.addEventListener("change", () => {
    take(chosen(input.files));
    input.value = "";
  });
  const open = h("button", { type: "button", class: kind, onclick: () => input.click() }, label);
  return h("span", { class: "picker" }, open, input);
}

async function taken(found, begin) {
  let number = 0;
  try {
    for await (const { file, path } of found) {
      begin(file, path);
      if (++number % BREATH === 0) await slept(0);
    }
  } catch (error) {
    complain(`A folder could not be read (${error.name}); ${count(number, "file")} of it began.`);
    return;
  }
  if (number === 0) complain("There is no file in it.");
}

/** The whole window takes drops, so that none makes the browser leave the page. */
function listen(take) {
  const curtain = h(
    "div",
    { class: "curtain", hidden: true, "aria-hidden": "true" },
    icon("upload"),
    "Drop to upload",
  );
  document.body.append(curtain);
  const onFiles = (type, act) => {
    addEventListener(type, (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      act(event);
    });
  };
  const hide = () => (curtain.hidden = true);
  let hiding;
  onFiles("dragenter", () => {});
  onFiles("dragover", ({ dataTransfer }) => {
    dataTransfer.dropEffect = isBusy() ? "none" : "copy";
    curtain.hidden = isBusy();
    clearTimeout(hiding);
    hiding = setTimeout(hide, LEFT);
  });
  onFiles("drop", ({ dataTransfer }) => {
    hide();
    if (!isBusy()) take(dropped(dataTransfer));
  });
}

const isBusy = () => document.querySelector("dialog[open]") !== null;
