/** Stacked columns over time, drawn as SVG, with the same figures as a table below. */

import { h, s } from "./dom.js";
import { scale } from "./scale.js";

const HEIGHT = 210;
const [LEFT, BOTTOM, TOP] = [48, 26, 10];
const WIDEST_COLUMN = 36;
/** Pixels that a label of the axis takes, with the room around it. */
const LABEL = 76;

const figure = (value) => value.toLocaleString("en");

/** `columns` are `{ label, values }`, the oldest first; `series` name the values from the bottom
 *  up: `{ name, kind }`, where `kind` is a class that the style sheet colours. `format` writes a
 *  value. Returns a `<figure>`. */
export function plot({ title, columns, series, format = figure }) {
  const content = { title, columns, series, format };
  const caption = h("figcaption", {}, h("h3", {}, title), legend(series));
  return h("figure", { class: "plot" }, caption, new Drawing(content), asTable(content));
}

/** Drawn anew for each width, so that its letters keep their size. */
class Drawing extends HTMLElement {
  #content;
  #watcher = new ResizeObserver(([{ contentRect }]) => this.#draw(Math.round(contentRect.width)));

  constructor(content) {
    super();
    this.#content = content;
  }

  connectedCallback() {
    this.#watcher.observe(this);
  }

  disconnectedCallback() {
    this.#watcher.disconnect();
  }

  #draw(width) {
    if (width > LEFT) this.replaceChildren(drawing(this.#content, width));
  }
}

customElements.define("slipway-plot", Drawing);

function drawing(content, width) {
  const { columns, series, format } = content;
  const { top, ticks } = scale(Math.max(...columns.map((column) => sum(column.values))), format);
  const room = (width - LEFT) / columns.length;
  const place = { width, room, top };
  return s(
    "svg",
    { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": spoken(content) },
    ticks.map((tick) => ruled(tick, place, format)),
    columns.map((column, index) => drawn(column, index, place, series, format)),
    axis(columns, place),
  );
}

const sum = (values) => values.reduce((all, value) => all + value, 0);
const tall = (value, { top }) => ((HEIGHT - BOTTOM - TOP) * value) / top;

function ruled(tick, place, format) {
  const y = HEIGHT - BOTTOM - tall(tick, place);
  const figure = s("text", { class: "tick", x: LEFT - 8, y: y + 4, "text-anchor": "end" });
  figure.textContent = format(tick);
  return s("g", {}, s("line", { class: "rule", x1: LEFT, x2: place.width, y1: y, y2: y }), figure);
}

function drawn({ label, values }, index, place, series, format) {
  const { room } = place;
  const width = Math.min(WIDEST_COLUMN, room * 0.72);
  const x = LEFT + room * index + (room - width) / 2;
  let y = HEIGHT - BOTTOM;
  const blocks = values.map((value, at) => {
    const height = tall(value, place);
    y -= height;
    return value > 0 ? s("rect", { class: series[at].kind, x, y, width, height }) : null;
  });
  const tip = s("title");
  const told = series.map(({ name }, at) => `${name}: ${format(values[at])}`);
  tip.textContent = [label, ...told].join("\n");
  const [from, height] = [LEFT + room * index, HEIGHT - BOTTOM - TOP];
  const hit = s("rect", { class: "hit", x: from, y: TOP, width: room, height });
  return s("g", { class: "column" }, tip, hit, blocks);
}

/** As many labels as fit, the last of them always. */
function axis(columns, { width, room }) {
  const every = Math.ceil((columns.length * LABEL) / (width - LEFT));
  return columns.map(({ label }, index) => {
    const isLast = index === columns.length - 1;
    if ((columns.length - 1 - index) % every) return null;
    const [x, anchor] = isLast ? [width, "end"] : [LEFT + room * (index + 0.5), "middle"];
    const text = s("text", { class: "tick", x, y: HEIGHT - 6, "text-anchor": anchor });
    text.textContent = label;
    return text;
  });
}

function legend(series) {
  const items = series.map(({ name, kind }) => {
    return h("li", {}, h("span", { class: `swatch ${kind}` }), name);
  });
  return h("ul", { class: "legend" }, items);
}

function spoken({ title, columns, series, format }) {
  const totals = series.map(({ name }, at) => {
    return `${format(sum(columns.map((column) => column.values[at])))} ${name.toLowerCase()}`;
  });
  return `${title}, ${columns[0].label} to ${columns.at(-1).label}: ${totals.join(", ")}`;
}

function asTable({ title, columns, series, format }) {
  const heads = ["When", ...series.map(({ name }) => name)];
  const rows = columns.toReversed().map(({ label, values }) => {
    const cells = values.map((value) => h("td", {}, format(value)));
    return h("tr", {}, h("th", { scope: "row" }, label), cells);
  });
  const table = h(
    "table",
    {},
    h("caption", { class: "visually-hidden" }, title),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        heads.map((text) => h("th", { scope: "col" }, text)),
      ),
    ),
    h("tbody", {}, rows),
  );
  const label = `${title}, as a table`;
  const room = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label });
  room.append(table);
  return h("details", {}, h("summary", {}, "Show as a table"), room);
}
