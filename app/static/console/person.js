/** Who has signed in, until when, with what rights; colours; signing out. */

import { h, name, setText } from "./lib/dom.js";
import { exactTime } from "./lib/format.js";
import { icon } from "./lib/icons.js";
import { themeChoice } from "./theme.js";

const LIVE = { live: "Live", connecting: "Connecting", lost: "Not connected" };

export function personMenu({ session, live }) {
  const { subject, scopes } = session.claims;
  const menu = h(
    "div",
    { class: "menu", id: "person", popover: "auto" },
    h("p", { class: "who" }, "Signed in as ", name(subject)),
    ending(session),
    h(
      "ul",
      { class: "scopes", "aria-label": "Rights" },
      scopes.map((scope) => h("li", {}, scope)),
    ),
    themeChoice(),
    h("button", { type: "button", class: "wide", onclick: () => session.signOut() }, "Sign out"),
  );
  const opener = h(
    "button",
    { type: "button", class: "quiet person", popovertarget: "person" },
    h(
      "span",
      { class: "avatar", "aria-hidden": "true" },
      Array.from(subject)[0]?.toUpperCase() ?? "?",
    ),
    name(subject),
    icon("more"),
  );
  return h(
    "div",
    { class: "right" },
    session.has("files:read") ? liveness(live) : null,
    opener,
    menu,
  );
}

/** Another token for the same person lasts longer. */
function ending(session) {
  const element = h("p", { class: "help" });
  const look = () => {
    const { endsAt } = session.claims;
    setText(element, endsAt ? `Until ${exactTime(endsAt)}` : "The token does not say until when");
  };
  session.addEventListener("change", look);
  look();
  return element;
}

function liveness(live) {
  const words = h("span", {});
  const element = h("span", { class: "liveness" }, h("span", { class: "dot" }), words);
  const look = () => {
    element.dataset.state = live.state;
    setText(words, LIVE[live.state]);
  };
  live.addEventListener("state", look);
  look();
  return element;
}
