/** So much of so much. */

import { h } from "./dom.js";
import { percent } from "./format.js";

/** `parts` are `{ label, value, kind }` in the order in which they fill the bar; `limit` null is
 *  none. `text` says all of it in words, which is what assistive technologies read. */
export function bar({ label, text, parts, limit }) {
  const whole = limit ?? Math.max(1, ...parts.map((part) => part.value)) * 4;
  const fills = parts.map((part) => fill(part, whole));
  const track = h("div", { class: "track", role: "img", "aria-label": `${label}: ${text}` }, fills);
  const held = parts.reduce((sum, part) => sum + part.value, 0);
  const kind = limit === null ? "open" : held >= limit ? "full" : held > 0.9 * limit ? "near" : "";
  const words = h("p", {}, h("span", { class: "label" }, label), h("span", { class: "value" }, text));
  return h("div", { class: `bar ${kind}` }, words, track);
}

function fill({ value, kind }, whole) {
  const element = h("span", { class: `fill ${kind}` });
  element.style.inlineSize = `${percent(value, whole)}%`;
  return element;
}
