/** What was sent to a webhook, along the side of the page, and sending it again. */

import { announce } from "../lib/announce.js";
import { confirmed, openDialog } from "../lib/dialog.js";
import { h, name } from "../lib/dom.js";
import { count, exactTime } from "../lib/format.js";
import { facts } from "../lib/facts.js";
import { PagedList } from "./paged.js";
import { Table } from "../lib/table.js";
import { badge, counted, MOST_WAITING } from "./words.js";
import { stateOf } from "./webhooks.js";

const PAGE = 50;
const STATES = { pending: "Waiting", delivered: "Delivered", failed: "Given up" };
const KINDS = { pending: "pending", delivered: "completed", failed: "failed" };

export function showDeliveries(api, webhook) {
  const base = `/admin/webhooks/${webhook.id}/deliveries`;
  const table = new Table({
    name: "deliveries",
    label: "Deliveries, newest first",
    columns: columns(webhook, (delivery) => replay(api, base, webhook, delivery, table)),
    key: (delivery) => delivery.id,
  });
  const list = new PagedList({
    get: (cursor, signal) => api.get(base, { limit: PAGE, cursor }, { signal }),
    table,
    tools: [h("h3", {}, "Deliveries")],
    words: { one: "delivery", many: "deliveries", none: "Nothing was sent in the last 30 days." },
  });
  const content = h("div", { class: "details" }, standing(webhook), about(webhook), list.element);
  openDialog({ title: webhook.host, kind: "sheet", content });
  list.load();
}

function standing(webhook) {
  const waiting = `${counted(webhook.waiting, MOST_WAITING)} waiting`;
  return h("p", { class: "standing" }, stateOf(webhook), h("span", { class: "help" }, waiting));
}

function about({ owner, events, failing_since: failing, disabled_reason: disabled, id }) {
  return facts("About", [
    ["Owner", owner === null ? "Told of everybody's files" : name(owner)],
    ["Events", events === null ? "All of them" : events.join(", ")],
    ["Failing since", failing && exactTime(failing)],
    ["Disabled", disabled],
    ["Id", h("code", {}, id)],
  ]);
}

function columns({ enabled }, again) {
  return [
    { label: "Event", cell: eventCell, class: "main" },
    { label: "State", cell: stateCell, class: "status" },
    {
      label: h("span", { class: "visually-hidden" }, "Actions"),
      cell: (delivery) => (enabled ? button(delivery, again) : null),
      class: "actions",
    },
  ];
}

function eventCell({ event, created_at: at, attempts, error }) {
  const when = `${exactTime(at)}, ${count(attempts, "attempt")}`;
  const problem = error ? h("span", { class: "problem" }, error) : null;
  return h("div", {}, h("span", {}, event), h("span", { class: "help block" }, when), problem);
}

const stateCell = ({ status }) => badge(KINDS[status], STATES[status]);

function button(delivery, again) {
  const label = `Replay ${delivery.event} of ${exactTime(delivery.created_at)}`;
  const act = () => again(delivery);
  return h("button", { type: "button", "aria-label": label, onclick: act }, "Replay");
}

/** Asks first: an endpoint that keeps no account of what it has seen acts on it twice. */
async function replay(api, base, webhook, delivery, table) {
  const question = h(
    "div",
    { class: "stack" },
    h("p", {}, "Send ", h("strong", {}, delivery.event), ` to ${webhook.host} again, now?`),
    h("p", { class: "help" }, "It is the same message, with the same webhook-id."),
    h("p", { class: "help" }, "A receiver that has seen it drops it, or acts on it twice."),
  );
  let sent;
  const act = async () => (sent = await api.post(`${base}/${delivery.id}/replay`));
  if (!(await confirmed({ title: "Replay the delivery", question, verb: "Replay", act }))) return;
  table.put(sent);
  announce(`${delivery.event} is being sent again`);
}
