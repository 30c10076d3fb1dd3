/** The files of the person. */

import { chip } from "./lib/chip.js";
import { h, name } from "./lib/dom.js";
import { bytes, timeOf } from "./lib/format.js";
import { Table } from "./lib/table.js";

const COLUMNS = [
  { label: "Name", cell: (file) => name(file.filename, { class: "name one-line" }) },
  { label: "Size", cell: (file) => bytes(file.file_size), class: "number soft" },
  { label: "Status", cell: (file) => chip(file.status) },
  { label: "Added", cell: (file) => timeOf(file.created_at), class: "soft" },
];

export function panel({ api, live }) {
  const table = new Table({ name: "files", label: "Files", columns: COLUMNS, key: (file) => file.id });
  live.addEventListener("ready", async () => {
    const { items } = await api.get("/files", { limit: 100 });
    table.clear();
    for (const file of items) table.put(file);
  });
  return h("section", {}, h("h1", {}, "Files"), h("div", { class: "card" }, table.element));
}
