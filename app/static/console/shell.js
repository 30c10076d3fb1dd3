/** What stands around the panels: their tabs, the person, and how the connection is. */

import { Api } from "./lib/api.js";
import { h } from "./lib/dom.js";
import { mark } from "./lib/icons.js";
import { Live } from "./lib/live.js";
import { banner } from "./banner.js";
import { personMenu } from "./person.js";

/** Each module's `panel(context)` returns its element, and is loaded when it is first shown.
 *  `context` is `{ api, session, live, configuration }`. */
const TABS = [
  { id: "files", label: "Files", scope: "files:read", load: () => import("./files.js") },
  { id: "usage", label: "Usage", scope: "files:read", load: () => import("./usage.js") },
  { id: "operators", label: "Operations", scope: "admin", load: () => import("./operators.js") },
];

export class Shell extends HTMLElement {
  #context;
  #tabs;
  #links;
  #main = h("main", { id: "main", tabindex: "-1" });

  constructor(session, configuration) {
    super();
    const api = new Api(session);
    this.#context = { api, session, live: new Live(api), configuration };
    this.#tabs = TABS.filter((tab) => session.has(tab.scope)).map((tab) => ({
      ...tab,
      panel: null,
    }));
    this.#links = this.#tabs.map(({ id, label }) => h("a", { href: `#${id}` }, label));
    this.append(
      h("a", { class: "skip", href: "#main" }, "Skip to content"),
      this.#header(),
      this.#main,
    );
    this.#main.before(banner(this.#context));
  }

  connectedCallback() {
    addEventListener("hashchange", () => this.#show());
    if (this.#context.session.has("files:read")) this.#context.live.start();
    this.#show();
  }

  #header() {
    const brand = h("a", { class: "brand", href: "#files" }, mark(), h("span", {}, "Slipway"));
    const nav = h("nav", { "aria-label": "Sections" }, this.#links);
    return h("header", { class: "top" }, brand, nav, personMenu(this.#context));
  }

  async #show() {
    const asked = location.hash.slice(1);
    if (asked === "main") return this.#main.focus();
    const tab = this.#tabs.find(({ id }) => id === asked) ?? this.#tabs[0];
    if (!tab) return this.#main.replaceChildren(nothingAllowed());
    this.#tabs.forEach(({ id }, at) => setCurrent(this.#links[at], id === tab.id));
    document.title = `${tab.label} · Slipway`;
    tab.panel ??= this.#loaded(tab);
    const panel = await tab.panel;
    for (const other of this.#main.children) other.hidden = other !== panel;
  }

  async #loaded(tab) {
    const { panel } = await tab.load();
    const element = panel(this.#context);
    element.hidden = true;
    this.#main.append(element);
    return element;
  }
}

customElements.define("slipway-shell", Shell);

function setCurrent(link, isCurrent) {
  if (isCurrent) link.setAttribute("aria-current", "page");
  else link.removeAttribute("aria-current");
}

function nothingAllowed() {
  const words = "Your token holds neither files:read nor admin, so there is nothing to show.";
  return h("p", { class: "empty" }, words, " Sign out, and in again with another.");
}
