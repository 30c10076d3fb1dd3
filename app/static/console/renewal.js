/** A token that ends is replaced without losing what is under way: calls wait meanwhile. */

import { h } from "./lib/dom.js";
import { openDialog } from "./lib/dialog.js";
import { signInForm } from "./sign-in.js";

/** Closes by itself once somebody has signed in. */
export function askAgain(session, configuration) {
  const words = h(
    "p",
    {},
    "Your token is not accepted any more. Paste a new one: uploads wait for it, and go on.",
  );
  const signOut = () => session.signOut();
  const out = h("button", { type: "button", class: "wide quiet", onclick: signOut }, "Sign out");
  const content = h("div", { class: "stack" }, words, signInForm(session, configuration), out);
  const dialog = openDialog({ title: "Sign in again", content });
  session.addEventListener("change", () => dialog.close(), { once: true });
}
