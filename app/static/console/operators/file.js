/** What operators may know of anybody's file: neither its content nor its metadata. */

import { chip, reasonOf } from "../lib/chip.js";
import { openDialog } from "../lib/dialog.js";
import { h, name } from "../lib/dom.js";
import { facts } from "../lib/facts.js";
import { exactSizeOf, exactTime } from "../lib/format.js";
import { icon } from "../lib/icons.js";
import { auditTrail } from "../files/trail.js";

export async function showFile(api, file) {
  const content = h("div", { class: "details" }, standing(file), reason(file), about(file));
  openDialog({ title: name(file.filename), kind: "sheet", content });
  const path = `/admin/files/${file.id}/events`;
  const trail = await api.get(path).catch((error) => ({ error }));
  content.append(auditTrail(underAdmin(api), file.id, trail));
}

/** The trail asks for its further pages by itself. */
const underAdmin = (api) => ({ get: (path, query) => api.get(`/admin${path}`, query) });

function standing(file) {
  const size = h("span", { class: "help" }, exactSizeOf(file));
  return h("p", { class: "standing" }, chip(file.status), size);
}

function reason({ status_reason: words }) {
  return words ? h("p", { class: "reason" }, icon("alert"), reasonOf(words)) : null;
}

function about(file) {
  return facts("About", [
    ["Owner", name(file.owner)],
    ["Type", file.type],
    ["Policy", file.policy],
    ["Sent by", file.method],
    ["Began", exactTime(file.created_at)],
    ["Changed", exactTime(file.updated_at)],
    ["Deleted", file.deleted_at && exactTime(file.deleted_at)],
    ["Id", h("code", {}, file.id)],
    ["Key", h("code", {}, file.key)],
  ]);
}
