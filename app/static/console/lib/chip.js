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

export function chip(status) {
  return h("span", { class: `chip ${status}` }, wordOf(status));
}
