/** At a glance: what needs somebody, uploads over time, why they fail. */

import { bar } from "../lib/bar.js";
import { isTelling } from "../lib/chip.js";
import { h, setText } from "../lib/dom.js";
import { count } from "../lib/format.js";
import { columnsOf, OUTCOMES } from "../lib/history.js";
import { icon } from "../lib/icons.js";
import { plot } from "../lib/plot.js";
import { segments } from "./controls.js";
import { counted, REASONS } from "./words.js";

/** Milliseconds between two looks, while it is seen. */
const LOOK_EVERY = 30_000;
const SPANS = {
  hour: { count: 24, word: "24 hours", hours: 24 },
  day: { count: 30, word: "30 days", hours: 24 * 30 },
};

export function overview(api, go) {
  const figures = h("div", { class: "figures" });
  const over = h("div", {});
  const why = h("section", { class: "plot shares", "aria-label": "Why uploads fail" });
  const at = h("p", { class: "help", role: "status" });
  let interval = "hour";

  const load = () => {
    const { count: periods, hours } = SPANS[interval];
    return Promise.all([
      fill(figures, figuresOf(api, go)),
      fill(over, outcomes(api, interval, periods)),
      fill(why, reasons(api, hours, go)),
    ]).then(() => setText(at, `As of ${new Date().toLocaleTimeString()}`));
  };
  const choose = (chosen) => {
    interval = chosen;
    load();
  };
  const again = h("button", { type: "button", onclick: load }, icon("retry"), "Refresh");
  const choices = Object.entries(SPANS).map(([value, { word }]) => [value, word]);
  const spans = segments({ legend: "Over which time", choices, chosen: interval, choose });
  const tools = h("div", { class: "tools" }, spans, again, at);
  const element = h("div", { class: "stack wide" }, tools, figures, plots(over, why));
  setInterval(() => element.checkVisibility() && !document.hidden && load(), LOOK_EVERY);
  return { element, load };
}

const plots = (...parts) => h("div", { class: "plots" }, parts);

async function fill(element, asked) {
  element.setAttribute("aria-busy", "true");
  try {
    element.replaceChildren(...(await asked));
  } catch (error) {
    element.replaceChildren(h("p", { class: "problem", role: "alert" }, error.message));
  }
  element.removeAttribute("aria-busy");
}

async function figuresOf(api, go) {
  const [{ checks }, backlog, troubled] = await Promise.all([
    api.get("/admin/health"),
    api.get("/admin/backlog"),
    api.get("/admin/webhooks", { troubled: true, limit: 100 }),
  ]);
  const down = Object.values(checks).filter((state) => state !== "ok").length;
  const failed = jobsIn(backlog, "failed");
  const waiting = jobsIn(backlog, "todo");
  const most = backlog.most_counted;
  const ailing = `${troubled.items.length}${troubled.next_cursor ? "+" : ""}`;
  return [
    figure({
      label: "Parts of the service",
      value: down ? `${down} down` : "All up",
      isBad: down > 0,
      help: "database, migrations, object store",
      open: () => go("health"),
    }),
    figure({
      label: "Failed jobs",
      value: counted(failed, most),
      isBad: failed > 0,
      help: `${counted(waiting, most)} waiting`,
      open: () => go("jobs"),
    }),
    figure({
      label: "Webhooks in trouble",
      value: ailing,
      isBad: troubled.items.length > 0,
      help: `${counted(backlog.deliveries, most)} deliveries waiting`,
      open: () => go("webhooks", { troubled: troubled.items.length > 0 }),
    }),
  ];
}

const jobsIn = ({ jobs }, status) =>
  jobs.filter((job) => job.status === status).reduce((sum, job) => sum + job.count, 0);

function figure({ label, value, isBad, help = "", open }) {
  return h(
    "button",
    { type: "button", class: `card figure ${isBad ? "bad" : "good"}`, onclick: open },
    h("span", { class: "label" }, icon(isBad ? "alert" : "check"), label),
    h("span", { class: "value" }, value),
    h("span", { class: "help" }, help),
  );
}

async function outcomes(api, interval, periods) {
  const { items } = await api.get("/admin/outcomes", { interval, count: periods });
  const title = `Uploads of everybody, last ${SPANS[interval].word} (UTC)`;
  return [plot({ title, columns: columnsOf(items, interval), series: OUTCOMES })];
}

async function reasons(api, hours, go) {
  const { files, items, most_counted: most } = await api.get("/admin/failures", { hours });
  const heading = h("h3", {}, "Why uploads fail");
  if (files === 0) return [heading, h("p", { class: "help" }, "None has failed.")];
  const bars = items.map((item) => reasonBar(item, files, go));
  const more = `The newest ${most.toLocaleString("en")} that failed were looked at.`;
  return [heading, ...bars, files >= most ? h("p", { class: "help" }, more) : ""];
}

function reasonBar({ reason, files, owners, example }, all, go) {
  const text = `${count(files, "file")} of ${count(owners, "owner")}`;
  const parts = [{ value: files, kind: "failed" }];
  const label = REASONS[reason];
  const show = () => go("uploads", { reason });
  const opener = h("button", { type: "button", class: "link", onclick: show }, "Show them");
  const words = isTelling(example)
    ? h("p", { class: "help one-line", title: example }, example)
    : null;
  return h("div", {}, bar({ label, text, parts, limit: all }), words, opener);
}
