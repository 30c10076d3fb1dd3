/** Signing in: by pasting a token, or in development by one click. */

import { ApiError, BASE } from "./lib/api.js";
import { h } from "./lib/dom.js";
import { mark } from "./lib/icons.js";
import { Session } from "./lib/session.js";

/** The whole page while nobody has signed in. */
export class SignIn extends HTMLElement {
  constructor(session, configuration) {
    super();
    this.className = "sign-in";
    const form = signInForm(session, configuration);
    const words = h(
      "p",
      { class: "lead" },
      "Uploads straight to your storage, and the truth about each file.",
    );
    const card = h("main", { id: "main" }, h("h1", {}, mark(), "Slipway"), words, form);
    this.append(card);
  }
}

customElements.define("slipway-sign-in", SignIn);

/** The form alone; `session` opens once the service has taken the token. */
export function signInForm(session, configuration) {
  const problem = h("p", { class: "problem", id: "token-problem", role: "alert" });
  const token = h("textarea", {
    id: "token",
    rows: 4,
    required: true,
    autofocus: true,
    spellcheck: "false",
    autocomplete: "off",
    autocapitalize: "off",
    "aria-describedby": "token-help token-problem",
    placeholder: "eyJhbGciOi…",
  });
  const help = h(
    "p",
    { class: "help", id: "token-help" },
    "Kept in this tab alone, until you close it or sign out.",
  );
  const go = h("button", { class: "primary", type: "submit" }, "Sign in");
  const form = h(
    "form",
    { class: "stack" },
    h("label", { for: "token" }, "Access token"),
    token,
    help,
    problem,
    go,
  );
  const attempt = (work) => tried(work, { form, problem, token });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(() => signedIn(session, token.value));
  });
  token.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    form.requestSubmit();
  });
  if (configuration.development_token) form.append(developmentButton(session, attempt));
  return form;
}

function developmentButton(session, attempt) {
  const click = () => attempt(async () => signedIn(session, await developmentToken()));
  return h("button", { type: "button", class: "wide", onclick: click }, "Use a development token");
}

async function tried(work, { form, problem, token }) {
  const buttons = [...form.querySelectorAll("button")];
  for (const button of buttons) button.disabled = true;
  problem.textContent = "";
  token.removeAttribute("aria-invalid");
  try {
    await work();
  } catch (error) {
    problem.textContent = error.message;
    token.setAttribute("aria-invalid", "true");
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}

/** The service is asked first: a token that it refuses never opens the session. */
async function signedIn(session, text) {
  const token = Session.read(text);
  await accepted(token);
  session.signIn(token);
}

async function accepted(token) {
  const headers = { Authorization: `Bearer ${token}` };
  const answer = await fetch(`${BASE}/usage`, { headers, cache: "no-store" }).catch(() => null);
  if (answer === null) throw ApiError.network();
  if (answer.ok || answer.status === 403) return; // without files:read there may be other tabs
  const problem = await answer.json().catch(() => ({}));
  throw new ApiError(answer.status, problem);
}

async function developmentToken() {
  const headers = { "X-Slipway-Console": "1" };
  const answer = await fetch("development-token", { method: "POST", headers }).catch(() => null);
  if (answer === null) throw ApiError.network();
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new ApiError(answer.status, content);
  return content.token;
}
