/** The person's files: newest first, filtered, searched, and kept as they are by the live stream. */

import { complain } from "../lib/announce.js";
import { h } from "../lib/dom.js";
import { count } from "../lib/format.js";
import { Table } from "../lib/table.js";
import { columns } from "./columns.js";
import { showDetails } from "./details.js";
import { Filters } from "./filters.js";

const PAGE = 100;
/** When more files have changed than this, the list is loaded anew instead of each of them. */
const MANY = 20;
/** Milliseconds for which changes are gathered. */
const GATHERED = 300;

export class FileList {
  #context;
  #table;
  #filters = new Filters(() => this.load());
  #more = h("button", { type: "button", hidden: true, onclick: () => this.#next() }, "Show more");
  #note = h("p", { class: "note", role: "status" });
  #cursor = null;
  #loading = null;
  #changed = new Set();
  #isComing;
  #watcher = new IntersectionObserver((seen) => seen.at(-1).isIntersecting && this.#next(), {
    rootMargin: "800px",
  });

  /** `isComing(id)`: such a file will be added by itself. */
  constructor(context, isComing) {
    this.#context = context;
    this.#isComing = isComing;
    const actions = { open: (file) => this.#open(file), gone: (id) => this.#table.remove(id) };
    this.#table = new Table({
      name: "files",
      label: "Files, newest first",
      columns: columns(context, actions),
      key: (file) => file.id,
      order: (one, other) => (one.id < other.id ? 1 : -1),
    });
    const head = h("header", {}, h("h1", {}, "Files"), this.#filters.element);
    const foot = h("footer", {}, this.#note, this.#more);
    this.element = h("section", { class: "card file-list" }, head, this.#table.element, foot);
    context.live.whenReady(() => this.load());
    context.live.addEventListener("file", ({ detail }) => this.#happened(detail));
  }

  /** From the beginning, with the filters as they are. */
  async load() {
    this.#loading?.abort();
    this.#cursor = null;
    const loading = (this.#loading = new AbortController());
    this.element.setAttribute("aria-busy", "true");
    const page = await this.#page(loading.signal);
    if (loading.signal.aborted) return;
    this.element.removeAttribute("aria-busy");
    if (page === null) return;
    this.#keepOnly(page.items);
    this.#shown(page);
  }

  /** A file that has just come. */
  add(file) {
    if (!this.#filters.matches(file)) return;
    const isNew = !this.#table.has(file.id);
    const row = this.#table.put(file);
    row.classList.toggle("new", isNew);
    this.#say();
  }

  /** Something has happened to a file that may not be in the list. */
  lookAt(id) {
    if (this.#changed.size === 0) setTimeout(() => this.#catchUp(), GATHERED);
    this.#changed.add(id);
  }

  async #next() {
    if (this.#cursor === null || this.#more.disabled) return;
    const { signal } = this.#loading;
    this.#more.disabled = true;
    const page = await this.#page(signal);
    this.#more.disabled = false;
    if (page !== null && !signal.aborted) this.#shown(page);
  }

  /** A search may find nothing on a page and still go on. */
  async #page(signal) {
    const query = { ...this.#filters.value, limit: PAGE };
    try {
      let page = { next_cursor: this.#cursor };
      do {
        page = await this.#context.api.get(
          "/files",
          { ...query, cursor: page.next_cursor },
          { signal },
        );
      } while (page.items.length === 0 && page.next_cursor !== null);
      return page;
    } catch (error) {
      if (!signal.aborted) this.#failed(error);
      return null;
    }
  }

  #shown({ items, next_cursor: cursor }) {
    for (const file of items) this.#table.put(file);
    this.#cursor = cursor;
    this.#more.hidden = cursor === null;
    this.#watchEnd();
    this.#say();
  }

  /** What stays keeps its row, and with it the place and the focus of the reader. */
  #keepOnly(items) {
    const ids = new Set(items.map((file) => file.id));
    for (const id of [...this.#table.keys()]) if (!ids.has(id)) this.#table.remove(id);
  }

  #failed(error) {
    const again = h("button", { type: "button", onclick: () => this.load() }, "Try again");
    this.#note.replaceChildren(h("span", { class: "problem" }, error.message), again);
    this.element.classList.toggle("is-empty", this.#table.size === 0);
    this.element.removeAttribute("aria-busy");
  }

  #say() {
    const { size } = this.#table;
    const isBare = size === 0 && !this.#filters.isSet;
    this.element.classList.toggle("is-empty", size === 0);
    this.element.classList.toggle("is-bare", isBare);
    if (isBare) this.#note.textContent = "No files yet. What you upload appears here.";
    else if (size === 0)
      this.#note.replaceChildren("No file matches.", this.#filters.clearButton());
    else this.#note.textContent = count(size, "file") + (this.#cursor === null ? "" : ", and more");
  }

  #happened({ id, status, status_reason: reason }) {
    if (status === "deleted") {
      this.#table.remove(id);
      return this.#say();
    }
    const file = this.#table.item(id);
    if (file) this.#put({ ...file, status, status_reason: reason });
    else if (!this.#isComing(id)) this.lookAt(id);
  }

  /** Files that are not in the list: from elsewhere, or such as the filters did not let in. */
  async #catchUp() {
    const ids = [...this.#changed].filter((id) => !this.#isComing(id));
    this.#changed.clear();
    if (ids.length > MANY) return this.load();
    for (const id of ids) {
      const file = await this.#context.api.get(`/files/${id}`).catch(() => null); // gone by now
      if (file !== null) this.add(file);
    }
  }

  #put(file) {
    if (this.#filters.matches(file)) this.#table.put(file);
    else this.#table.remove(file.id);
    this.#say();
  }

  #open(file) {
    const gone = () => {
      this.#table.remove(file.id);
      this.#say();
    };
    showDetails(this.#context, file.id, gone).catch((error) => complain(error.message));
  }

  /** The next page comes before the end of this one is reached. A watcher tells of changes alone:
   *  where the end is still near, it must be asked anew. */
  #watchEnd() {
    this.#watcher.unobserve(this.#more);
    if (this.#cursor !== null) this.#watcher.observe(this.#more);
  }
}
