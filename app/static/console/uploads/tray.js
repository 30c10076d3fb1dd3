/** What this page is uploading: a line on all of it, and a row for each. */

import { announce } from "../lib/announce.js";
import { h, setText } from "../lib/dom.js";
import { count, duration, rate } from "../lib/format.js";
import { icon } from "../lib/icons.js";
import { Row } from "./row.js";

/** Milliseconds between two looks at all of it together. */
const LOOK_EVERY = 500;
/** Milliseconds for which what happens is gathered before a look: a thousand files at once are one. */
const GATHERED = 30;

export class Tray {
  #queue;
  #rows = new Map();
  #list = h("ul", { class: "uploads", "aria-label": "Uploads" });
  #title = h("h2", { id: "tray" });
  #words = h("p", { class: "help" });
  #buttons = h("div", { class: "buttons" });
  #state = "";
  #arrived = 0;
  #timer = null;
  #looking = null;

  constructor(queue) {
    this.#queue = queue;
    const header = h("header", {}, h("div", {}, this.#title, this.#words), this.#buttons);
    this.element = h(
      "section",
      { class: "card tray", hidden: true, "aria-labelledby": "tray" },
      header,
      this.#list,
    );
    queue.addEventListener("added", ({ detail }) => this.#added(detail));
    queue.addEventListener("changed", ({ detail }) => this.#rows.get(detail)?.update());
    queue.addEventListener("over", ({ detail }) => this.#over(detail));
    addEventListener("beforeunload", (event) => {
      if (queue.running.length > 0) event.preventDefault();
    });
  }

  #added(item) {
    if (this.#timer === null && this.#queue.failed.length === 0) this.#arrived = 0;
    const row = new Row(item, this.#actions());
    this.#rows.set(item, row);
    this.#list.append(row.element);
    this.element.hidden = false;
    this.#timer ??= setInterval(() => this.#look(), LOOK_EVERY);
    this.#lookSoon();
  }

  #over(item) {
    if (item.state === "done") this.#arrived++;
    if (this.#queue.items.has(item)) this.#failed(item);
    else this.#drop(item);
    this.#lookSoon();
  }

  #failed(item) {
    this.#rows.get(item).say();
    announce(`${item.name} failed: ${item.reason}`);
  }

  /** The focus stays near where it was. */
  #drop(item) {
    const { element } = this.#rows.get(item);
    const neighbour = element.nextElementSibling ?? element.previousElementSibling;
    if (element.contains(document.activeElement)) {
      (neighbour?.querySelector("button") ?? document.getElementById("main")).focus();
    }
    element.remove();
    this.#rows.delete(item);
  }

  #actions() {
    return {
      pause: (item) => item.pause(),
      resume: (item) => item.resume(),
      cancel: (item) => item.cancel(),
      again: (item) => this.#queue.run(item),
      dismiss: (item) => this.#queue.dismiss(item),
    };
  }

  #lookSoon() {
    this.#looking ??= setTimeout(() => this.#look(), GATHERED);
  }

  #look() {
    this.#looking = null;
    const { running, failed } = this.#queue;
    setText(this.#title, titleFor(running, failed, this.#arrived));
    setText(this.#words, running.length ? speedOf(running) : "");
    this.#offer(running, failed);
    for (const item of running) this.#rows.get(item).say();
    if (running.length > 0) return;
    clearInterval(this.#timer);
    this.#timer = null;
    if (failed.length + this.#arrived === 0) this.element.hidden = true;
    announce(this.#title.textContent);
  }

  /** Buttons for all at once, made anew only when others are wanted. */
  #offer(running, failed) {
    const isPaused = running.length > 0 && running.every((item) => item.state === "paused");
    const state =
      running.length > 1
        ? `running ${isPaused}`
        : running.length === 0
          ? `over ${failed.length > 0}`
          : "";
    if (state === this.#state) return;
    this.#state = state;
    this.#buttons.replaceChildren(...this.#buttonsFor(running, failed, isPaused));
  }

  #buttonsFor(running, failed, isPaused) {
    const each = (act) => () => {
      for (const item of this.#queue.running) act(item);
      this.#look();
    };
    if (running.length > 1) {
      const hold = isPaused
        ? button(
            "play",
            "Resume all",
            each((item) => item.resume()),
          )
        : button(
            "pause",
            "Pause all",
            each((item) => item.pause()),
          );
      return [
        hold,
        button(
          "close",
          "Cancel all",
          each((item) => item.cancel()),
        ),
      ];
    }
    if (running.length === 1) return [];
    const again = button("retry", "Try all again", () =>
      this.#queue.failed.forEach((item) => this.#queue.run(item)),
    );
    return [...(failed.length > 1 ? [again] : []), button("check", "Done", () => this.#clear())];
  }

  #clear() {
    for (const item of this.#queue.failed) this.#queue.dismiss(item);
    this.#arrived = 0;
    this.element.hidden = true;
    document.getElementById("main").focus();
  }
}

function button(shape, label, act) {
  return h("button", { type: "button", class: "quiet", onclick: act }, icon(shape), label);
}

function titleFor(running, failed, arrived) {
  if (running.length > 0) {
    const all = running.length + failed.length + arrived;
    const there = arrived > 0 ? `, ${arrived.toLocaleString("en")} done` : "";
    return `Uploading ${count(all, "file")}${there}`;
  }
  const parts = [];
  if (arrived > 0) parts.push(`${count(arrived, "file")} uploaded`);
  if (failed.length > 0) parts.push(`${count(failed.length, "file")} failed`);
  return parts.join(", ") || "Nothing is being uploaded";
}

function speedOf(running) {
  const sending = running.map((item) => item.progress).filter((at) => at.state === "sending");
  const speed = sending.reduce((sum, at) => sum + at.rate, 0);
  const left = sending.reduce((sum, at) => sum + at.total - at.loaded, 0);
  return speed > 0 ? `${rate(speed)} · ${duration(left / speed)} left` : "";
}
