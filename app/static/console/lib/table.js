/** Rows that are updated in place. Far ones are not laid out (`content-visibility`), so that
 *  thousands scroll smoothly; a native table cannot do that, hence the roles. */

import { h } from "./dom.js";
import { succeed } from "./focus.js";

/** `columns` are `{ label, cell(item) -> node or text, class }`; `key(item)` tells items apart.
 *  With `order`, which is as of Array.sort, items find their place by themselves.
 *  The style sheet gives each table its widths: `.table.<name> { --columns: … }`. */
export class Table {
  #columns;
  #key;
  #order;
  #rows = new Map();
  #items = new WeakMap();
  #body = h("div", { role: "rowgroup", class: "rows" });

  constructor({ name, label, columns, key, order = null }) {
    this.#columns = columns;
    this.#key = key;
    this.#order = order;
    const cells = columns.map(headCell);
    const head = h("div", { role: "rowgroup" }, h("div", { role: "row", class: "head" }, cells));
    this.element = h(
      "div",
      { role: "table", class: `table ${name}`, "aria-label": label },
      head,
      this.#body,
    );
  }

  get size() {
    return this.#rows.size;
  }

  /** The row's element, undefined without one. */
  row(key) {
    return this.#rows.get(key);
  }

  keys() {
    return this.#rows.keys();
  }

  has(key) {
    return this.#rows.has(key);
  }

  clear() {
    this.#rows.clear();
    this.#body.replaceChildren();
  }

  /** The item of a key, undefined without one. */
  item(key) {
    return this.#items.get(this.#rows.get(key));
  }

  /** Draws the item anew where it stands, or a row for it in its place; returns the row. */
  put(item) {
    const cells = this.#columns.map((column) => bodyCell(column, item));
    const present = this.#rows.get(this.#key(item));
    const row = present ? redrawn(present, cells) : h("div", { role: "row", class: "row" }, cells);
    this.#items.set(row, item);
    if (present) return row;
    this.#rows.set(this.#key(item), row);
    this.#body.insertBefore(row, this.#follower(item));
    return row;
  }

  /** The row that the item's comes before; null for the end, where most belong. */
  #follower(item) {
    const isAfter = (row) => this.#order(this.#items.get(row), item) <= 0;
    const last = this.#body.lastElementChild;
    if (this.#order === null || last === null || isAfter(last)) return null;
    let row = this.#body.firstElementChild;
    while (isAfter(row)) row = row.nextElementSibling;
    return row;
  }

  /** Focus inside the row goes to a neighbour's. */
  remove(key) {
    const row = this.#rows.get(key);
    if (!row) return;
    const neighbour = row.nextElementSibling ?? row.previousElementSibling;
    if (row.contains(document.activeElement)) neighbour?.querySelector("button, a")?.focus();
    row.remove();
    this.#rows.delete(key);
  }
}

function headCell({ label, class: kind = "" }) {
  return h("div", { role: "columnheader", class: kind }, h("span", {}, label));
}

function bodyCell({ cell, class: kind = "" }, item) {
  return h("div", { role: "cell", class: kind }, cell(item));
}

/** A control that has the focus, or gets it back from a dialog, hands it on to its likeness. */
function redrawn(row, cells) {
  const former = [...row.querySelectorAll("button, a")];
  const focused = former.indexOf(document.activeElement);
  row.replaceChildren(...cells);
  const present = [...row.querySelectorAll("button, a")];
  former.forEach((control, index) => present[index] && succeed(control, present[index]));
  present[focused]?.focus();
  return row;
}
