/** Which files are listed: by status, and by a part of the name. */

import { STATUSES, wordOf } from "../lib/chip.js";
import { h } from "../lib/dom.js";
import { icon } from "../lib/icons.js";

/** Milliseconds without a key until a search begins. */
const TYPED = 250;

export class Filters {
  #status = "";
  #search;
  #segments;
  #onChange;

  constructor(onChange) {
    this.#onChange = onChange;
    this.#search = h("input", {
      type: "search",
      "aria-label": "Search by name",
      placeholder: "Search by name",
      maxlength: 255,
      autocomplete: "off",
      spellcheck: "false",
    });
    this.#search.addEventListener(
      "input",
      debounced(() => this.#searched(), TYPED),
    );
    this.#segments = segments((status) => {
      this.#status = status;
      onChange();
    });
    const field = h("div", { class: "field" }, icon("search"), this.#search);
    this.element = h("div", { class: "filters", role: "search" }, field, this.#segments);
  }

  /** As `GET /files` takes it. */
  get value() {
    return { status: this.#status, q: this.#text };
  }

  get isSet() {
    return this.#status !== "" || this.#text !== "";
  }

  /** As the service would decide. */
  matches({ status, filename }) {
    const has = filename.toLowerCase().includes(this.#text.toLowerCase());
    return has && ["", status].includes(this.#status);
  }

  clearButton() {
    return h("button", { type: "button", onclick: () => this.#clear() }, "Show all files");
  }

  get #text() {
    return this.#search.value.trim().normalize();
  }

  #searched() {
    const wrong = /[/\\\p{Cc}]/u.test(this.#text);
    this.#search.setCustomValidity(wrong ? "No file name has a slash in it." : "");
    if (wrong) this.#search.reportValidity();
    else this.#onChange();
  }

  #clear() {
    this.#search.value = "";
    this.#status = "";
    this.#segments.querySelector("input").checked = true;
    this.#search.focus();
    this.#onChange();
  }
}

function segments(choose) {
  const choices = [["", "All"], ...STATUSES.map((status) => [status, wordOf(status)])];
  const labels = choices.map(([value, word]) => {
    const input = h("input", { type: "radio", name: "status", value, checked: value === "" });
    input.addEventListener("change", () => choose(value));
    return h("label", {}, input, word);
  });
  return h(
    "fieldset",
    { class: "segments" },
    h("legend", { class: "visually-hidden" }, "Status"),
    labels,
  );
}

function debounced(act, milliseconds) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(act, milliseconds);
  };
}
