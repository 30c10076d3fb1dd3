/** An upload as a person sees it: its name, its progress in a bar and in words, its buttons. */

import { h, name, setText } from "../lib/dom.js";
import { bytes, duration, rate } from "../lib/format.js";
import { icon } from "../lib/icons.js";

/** A list item. `actions` are `{ pause, resume, cancel, again, dismiss }`, each for the item. */
export class Row {
  #item;
  #bar = h("progress", { max: 1, value: 0 });
  #words = h("span", { class: "words" });
  #buttons = h("div", { class: "buttons" });
  #actions;
  #state = null;

  constructor(item, actions) {
    this.#item = item;
    this.#actions = actions;
    this.#bar.setAttribute("aria-label", `Progress of ${item.name}`);
    const title = h(
      "div",
      { class: "title" },
      name(item.name, { class: "name one-line", title: item.name }),
      folder(item),
    );
    const middle = h("div", { class: "middle" }, title, this.#bar, this.#words);
    this.element = h("li", { class: "upload" }, middle, this.#buttons);
    this.update();
  }

  /** The bar at once, the words when the state is another. */
  update() {
    const { state, loaded, total } = this.#item.progress;
    this.#bar.value = total > 0 ? loaded / total : Number(state === "done");
    if (state === this.#state) return;
    this.#enter(state);
    this.say();
  }

  /** The figures: seldom enough to be read. */
  say() {
    setText(this.#words, wordsFor(this.#item));
  }

  #enter(state) {
    this.#state = state;
    this.element.dataset.state = state;
    const hadFocus = this.#buttons.contains(document.activeElement);
    this.#buttons.replaceChildren(...this.#buttonsFor(state));
    if (hadFocus) this.#buttons.querySelector("button")?.focus();
  }

  #buttonsFor(state) {
    const { pause, resume, cancel, again, dismiss } = this.#actions;
    const stop = this.#button("close", "Cancel", cancel);
    if (state === "failed") {
      return [this.#button("retry", "Try again", again), this.#button("close", "Dismiss", dismiss)];
    }
    if (state === "paused") return [this.#button("play", "Resume", resume), stop];
    if (["preparing", "sending", "offline"].includes(state)) {
      return [this.#button("pause", "Pause", pause), stop];
    }
    return state === "verifying" ? [stop] : [];
  }

  #button(shape, verb, act) {
    const label = `${verb} ${this.#item.name}`;
    const attributes = {
      type: "button",
      class: "quiet icon-only",
      "aria-label": label,
      title: verb,
    };
    return h("button", { ...attributes, onclick: () => act(this.#item) }, icon(shape));
  }
}

function folder({ path }) {
  return path
    ? h("span", { class: "folder" }, icon("folder"), name(path, { class: "name one-line" }))
    : null;
}

function wordsFor({ progress, reason }) {
  const { state, loaded, total, rate: speed, timeLeft } = progress;
  const sent = `${bytes(loaded)} of ${bytes(total)}`;
  switch (state) {
    case "preparing":
      return loaded > 0 ? `Preparing · ${sent}` : `Waiting · ${bytes(total)}`;
    case "sending":
      return [
        sent,
        rate(speed),
        timeLeft !== null && loaded < total ? `${duration(timeLeft)} left` : "",
      ]
        .filter(Boolean)
        .join(" · ");
    case "verifying":
      return `Checking with the store · ${bytes(total)}`;
    case "paused":
      return `Paused · ${sent}`;
    case "offline":
      return `Waiting for the network · ${sent}`;
    case "done":
      return `Uploaded · ${bytes(total)}`;
    case "cancelled":
      return "Cancelled";
    default:
      return reason ? `Failed: ${reason}` : "Failed";
  }
}
