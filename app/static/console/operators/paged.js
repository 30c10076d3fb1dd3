/** A list of the API, page by page: what is there, that there is nothing, or why it cannot be told. */

import { h } from "../lib/dom.js";
import { count } from "../lib/format.js";

export class PagedList {
  #get;
  #table;
  #words;
  #note = h("p", { class: "note", role: "status" });
  #more = h("button", { type: "button", hidden: true }, "Show more");
  #cursor = null;
  #loading = null;

  /** `get(cursor, signal)` asks for a page. `words` are `{ one, many, none }`, the last of them
   *  text or a function that returns what stands there when nothing was found. */
  constructor({ get, table, words, tools = [] }) {
    this.#get = get;
    this.#table = table;
    this.#words = words;
    this.#more.addEventListener("click", () => this.#next());
    const head = h("header", {}, ...tools);
    const foot = h("footer", {}, this.#note, this.#more);
    this.element = h("section", { class: "card file-list" }, head, table.element, foot);
  }

  /** From the beginning. */
  async load() {
    this.#loading?.abort();
    this.#cursor = null;
    const { signal } = (this.#loading = new AbortController());
    this.element.setAttribute("aria-busy", "true");
    const page = await this.#page(signal);
    if (signal.aborted) return;
    this.element.removeAttribute("aria-busy");
    if (page === null) return;
    this.#table.clear();
    this.#shown(page);
  }

  /** After a row has gone. */
  say() {
    const { size } = this.#table;
    const { one, many, none } = this.#words;
    this.element.classList.toggle("is-empty", size === 0);
    if (size > 0) {
      const more = this.#cursor === null ? "" : ", and more";
      this.#note.textContent = count(size, one, many) + more;
    } else if (this.#cursor !== null) this.#note.textContent = "Nothing yet: older ones are left.";
    else this.#note.replaceChildren(typeof none === "string" ? none : none());
  }

  async #next() {
    const { signal } = this.#loading;
    this.#more.disabled = true;
    const page = await this.#page(signal);
    this.#more.disabled = false;
    if (page !== null && !signal.aborted) this.#shown(page);
  }

  async #page(signal) {
    try {
      return await this.#get(this.#cursor, signal);
    } catch (error) {
      if (!signal.aborted) this.#failed(error);
      return null;
    }
  }

  #shown({ items, next_cursor: cursor }) {
    for (const item of items) this.#table.put(item);
    this.#cursor = cursor;
    this.#more.hidden = cursor === null;
    this.say();
  }

  #failed(error) {
    const again = h("button", { type: "button", onclick: () => this.load() }, "Try again");
    this.element.removeAttribute("aria-busy");
    this.#note.replaceChildren(h("span", { class: "problem" }, error.message), " ", again);
  }
}
