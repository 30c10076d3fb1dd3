/** Uploads over time, as `GET /usage/history` counts them, for plots. */

import { h } from "./dom.js";
import { bar } from "./bar.js";
import { count } from "./format.js";

/** Series for a plot, from the bottom up. */
export const OUTCOMES = [
  { name: "Arrived", kind: "arrived" },
  { name: "On the way", kind: "pending" },
  { name: "Failed", kind: "failed" },
  { name: "Deleted since", kind: "deleted" },
];

const valuesOf = ({ uploaded, processing, completed, pending, failed, deleted }) => [
  uploaded + processing + completed,
  pending,
  failed,
  deleted,
];

/** Periods are of UTC, and so are their labels. `interval` is `hour` or `day`. */
export function columnsOf(items, interval) {
  const asked =
    interval === "day"
      ? { day: "numeric", month: "short" }
      : { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  const label = new Intl.DateTimeFormat(undefined, { ...asked, timeZone: "UTC" });
  return items.map((item) => ({ label: label.format(new Date(item.at)), values: valuesOf(item) }));
}

/** A bar for each outcome, as a share of all uploads. */
export function shares(title, items) {
  const totals = items
    .map(valuesOf)
    .reduce((sums, values) => sums.map((sum, at) => sum + values[at]), [0, 0, 0, 0]);
  const all = totals.reduce((sum, value) => sum + value, 0);
  const bars = OUTCOMES.map(({ name, kind }, at) => {
    const share = Math.round((100 * totals[at]) / all);
    const text = totals[at] ? `${count(totals[at], "file")}, ${share} %` : "none";
    return bar({
      label: name,
      text,
      parts: [{ value: totals[at], kind }],
      limit: Math.max(1, all),
    });
  });
  return h("section", { class: "plot shares" }, h("h3", {}, title), bars);
}
