/** Uploads in parts that an earlier page began: the same file, chosen again, goes on. */

import { announce } from "../lib/announce.js";
import { confirmed } from "../lib/dialog.js";
import { h, name } from "../lib/dom.js";
import { bytes, percent, sizeOf, timeOf } from "../lib/format.js";
import { icon } from "../lib/icons.js";
import { underWay } from "./locks.js";

/** Of so many the service is asked how far they are. */
const MOST = 20;

export class Unfinished {
  #api;
  #queue;
  #list = h("ul", { class: "uploads" });
  #shown = new Map();

  constructor({ api }, queue) {
    this.#api = api;
    this.#queue = queue;
    const words = h(
      "p",
      { class: "help" },
      "Choose the same file again: what has arrived is not sent twice.",
    );
    this.element = h(
      "section",
      { class: "card tray", hidden: true, "aria-labelledby": "unfinished" },
      h("header", {}, h("div", {}, h("h2", { id: "unfinished" }, "Not finished"), words)),
      this.#list,
    );
  }

  /** Look again which there are. */
  async load() {
    const query = { status: "pending", limit: 200 };
    const { items } = await this.#api.get("/files", query).catch(() => ({ items: [] }));
    const sending = await underWay();
    const isOurs = (record) => [...this.#queue.items].some((item) => item.record?.id === record.id);
    const found = items.filter((file) => file.multipart && !sending.has(file.id) && !isOurs(file));
    for (const id of this.#shown.keys()) if (!found.some((file) => file.id === id)) this.forget(id);
    for (const record of found.slice(0, MOST)) if (!this.#shown.has(record.id)) this.#show(record);
  }

  forget(id) {
    this.#shown.get(id)?.remove();
    this.#shown.delete(id);
    this.element.hidden = this.#shown.size === 0;
  }

  #show(record) {
    const words = h(
      "span",
      { class: "words" },
      `${sizeOf(record)}, begun `,
      timeOf(record.created_at),
    );
    const bar = h("progress", { max: 1, value: 0, "aria-label": `Arrived of ${record.filename}` });
    const problem = h("span", { class: "problem", role: "alert" });
    const title = h(
      "div",
      { class: "title" },
      name(record.filename, { class: "name one-line", title: record.filename }),
    );
    const middle = h("div", { class: "middle" }, title, bar, words, problem);
    const row = h(
      "li",
      { class: "upload", "data-state": "unfinished" },
      middle,
      this.#buttons(record, problem),
    );
    this.#shown.set(record.id, row);
    this.#list.append(row);
    this.element.hidden = false;
    this.#measure(record, bar, words);
  }

  async #measure(record, bar, words) {
    const held = await this.#api.get(`/files/${record.id}/parts`).catch(() => null);
    if (held === null) return;
    bar.value = percent(held.uploaded_bytes, record.file_size) / 100;
    words.prepend(`${bytes(held.uploaded_bytes)} of `);
  }

  #buttons(record, problem) {
    const input = h("input", {
      type: "file",
      class: "visually-hidden",
      tabindex: "-1",
      "aria-hidden": "true",
    });
    const choose = h("button", { type: "button" }, "Choose the file");
    const label = `Discard ${record.filename}`;
    const discard = h(
      "button",
      { type: "button", class: "quiet icon-only", "aria-label": label, title: "Discard" },
      icon("trash"),
    );
    choose.setAttribute("aria-label", `Choose the file ${record.filename} again`);
    choose.addEventListener("click", () => input.click());
    input.addEventListener("change", () => this.#chosen(record, input, problem));
    discard.addEventListener("click", () => this.#discard(record));
    return h("div", { class: "buttons" }, choose, input, discard);
  }

  #chosen(record, input, problem) {
    const [file] = input.files;
    input.value = "";
    if (!file) return;
    problem.textContent = difference(file, record);
    if (problem.textContent) return;
    this.forget(record.id);
    this.#queue.begin(file, { record });
  }

  async #discard(record) {
    const question = ["Discard what has arrived of ", name(record.filename), "?"];
    const act = () => this.#queue.discard(record);
    const isDone = await confirmed({
      title: "Discard the upload",
      question,
      verb: "Discard",
      isDangerous: true,
      act,
    });
    if (!isDone) return;
    this.forget(record.id);
    announce(`Discarded ${record.filename}`);
  }
}

function difference(file, record) {
  const { filename, file_size: size, size_is_limit: isLimit } = record;
  if (file.name.normalize() !== filename) return `That is another file: ${file.name}.`;
  if (isLimit ? file.size <= size : file.size === size) return "";
  return `That is another file: it has ${bytes(file.size)}, not ${sizeOf(record)}.`;
}
