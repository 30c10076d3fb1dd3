/** Dark or light: the system's choice, or the reader's own, kept for the next time. */

import { h } from "./lib/dom.js";
import { icon } from "./lib/icons.js";

const KEPT = "slipway.theme";
const THEMES = { system: "As the system", light: "Light", dark: "Dark" };

const chosen = () => localStorage.getItem(KEPT) ?? "system";

export function applyTheme() {
  document.documentElement.dataset.theme = chosen();
}

export function themeChoice() {
  const options = Object.entries(THEMES).map(([value, label]) => {
    return h("option", { value, selected: value === chosen() }, label);
  });
  const select = h("select", { "aria-label": "Colours" }, options);
  select.addEventListener("change", () => {
    localStorage.setItem(KEPT, select.value);
    applyTheme();
  });
  return h("label", { class: "theme" }, icon("theme"), select);
}
