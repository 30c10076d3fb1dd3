/** Choices above a list. */

import { h } from "../lib/dom.js";

let groups = 0;

/** `choices` are pairs of a value and its word. */
export function segments({ legend, choices, chosen, choose }) {
  const group = `operators-${++groups}`;
  const labels = choices.map(([value, word]) => {
    const checked = value === chosen;
    const input = h("input", { type: "radio", name: group, value, checked });
    input.addEventListener("change", () => choose(value));
    return h("label", {}, input, word);
  });
  const hidden = h("legend", { class: "visually-hidden" }, legend);
  return h("fieldset", { class: "segments" }, hidden, labels);
}

/** The same as a list to choose from, for many. */
export function choice({ label, choices, choose }) {
  const options = choices.map(([value, word]) => h("option", { value }, word));
  const select = h("select", { "aria-label": label }, options);
  select.addEventListener("change", () => choose(select.value));
  return select;
}

/** Milliseconds without a key until a text counts. */
const TYPED = 350;

export function textField({ label, enter }) {
  const attributes = { type: "search", "aria-label": label, placeholder: label, maxlength: 255 };
  const input = h("input", { ...attributes, autocomplete: "off", spellcheck: "false" });
  let timer;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => enter(input.value), TYPED);
  });
  return input;
}
