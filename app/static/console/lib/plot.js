/** Stacked columns over time, drawn as SVG, with the same figures as a table below. */

import { h, s } from "./dom.js";

const [WIDTH, HEIGHT] = [720, 200];
const [LEFT, BOTTOM, TOP] = [56, 24, 10];
const LINES = 4;

/** `columns` are `{ label, values }`, the oldest first; `series` name the values from the bottom
 *  up: `{ name, kind }`, where `kind` is a class that the style sheet colours. `format` writes a
 *  value. Returns a `<figure>`. */
export function plot({ title, columns, series, format = String }) {
  const top = roundUp(Math.max(1, ...columns.map((column) => sum(column.values))), format);
  const drawing = s(
    "svg",
    {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      role: "img",
      "aria-label": spoken(title, columns, series, format),
    },
    grid(top, format),
    columns.map((column, index) => drawn(column, index, columns.length, top, series, format)),
    axis(columns),
  );
  const caption = h("figcaption", {}, h("h3", {}, title), legend(series));
  return h("figure", { class: "plot" }, caption, drawing, asTable(title, columns, series, format));
}

const sum = (values) => values.reduce((all, value) => all + value, 0);
const height = (value, top) => ((HEIGHT - BOTTOM - TOP) * value) / top;

/** So that each of the lines has a round figure: of bytes a power of two, else 1, 2 or 5. */
function roundUp(value, format) {
  const base = format === String ? 10 : 2;
  const steps = base === 10 ? [1, 2, 5, 10] : [1, 2];
  const unit = base ** Math.floor(Math.log(value / LINES) / Math.log(base));
  const step = steps.find((factor) => factor * unit * LINES >= value) * unit;
  return Math.max(step, format === String ? 1 : 256) * LINES;
}

function grid(top, format) {
  return Array.from({ length: LINES + 1 }, (_, line) => {
    const y = HEIGHT - BOTTOM - height((top * line) / LINES, top);
    const rule = s("line", { class: "rule", x1: LEFT, x2: WIDTH, y1: y, y2: y });
    const figure = s("text", { class: "tick", x: LEFT - 8, y: y + 4, "text-anchor": "end" });
    figure.textContent = format((top * line) / LINES);
    return [rule, figure];
  }).flat();
}

function drawn({ label, values }, index, length, top, series, format) {
  const room = (WIDTH - LEFT) / length;
  const width = Math.min(36, room * 0.7);
  let y = HEIGHT - BOTTOM;
  const blocks = values.map((value, at) => {
    y -= height(value, top);
    const [x, tall] = [LEFT + room * index + (room - width) / 2, height(value, top)];
    return value > 0 ? s("rect", { class: series[at].kind, x, y, width, height: tall }) : null;
  });
  const told = series.map(({ name }, at) => `${name}: ${format(values[at])}`).join("\n");
  const tip = s("title");
  tip.textContent = `${label}\n${told}`;
  const hit = s("rect", {
    class: "hit",
    x: LEFT + room * index,
    y: TOP,
    width: room,
    height: HEIGHT - BOTTOM - TOP,
  });
  return s("g", { class: "column" }, tip, hit, blocks);
}

function axis(columns) {
  const room = (WIDTH - LEFT) / columns.length;
  const every = Math.ceil(columns.length / 7);
  return columns.map(({ label }, index) => {
    if ((columns.length - 1 - index) % every) return null;
    const text = s("text", {
      class: "tick",
      x: LEFT + room * (index + 0.5),
      y: HEIGHT - 6,
      "text-anchor": index === columns.length - 1 ? "end" : "middle",
    });
    text.textContent = label;
    return text;
  });
}

function legend(series) {
  const items = series.map(({ name, kind }) =>
    h("li", {}, h("span", { class: `swatch ${kind}` }), name),
  );
  return h("ul", { class: "legend" }, items);
}

function spoken(title, columns, series, format) {
  const totals = series.map(({ name }, at) => {
    return `${format(sum(columns.map((column) => column.values[at])))} ${name.toLowerCase()}`;
  });
  return `${title}, ${columns.at(0)?.label} to ${columns.at(-1)?.label}: ${totals.join(", ")}`;
}

function asTable(title, columns, series, format) {
  const heads = ["", ...series.map(({ name }) => name)].map((text) =>
    h("th", { scope: "col" }, text || "When"),
  );
  const rows = columns.toReversed().map(({ label, values }) => {
    const cells = values.map((value) => h("td", {}, format(value)));
    return h("tr", {}, h("th", { scope: "row" }, label), cells);
  });
  const table = h(
    "table",
    {},
    h("caption", { class: "visually-hidden" }, title),
    h("thead", {}, h("tr", {}, heads)),
    h("tbody", {}, rows),
  );
  const room = h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": `${title}, as a table` },
    table,
  );
  return h("details", {}, h("summary", {}, "Show as a table"), room);
}
