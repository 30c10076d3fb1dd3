/** A heading and what is known under it. */

import { h } from "../lib/dom.js";

/** `entries` are pairs of a term and what it is; those that are null are left out. */
export function facts(title, entries) {
  const known = entries.filter(([, value]) => value !== null && value !== undefined);
  const rows = known.map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value)));
  return h("section", {}, h("h3", {}, title), h("dl", {}, rows));
}
