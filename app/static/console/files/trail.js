/** The audit trail of a file. */

import { chip } from "../lib/chip.js";
import { h } from "../lib/dom.js";
import { exactTime } from "../lib/format.js";

const EVENTS = {
  created: "Created",
  url_issued: "URL handed out",
  delete_requested: "Deletion asked for",
  deleted: "Deleted",
  transition: "Status changed",
};

/** `trail` is the first page as the API gave it, or `{ error }`. */
export function auditTrail(api, id, trail) {
  const heading = h("h3", {}, "What happened");
  if (trail.error)
    return h("section", {}, heading, h("p", { class: "problem" }, trail.error.message));
  const list = h("ol", { class: "trail" }, trail.items.map(line));
  const section = h("section", {}, heading, list);
  offerMore(section, list, trail.next_cursor, (cursor) =>
    api.get(`/files/${id}/events`, { cursor }),
  );
  return section;
}

function offerMore(section, list, cursor, load) {
  if (cursor === null) return;
  const more = h("button", { type: "button" }, "Show more");
  more.addEventListener("click", async () => {
    more.disabled = true;
    const page = await load(cursor).catch(() => null);
    more.disabled = false;
    if (page === null) return;
    list.append(...page.items.map(line));
    more.remove();
    offerMore(section, list, page.next_cursor, load);
  });
  section.append(more);
}

function line({ at, actor, event, from, to, detail }) {
  const moved = from
    ? [chip(from), h("span", { class: "arrow" }, "to"), chip(to)]
    : [EVENTS[event] ?? event];
  const time = h("time", { datetime: at }, exactTime(at));
  return h(
    "li",
    {},
    h("p", { class: "what" }, moved),
    h("p", { class: "help" }, time, " by ", h("bdi", {}, actor)),
    told(detail),
  );
}

function told(detail) {
  const entries = Object.entries(detail).filter(([, value]) => value !== null);
  if (entries.length === 0) return null;
  const text = entries
    .map(([key, value]) => `${key.replaceAll("_", " ")}: ${plain(value)}`)
    .join(" · ");
  return h("p", { class: "help detail" }, text);
}

function plain(value) {
  if (typeof value === "object") return JSON.stringify(value);
  return /^\d{4}-\d\d-\d\dT/.test(value) ? exactTime(value) : String(value);
}
