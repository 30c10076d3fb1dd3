/** Rows that are updated in place. Far ones are not laid out (`content-visibility`), so that
 *  thousands scroll smoothly; a native table cannot do that, hence the roles. */

import { h } from "./dom.js";

/** `columns` are `{ label, cell(item) -> node or text, class }`; `key(item)` tells items apart.
 *  The style sheet gives each table its widths: `.table.<name> { --columns: … }`. */
export class Table {
  #columns;
  #key;
  #rows = new Map();
  #body = h("div", { role: "rowgroup", class: "rows" });

  constructor({ name, label, columns, key }) {
    this.#columns = columns;
    this.#key = key;
    const cells = columns.map(headCell);
    const head = h("div", { role: "rowgroup" }, h("div", { role: "row", class: "head" }, cells));
    this.element = h("div", { role: "table", class: `table ${name}`, "aria-label": label }, head, this.#body);
  }

  get size() {
    return this.#rows.size;
  }

  /** The row's element, undefined without one. */
  row(key) {
    return this.#rows.get(key);
  }

  has(key) {
    return this.#rows.has(key);
  }

  clear() {
    this.#rows.clear();
    this.#body.replaceChildren();
  }

  /** Draws the item anew where it stands, else at the end, or before all others. */
  put(item, { first = false } = {}) {
    const key = this.#key(item);
    const cells = this.#columns.map((column) => bodyCell(column, item));
    const row = this.#rows.get(key);
    if (row) return redrawn(row, cells);
    const made = h("div", { role: "row", class: "row" }, cells);
    this.#rows.set(key, made);
    if (first) this.#body.prepend(made);
    else this.#body.append(made);
    return made;
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

/** A control that has the focus keeps it: its likeness in the new cells is focused. */
function redrawn(row, cells) {
  const controls = [...row.querySelectorAll("button, a")];
  const focused = controls.indexOf(document.activeElement);
  row.replaceChildren(...cells);
  if (focused >= 0) row.querySelectorAll("button, a")[focused]?.focus();
  return row;
}
