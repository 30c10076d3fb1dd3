/** Everybody's uploads: by default those that failed, and why. */

import { chip, isTelling, STATUSES, wordOf } from "../lib/chip.js";
import { h, name } from "../lib/dom.js";
import { sizeOf, timeOf } from "../lib/format.js";
import { icon } from "../lib/icons.js";
import { Table } from "../lib/table.js";
import { choice, textField } from "./controls.js";
import { showFile } from "./file.js";
import { PagedList } from "./paged.js";
import { REASONS } from "./words.js";

const PAGE = 50;
const FAILED = { status: "failed", reason: "", owner: "" };

export function failures(api) {
  let wanted = { ...FAILED };
  const table = new Table({
    name: "everybodys",
    label: "Uploads of everybody, newest first",
    columns: columns((file) => showFile(api, file)),
    key: (file) => file.id,
  });
  const change = (changes) => {
    wanted = { ...wanted, ...changes };
    if (wanted.reason) wanted.status = "failed";
    show();
    list.load();
  };
  const status = choice({
    label: "Status",
    choices: [["", "Every status"], ...STATUSES.map((each) => [each, wordOf(each)])],
    choose: (value) => change({ status: value, reason: "" }),
  });
  const reason = choice({
    label: "Reason",
    choices: [["", "Every reason"], ...Object.entries(REASONS)],
    choose: (value) => change({ reason: value }),
  });
  const owner = textField({ label: "Owner", enter: (value) => change({ owner: value.trim() }) });
  const show = () => {
    [status.value, reason.value] = [wanted.status, wanted.reason];
    if (owner.value.trim() !== wanted.owner) owner.value = wanted.owner;
  };
  const list = new PagedList({
    get: (cursor, signal) => api.get("/admin/files", { ...wanted, limit: PAGE, cursor }, { signal }),
    table,
    tools: [h("h2", {}, "Uploads"), filters(status, reason, owner)],
    words: {
      one: "upload",
      none: () => (wanted.status === "failed" ? "No upload has failed." : "No upload matches."),
    },
  });
  const load = (asked) => {
    if (asked) wanted = { ...FAILED, ...asked };
    show();
    return list.load();
  };
  return { element: list.element, load };
}

function filters(status, reason, owner) {
  const field = h("div", { class: "field" }, icon("search"), owner);
  return h("div", { class: "filters", role: "search" }, field, status, reason);
}

function columns(open) {
  return [
    { label: "File", cell: (file) => titleCell(file, open), class: "main" },
    { label: "Owner", cell: ({ owner }) => name(owner, { class: "name one-line" }), class: "owner" },
    { label: "Size", cell: sizeOf, class: "number soft size" },
    { label: "Status", cell: (file) => chip(file.status), class: "status" },
    { label: "Changed", cell: (file) => timeOf(file.updated_at), class: "soft added" },
  ];
}

function titleCell(file, open) {
  const title = name(file.filename, { class: "name one-line" });
  const attributes = { type: "button", class: "link", title: file.filename };
  const opener = h("button", { ...attributes, onclick: () => open(file) }, title);
  return h("div", {}, opener, why(file));
}

function why({ reason, status_reason: words }) {
  if (!reason) return null;
  const text = isTelling(words) ? `${REASONS[reason]}: ${words}` : REASONS[reason];
  return h("span", { class: "problem one-line", title: text }, text);
}
