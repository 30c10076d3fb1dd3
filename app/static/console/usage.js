/** What the person holds and may hold, and their uploads over time. */

import { bar } from "./lib/bar.js";
import { h } from "./lib/dom.js";
import { bytes, count } from "./lib/format.js";
import { columnsOf, OUTCOMES, shares } from "./lib/history.js";
import { plot } from "./lib/plot.js";

/** Milliseconds for which changes are gathered before the figures are asked for again. */
const GATHERED = 2_000;
const SPANS = {
  day: { count: 30, word: "30 days" },
  hour: { count: 48, word: "48 hours" },
};

export function panel({ api, live }) {
  const quotas = h("section", { class: "card bars", "aria-label": "Quota" });
  const plots = h("div", { class: "plots" });
  let interval = "day";
  const load = () => {
    filled(quotas, api.get("/usage"), quotaBars);
    const query = { interval, count: SPANS[interval].count };
    filled(plots, api.get("/usage/history", query), ({ items }) => drawn(items, interval));
  };
  const choose = (chosen) => {
    interval = chosen;
    load();
  };
  live.whenReady(load);
  live.addEventListener("file", gathered(load, GATHERED));
  const head = h("header", { class: "panel-head" }, h("h1", {}, "Usage"), spans(choose));
  return h("section", { class: "panel", "aria-label": "Usage" }, head, quotas, plots);
}

async function filled(element, asked, draw) {
  element.setAttribute("aria-busy", "true");
  try {
    element.replaceChildren(...draw(await asked));
  } catch (error) {
    element.replaceChildren(h("p", { class: "problem", role: "alert" }, error.message));
  }
  element.removeAttribute("aria-busy");
}

const files = (number) => count(number, "file");
const plain = (number) => number.toLocaleString("en");

function quotaBars({ used, reserved, limit }) {
  return [
    quota("Stored", used.bytes, reserved.bytes, limit.bytes, bytes),
    quota("Files", used.files, reserved.files, limit.files, files, plain),
    limit.in_flight_bytes === null
      ? null
      : quota("On the way at once", 0, reserved.bytes, limit.in_flight_bytes, bytes),
  ].filter((each) => each !== null);
}

function quota(label, used, reserved, limit, format, formatLimit = format) {
  const parts = [
    { value: used, kind: "used" },
    { value: reserved, kind: "reserved" },
  ];
  const held = reserved > 0 ? `${format(used)} and ${format(reserved)} on the way` : format(used);
  const text = limit === null ? `${held}, no limit` : `${held} of ${formatLimit(limit)}`;
  return bar({ label, text, parts, limit, isQuota: true });
}

function drawn(items, interval) {
  const title = `Uploads, last ${SPANS[interval].word} (UTC)`;
  const over = plot({ title, columns: columnsOf(items, interval), series: OUTCOMES });
  return [over, shares("What became of them", items)];
}

function spans(choose) {
  const labels = Object.entries(SPANS).map(([value, { word }]) => {
    const input = h("input", { type: "radio", name: "span", value, checked: value === "day" });
    input.addEventListener("change", () => choose(value));
    return h("label", {}, input, word);
  });
  return h(
    "fieldset",
    { class: "segments" },
    h("legend", { class: "visually-hidden" }, "Over which time"),
    labels,
  );
}

/** Runs `act` once for all calls within so many milliseconds. */
function gathered(act, milliseconds) {
  let timer = null;
  return () => {
    timer ??= setTimeout(() => {
      timer = null;
      act();
    }, milliseconds);
  };
}
