/** Tabs after the pattern of https://www.w3.org/WAI/ARIA/apg/patterns/tabs/. */

import { h } from "../lib/dom.js";

const STEPS = { ArrowRight: 1, ArrowLeft: -1 };

export class Tabs {
  #views;
  #make;
  #made = new Map();
  #buttons = new Map();

  /** `make(view)` returns `{ element, load(wanted) }`. */
  constructor({ label, views, make }) {
    this.#views = views;
    this.#make = make;
    for (const view of views) this.#buttons.set(view.id, this.#button(view));
    const buttons = [...this.#buttons.values()];
    this.list = h("div", { class: "segments tabs", role: "tablist", "aria-label": label }, buttons);
    this.list.addEventListener("keydown", (event) => this.#move(event));
    this.panels = h("div", { class: "views" });
  }

  show(id, wanted) {
    const shown = this.#view(id);
    for (const [other, { element }] of this.#made) element.hidden = other !== id;
    for (const [other, button] of this.#buttons) {
      button.setAttribute("aria-selected", String(other === id));
      button.tabIndex = other === id ? 0 : -1;
    }
    this.#buttons.get(id).scrollIntoView?.({ block: "nearest", inline: "nearest" });
    shown.view.load(wanted);
  }

  #view(id) {
    const known = this.#made.get(id);
    if (known) return known;
    const view = this.#make(this.#views.find((each) => each.id === id));
    const attributes = { role: "tabpanel", id: panelOf(id), "aria-labelledby": tabOf(id) };
    const element = h("div", { ...attributes, class: "view" }, view.element);
    this.panels.append(element);
    this.#made.set(id, { view, element });
    return this.#made.get(id);
  }

  #button({ id, label }) {
    const attributes = { type: "button", role: "tab", id: tabOf(id), "aria-selected": "false" };
    return h("button", { ...attributes, class: "quiet", onclick: () => this.show(id) }, label);
  }

  #move(event) {
    const buttons = [...this.#buttons.values()];
    const at = buttons.indexOf(event.target);
    const step = STEPS[event.key];
    const last = buttons.length - 1;
    const next = { Home: 0, End: last }[event.key] ?? (at + step + buttons.length) % buttons.length;
    if (at < 0 || (step === undefined && !["Home", "End"].includes(event.key))) return;
    event.preventDefault();
    buttons[next].focus();
    buttons[next].click();
  }
}

const tabOf = (id) => `operators-${id}`;
const panelOf = (id) => `operators-${id}-panel`;
