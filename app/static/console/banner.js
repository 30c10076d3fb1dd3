/** Says when there is no network, no service or no token, and what becomes of the work meanwhile. */

import { h, setText } from "./lib/dom.js";
import { duration } from "./lib/format.js";
import { icon } from "./lib/icons.js";
import { askAgain } from "./renewal.js";

/** Milliseconds for which a lost stream is nobody's concern: networks change. */
const GRACE = 4_000;
const LOOK_EVERY = 1_000;

export function banner({ live, session, configuration }) {
  const words = h("span", {});
  const act = h("button", { type: "button" });
  const element = h(
    "div",
    { class: "banner", role: "status", hidden: true },
    icon("offline"),
    words,
    act,
  );
  let trouble = null;
  act.addEventListener("click", () => trouble.act());

  const look = () => {
    trouble = isOffline() ?? withoutToken(session, configuration) ?? withoutService(live);
    element.hidden = trouble === null;
    act.hidden = !trouble?.act;
    if (trouble === null) return;
    setText(words, trouble.text);
    setText(act, trouble.verb ?? "");
  };
  live.addEventListener("state", look);
  session.addEventListener("change", look);
  session.addEventListener("refused", () => {
    look();
    askAgain(session, configuration);
  });
  for (const type of ["online", "offline"]) addEventListener(type, look);
  setInterval(look, LOOK_EVERY);
  look();
  return element;
}

function isOffline() {
  if (navigator.onLine !== false) return null;
  return { text: "You are offline. Uploads wait, and go on by themselves." };
}

function withoutToken(session, configuration) {
  if (!session.isRefused) return null;
  const text = "Your token is not accepted any more. Uploads wait for a new one.";
  return { text, verb: "Sign in again", act: () => askAgain(session, configuration) };
}

function withoutService(live) {
  if (live.state === "live" || Date.now() - live.lostAt < GRACE) return null;
  const left = live.nextTry === null ? 0 : live.nextTry - Date.now();
  const when = left > 0 ? `Next try in ${duration(left / 1000)}` : "Trying now";
  const text = `The service does not answer. ${when}; uploads wait for it.`;
  return { text, verb: "Try now", act: () => live.retry() };
}
