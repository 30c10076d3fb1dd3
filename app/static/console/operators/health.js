/** Each part of the service, and what the doctor finds. */

import { announce } from "../lib/announce.js";
import { h } from "../lib/dom.js";
import { count, exactTime } from "../lib/format.js";
import { icon } from "../lib/icons.js";
import { badge } from "./words.js";

const PARTS = { service: "Service", database: "Database", migrations: "Migrations", storage: "Object store" };
const VERDICTS = {
  failure: ["failed", "Failure"],
  warning: ["processing", "Warning"],
  note: ["uploaded", "Note"],
  skipped: ["pending", "Skipped"],
  ok: ["completed", "Fine"],
};
const PURPOSE =
  "Tries credentials, rights, uploads by each method, CORS, the database, workers and settings. " +
  "It takes some seconds, and writes a few small objects, which it removes.";
const GRAVITY = Object.keys(VERDICTS);

export function health(api) {
  const parts = h("ul", { class: "parts" });
  const findings = h("div", { class: "findings" });
  const words = h("p", { class: "help", role: "status" }, PURPOSE);
  const examine = h("button", { type: "button", class: "primary" }, "Examine everything");
  examine.addEventListener("click", () => ask(api, { examine, words, findings }));
  const doctor = h(
    "section",
    { class: "card doctor", "aria-label": "Doctor" },
    h("header", {}, h("div", {}, h("h2", {}, "Doctor"), words), examine),
    findings,
  );
  const load = async () => {
    const { checks } = await api.get("/admin/health").catch(withoutAnswer);
    parts.replaceChildren(...partsOf(checks));
  };
  const ready = h("section", { class: "card ready", "aria-label": "Parts" }, parts);
  return { element: h("div", { class: "stack wide" }, ready, doctor), load };
}

const withoutAnswer = (error) => ({ checks: { service: error.message } });

function partsOf(checks) {
  return Object.entries(checks).map(([part, state]) => {
    const isUp = state === "ok";
    const chip = isUp ? badge("completed", "Up") : badge("failed", "Down");
    const why = isUp ? null : h("p", { class: "problem" }, state);
    return h("li", {}, h("p", {}, h("strong", {}, PARTS[part] ?? part), chip), why);
  });
}

async function ask(api, { examine, words, findings }) {
  examine.disabled = true;
  words.textContent = "Examining…";
  findings.setAttribute("aria-busy", "true");
  try {
    const diagnosis = await api.get("/doctor");
    words.textContent = summary(diagnosis);
    findings.replaceChildren(...checksOf(diagnosis));
  } catch (error) {
    words.replaceChildren(h("span", { class: "problem" }, error.message));
  }
  findings.removeAttribute("aria-busy");
  examine.replaceChildren("Examine again");
  examine.disabled = false;
}

function summary({ problems, checks, at, seconds }) {
  const found = problems === 0 ? "Nothing is wrong" : `${count(problems, "problem")} found`;
  const took = `${count(checks.length, "check")} in ${seconds.toFixed(1)} s`;
  return `${found}. ${took}, ${exactTime(at)}.`;
}

/** What is wrong first and open; what is fine folded up, all of it together. */
function checksOf({ checks }) {
  const sorted = checks.toSorted(
    (one, other) => GRAVITY.indexOf(one.verdict) - GRAVITY.indexOf(other.verdict),
  );
  const fine = sorted.filter(({ verdict }) => verdict === "ok");
  const others = sorted.filter(({ verdict }) => verdict !== "ok");
  const words = `${count(fine.length, "check")} ${fine.length === 1 ? "is" : "are"} fine`;
  return [...others.map(check), fine.length ? together(words, fine) : ""];
}

const isProblem = ({ verdict }) => ["failure", "warning"].includes(verdict);

function folded(title, verdict, content) {
  const head = h("summary", {}, icon("more"), h("strong", {}, title), badge(...VERDICTS[verdict]));
  return h("details", {}, head, content);
}

function together(title, checks) {
  const element = folded(title, "ok", checks.map(check));
  element.classList.add("fine");
  return element;
}

function check({ title, verdict, findings }) {
  const element = folded(title, verdict, findings.map(finding));
  element.open = isProblem({ verdict });
  return element;
}

function finding({ verdict, what, why, remedy }) {
  return h(
    "div",
    { class: `finding ${verdict}` },
    h("p", { class: "what" }, isProblem({ verdict }) ? icon("alert") : null, h("span", {}, what)),
    why ? h("p", { class: "help" }, why) : null,
    remedy ? remedyOf(remedy) : null,
  );
}

function remedyOf({ text, command, document: taken }) {
  return h(
    "div",
    { class: "remedy" },
    h("p", {}, text),
    command ? code(command, "Command") : null,
    taken ? code(JSON.stringify(taken, null, 2), "Document") : null,
  );
}

/** With a button that copies it, where the page may: a secure context. */
function code(text, label) {
  const block = h("pre", { tabindex: "0", role: "region", "aria-label": label });
  block.append(h("code", {}, text));
  if (!navigator.clipboard) return block;
  const copy = h("button", { type: "button", "aria-label": `Copy: ${label}` }, "Copy");
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    announce("Copied");
    copy.replaceChildren("Copied");
  });
  return h("div", { class: "code" }, block, copy);
}
