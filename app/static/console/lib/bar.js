/** So much of so much. */

import { h } from "./dom.js";
import { percent } from "./format.js";

/** `parts` are `{ value, kind }` in the order in which they fill the bar. Without a `limit` (null)
 *  there is none to fill; `isQuota` colours what comes near it. `text` says all of it in words. */
export function bar({ label, text, parts, limit, isQuota = false }) {
  const words = h(
    "p",
    {},
    h("span", { class: "label" }, label),
    h("span", { class: "value" }, text),
  );
  if (limit === null) return h("div", { class: "bar" }, words);
  const fills = parts.map(({ value, kind }) => fill(percent(value, limit), kind));
  const held = parts.reduce((sum, part) => sum + part.value, 0);
  const kind = isQuota ? nearness(held / limit) : "";
  const track = h("div", { class: "track", "aria-hidden": "true" }, fills);
  return h("div", { class: `bar ${kind}` }, words, track);
}

function nearness(share) {
  if (share >= 1) return "full";
  return share > 0.9 ? "near" : "";
}

function fill(share, kind) {
  const element = h("span", { class: `fill ${kind}` });
  element.style.inlineSize = `${share}%`;
  return element;
}
