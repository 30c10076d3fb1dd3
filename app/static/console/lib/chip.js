/** Where a file stands, in a word, a shape and a colour. */

import { h } from "./dom.js";

export const STATUSES = ["pending", "uploaded", "processing", "completed", "failed"];

const WORDS = {
  pending: "Pending",
  uploaded: "Uploaded",
  processing: "Processing",
  completed: "Completed",
  failed: "Failed",
  deleted: "Deleted",
};

export const wordOf = (status) => WORDS[status] ?? status;

/** What the service itself says in a word; all else was written for people. */
const REASONS = { aborted: "Given up", expired: "Never arrived in time" };

/** Why a file failed, of its `status_reason`. */
export const reasonOf = (words) => (Object.hasOwn(REASONS, words) ? REASONS[words] : words);

/** Whether those words say more than the kind of the failure. */
export const isTelling = (words) => Boolean(words) && !Object.hasOwn(REASONS, words);

export function chip(status) {
  return h("span", { class: `chip ${status}` }, wordOf(status));
}
