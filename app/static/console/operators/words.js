/** What operators read: kinds of failures, states of webhooks and jobs. */

import { h } from "../lib/dom.js";

/** By the `reason` of the API, the most telling first. */
export const REASONS = {
  size: "Another size than declared",
  type: "Another type than declared",
  checksum: "Another checksum than declared",
  replaced: "Replaced after verification",
  expired: "Never arrived in time",
  aborted: "Given up by its owner",
  reported: "Reported by a client",
};

/** `kind` is that of a file's status, whose colours it takes. */
export function badge(kind, text) {
  return h("span", { class: `chip ${kind}` }, text);
}

/** Deliveries to one webhook are counted no further. */
export const MOST_WAITING = 10_000;

/** What stands for a figure that was counted no further. */
export function counted(number, most) {
  return `${number.toLocaleString("en")}${number >= most ? "+" : ""}`;
}

/** `now`, `5 min ago`, `3 h ago`, `2 days ago`. */
export function since(moment, now = Date.now()) {
  const minutes = Math.floor((now - new Date(moment)) / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ago`;
  return `${Math.floor(hours / 24)} days ago`;
}
