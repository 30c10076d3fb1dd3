/** Everybody's webhooks, how their endpoints do, and sending again what did not arrive. */

import { h, name } from "../lib/dom.js";
import { exactTime } from "../lib/format.js";
import { Table } from "../lib/table.js";
import { segments } from "./controls.js";
import { showDeliveries } from "./deliveries.js";
import { PagedList } from "./paged.js";
import { badge, counted, MOST_WAITING, since } from "./words.js";

const PAGE = 50;

export function webhooks(api) {
  let troubled = false;
  const table = new Table({
    name: "webhooks",
    label: "Webhooks of everybody, oldest first",
    columns: columns((webhook) => showDeliveries(api, webhook)),
    key: (webhook) => webhook.id,
  });
  const choose = (value) => {
    troubled = value === "true";
    list.load();
  };
  const choices = [
    ["false", "All"],
    ["true", "In trouble"],
  ];
  const which = segments({ legend: "Which webhooks", choices, chosen: "false", choose });
  const list = new PagedList({
    get: (cursor, signal) =>
      api.get("/admin/webhooks", { troubled, limit: PAGE, cursor }, { signal }),
    table,
    tools: [h("h2", {}, "Webhooks"), which],
    words: {
      one: "webhook",
      none: () => (troubled ? "No webhook is in trouble." : "There are no webhooks."),
    },
  });
  const load = (wanted) => {
    if (wanted) troubled = wanted.troubled;
    which.querySelector(`[value="${troubled}"]`).checked = true;
    return list.load();
  };
  return { element: list.element, load };
}

function columns(open) {
  return [
    { label: "Endpoint", cell: (webhook) => endpoint(webhook, open), class: "main" },
    { label: "Owner", cell: whose, class: "owner" },
    { label: "State", cell: stateOf, class: "status" },
    { label: "Waiting", cell: waitingFor, class: "number soft size" },
  ];
}

/** On narrow screens there is no heading to say what is counted. */
function waitingFor({ waiting }) {
  const words = h("span", { class: "narrow-only" }, " waiting");
  return h("span", {}, counted(waiting, MOST_WAITING), words);
}

function endpoint(webhook, open) {
  const title = h("span", { class: "one-line" }, webhook.host);
  const attributes = { type: "button", class: "link", title: "Show its deliveries" };
  const opener = h("button", { ...attributes, onclick: () => open(webhook) }, title);
  return h("div", {}, opener, trouble(webhook));
}

function whose({ owner }) {
  return owner === null
    ? h("span", { class: "soft" }, "Everybody's files")
    : name(owner, { class: "name one-line" });
}

function trouble({ disabled_reason: disabled, last_failure: failure }) {
  const text = disabled ?? failure?.error;
  if (!text) return null;
  const at = failure?.attempted_at;
  const title = at ? `${text} Last tried ${exactTime(at)}` : text;
  return h("span", { class: "problem one-line", title }, text);
}

export function stateOf({ enabled, disabled_at: disabled, failing_since: failing }) {
  if (!enabled) return timed("failed", "Disabled", disabled);
  return failing ? timed("processing", "Failing", failing) : badge("completed", "Well");
}

function timed(kind, word, at) {
  const element = badge(kind, word);
  element.title = `${since(at)} (${exactTime(at)})`;
  return element;
}
