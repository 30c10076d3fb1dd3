/** So much of so much. */

import { h } from "./dom.js";
import { percent } from "./format.js";

/** `parts` are `{ value, kind }` in the order in which they fill the bar; `limit` null is none, and
 *  `isQuota` colours what comes near it. `text` says all of it in words, for everybody. */
export function bar({ label, text, parts, limit, isQuota = false }) {
  const whole = limit ?? Math.max(1, ...parts.map((part) => part.value)) * 4;
  const fills = parts.map((part) => fill(part, whole));
  const track = h("div", { class: "track", role: "img", "aria-label": `${label}: ${text}` }, fills);
  const held = parts.reduce((sum, part) => sum + part.value, 0);
  const kind = isQuota && limit !== null ? nearness(held / limit) : "";
  const words = h(
    "p",
    {},
    h("span", { class: "label" }, label),
    h("span", { class: "value" }, text),
  );
  return h("div", { class: `bar ${kind}` }, words, track);
}

function nearness(share) {
  if (share >= 1) return "full";
  return share > 0.9 ? "near" : "";
}

function fill({ value, kind }, whole) {
  const element = h("span", { class: `fill ${kind}` });
  element.style.inlineSize = `${percent(value, whole)}%`;
  return element;
}
