/** A heading and what is known under it. */

import { h } from "./dom.js";

/** `entries` are pairs of a term and what it is; those without a value are left out, and null is
 *  returned when there is nothing to say. */
export function facts(title, entries) {
  const known = entries.filter(([, value]) => value);
  if (known.length === 0) return null;
  const rows = known.map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value)));
  return h("section", {}, h("h3", {}, title), h("dl", {}, rows));
}
