/** All that the service knows of a file, along the side of the page. */

import { chip, reasonOf } from "../lib/chip.js";
import { openDialog } from "../lib/dialog.js";
import { h, name } from "../lib/dom.js";
import { facts } from "../lib/facts.js";
import { bytes, exactSizeOf, exactTime } from "../lib/format.js";
import { icon } from "../lib/icons.js";
import { canDownload, download, remove } from "./actions.js";
import { auditTrail } from "./trail.js";

/** Kept as the file is while it is open. `gone` is called when the file has been deleted. */
export async function showDetails(context, id, gone) {
  const file = await context.api.get(`/files/${id}`);
  const content = h("div", { class: "details" });
  const dialog = openDialog({ title: name(file.filename), kind: "sheet", content });
  const close = () => dialog.close();
  const draw = async (known) => {
    const trail = await context.api.get(`/files/${id}/events`).catch((error) => ({ error }));
    content.replaceChildren(...parts(context, known, trail, () => (close(), gone())));
  };
  const follow = async ({ detail }) => {
    if (detail.id !== id) return;
    if (detail.status === "deleted") return close();
    await context.api.get(`/files/${id}`).then(draw, () => {});
  };
  context.live.addEventListener("file", follow);
  dialog.addEventListener("close", () => context.live.removeEventListener("file", follow));
  await draw(file);
}

function parts(context, file, trail, gone) {
  return [
    h("p", { class: "standing" }, chip(file.status), h("span", { class: "help" }, exactSizeOf(file))),
    reason(file),
    buttons(context, file, gone),
    facts("About", about(file)),
    facts(
      "Metadata",
      Object.entries(file.metadata).map(([key, value]) => [key, name(value)]),
    ),
    auditTrail(context.api, file.id, trail),
    facts("For support", technical(file)),
  ].filter((part) => part !== null);
}

function reason({ status_reason: words }) {
  return words ? h("p", { class: "reason" }, icon("alert"), reasonOf(words)) : null;
}

function buttons(context, file, gone) {
  const offered = [];
  if (canDownload(file)) {
    offered.push(
      h(
        "button",
        { type: "button", class: "primary", onclick: () => download(context, file) },
        icon("download"),
        "Download",
      ),
    );
  }
  if (context.session.has("files:write")) {
    offered.push(
      h(
        "button",
        { type: "button", onclick: () => remove(context, file, gone) },
        icon("trash"),
        "Delete",
      ),
    );
  }
  return offered.length ? h("div", { class: "buttons" }, offered) : null;
}

function about(file) {
  return [
    ["Name", name(file.filename)],
    ["Type", file.type],
    ["Policy", file.policy],
    ["Added", at(file.created_at)],
    ["Uploaded", at(file.uploaded_at)],
    ["Processing since", at(file.processing_at)],
    ["Completed", at(file.completed_at)],
    ["Failed", at(file.failed_at)],
    ["Checksum", file.checksum && `${file.checksum.algorithm} ${file.checksum.value}`],
  ];
}

function technical(file) {
  return [
    ["Id", code(file.id)],
    ["Key", code(file.key)],
    ["ETag", file.etag && code(file.etag)],
    ["Version", file.version_id && code(file.version_id)],
    ["Sent by", file.multipart ? partsOf(file.multipart) : file.method],
  ];
}

/** Some programs choose their parts by themselves, and nobody knows their size. */
const partsOf = ({ part_size: size }) => (size === null ? "parts" : `parts of ${bytes(size)}`);
const code = (text) => h("code", {}, text);
const at = (moment) => moment && h("time", { datetime: moment }, exactTime(moment));
