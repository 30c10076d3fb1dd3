/** Everybody who has files, and what they hold. */

import { bar } from "../lib/bar.js";
import { h, name } from "../lib/dom.js";
import { bytes, count } from "../lib/format.js";
import { Table } from "../lib/table.js";
import { PagedList } from "./paged.js";

const PAGE = 50;

export function owners(api, go) {
  const table = new Table({
    name: "owners",
    label: "Owners, by name",
    columns: columns((owner) => go("uploads", { owner, status: "" })),
    key: ({ owner }) => owner,
  });
  const list = new PagedList({
    get: (cursor, signal) => api.get("/admin/owners", { limit: PAGE, cursor }, { signal }),
    table,
    tools: [h("h2", {}, "Owners")],
    words: { one: "owner", none: "Nobody has uploaded anything yet." },
  });
  return { element: list.element, load: () => list.load() };
}

function columns(open) {
  return [
    { label: "Owner", cell: ({ owner }) => opener(owner, open), class: "main" },
    { label: "Stored", cell: stored, class: "stored" },
    { label: "Files", cell: filesOf, class: "number files-of" },
    { label: "On the way", cell: onTheWay, class: "number soft way" },
  ];
}

function opener(owner, open) {
  const title = name(owner, { class: "name one-line" });
  const attributes = { type: "button", class: "link", title: "Show the uploads of this owner" };
  return h("button", { ...attributes, onclick: () => open(owner) }, title);
}

function stored({ owner, used, reserved, limit, overridden }) {
  const parts = [
    { value: used.bytes, kind: "used" },
    { value: reserved.bytes, kind: "reserved" },
  ];
  const bound = limit.bytes === null ? "no limit" : `of ${bytes(limit.bytes)}`;
  const own = overridden ? ", a limit of their own" : "";
  if (limit.bytes === null) return `${bytes(used.bytes)} · ${bound}${own}`;
  const text = `${bytes(used.bytes)} ${bound}${own}`;
  return bar({ label: "", text, parts, limit: limit.bytes, isQuota: true });
}

/** On narrow screens there is no heading to say what is counted. */
function filesOf({ used }) {
  const unit = used.files === 1 ? " file" : " files";
  const words = h("span", { class: "narrow-only" }, unit);
  return h("span", {}, used.files.toLocaleString("en"), words);
}

function onTheWay({ reserved }) {
  if (reserved.files === 0) return h("span", { class: "none" }, "–");
  const words = h("span", { class: "narrow-only" }, " on the way");
  return h("span", {}, `${count(reserved.files, "file")}, ${bytes(reserved.bytes)}`, words);
}
