/** What the list tells of a file. */

import { chip, reasonOf } from "../lib/chip.js";
import { h, name } from "../lib/dom.js";
import { sizeOf, timeOf } from "../lib/format.js";
import { icon } from "../lib/icons.js";
import { canDownload, download, remove } from "./actions.js";

/** `actions` are `{ open(file), gone(id) }`. */
export function columns(context, actions) {
  return [
    { label: "Name", cell: (file) => nameCell(file, actions), class: "main" },
    { label: "Size", cell: sizeOf, class: "number soft size" },
    { label: "Status", cell: (file) => chip(file.status), class: "status" },
    { label: "Added", cell: (file) => timeOf(file.created_at), class: "soft added" },
    {
      label: h("span", { class: "visually-hidden" }, "Actions"),
      cell: (file) => buttons(context, file, actions),
      class: "actions",
    },
  ];
}

function nameCell(file, { open }) {
  const title = name(file.filename, { class: "name one-line" });
  const opener = h(
    "button",
    { type: "button", class: "link", title: file.filename, onclick: () => open(file) },
    title,
  );
  return h("div", {}, opener, subtitle(file));
}

function subtitle({ status, status_reason: words, metadata }) {
  const reason = reasonOf(words);
  if (status === "failed" && reason)
    return h("span", { class: "problem one-line", title: reason }, reason);
  const path = metadata?.path;
  return path
    ? h(
        "span",
        { class: "folder" },
        icon("folder"),
        name(path, { class: "name one-line", title: path }),
      )
    : null;
}

function buttons(context, file, { gone }) {
  const offered = [];
  if (canDownload(file))
    offered.push(button("download", "Download", file, () => download(context, file)));
  if (context.session.has("files:write")) {
    offered.push(button("trash", "Delete", file, () => remove(context, file, () => gone(file.id))));
  }
  return h("div", { class: "buttons" }, offered);
}

function button(shape, verb, file, act) {
  const label = `${verb} ${file.filename}`;
  const attributes = { type: "button", class: "quiet icon-only", "aria-label": label, title: verb };
  return h("button", { ...attributes, onclick: act }, icon(shape));
}
