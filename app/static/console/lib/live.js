/** What becomes of the files, as the service tells it: `GET /files/stream`, across reconnections.
 *
 *  Read by fetch, because EventSource sends no Authorization. Events: `file` for each change, with
 *  the stream's data as `detail`; `ready` when lists are to be loaded anew; `state` when `state`
 *  has changed: `connecting`, `live`, `lost`. */

import { slept } from "./api.js";

const PATH = "/files/stream";
/** Milliseconds. The service sends a heartbeat every 15 seconds: three missed, and it is gone. */
const SILENCE = 45_000;
const [FIRST_PAUSE, LONGEST_PAUSE] = [1_000, 30_000];

export class Live extends EventTarget {
  state = "connecting";
  /** When the next try begins, in milliseconds of the clock; null while none is waited for. */
  nextTry = null;
  /** Since when it is not `live`, likewise. */
  lostAt = Date.now();
  #api;
  #last = null;
  #pause = FIRST_PAUSE;
  #waiting = null;
  #isReady = false;

  constructor(api) {
    super();
    this.#api = api;
    addEventListener("online", () => this.retry());
    addEventListener("offline", () => this.#waiting?.abort());
  }

  /** For as long as the page lives. */
  async start() {
    for (;;) {
      const pause = await this.#followed();
      this.#tell("lost", Date.now() + pause);
      if (!this.#isReady) this.#ready();
      await this.#wait(pause);
      this.#tell("connecting");
    }
  }

  /** `load` is called once the stream is open, and whenever lists are to be loaded anew. Where it
   *  cannot be opened, it is called all the same: lists are worth having without it. */
  whenReady(load) {
    this.addEventListener("ready", load);
    if (this.#isReady) load();
  }

  /** Do not wait any longer. */
  retry() {
    this.#waiting?.abort();
  }

  /** Until the stream ends; returns how long to wait for the next. */
  async #followed() {
    const ending = new AbortController();
    this.#waiting = ending;
    try {
      const headers = this.#last === null ? {} : { "Last-Event-ID": this.#last };
      const answer = await this.#api.stream(PATH, headers, ending.signal);
      this.#pause = FIRST_PAUSE;
      this.#tell("live");
      await this.#read(answer.body, ending);
      return FIRST_PAUSE;
    } catch (error) {
      if (error.status === 422) this.#last = null; // another database's
      this.#pause = Math.min(LONGEST_PAUSE, this.#pause * 2);
      const asked = (error.retryAfter ?? 0) * 1000;
      return Math.max(asked, this.#pause * (0.75 + Math.random() / 2));
    }
  }

  async #read(body, ending) {
    const lines = body.pipeThrough(new TextDecoderStream()).pipeThrough(lineByLine()).getReader();
    let silence;
    let event = {};
    try {
      for (;;) {
        clearTimeout(silence);
        silence = setTimeout(() => ending.abort(), SILENCE);
        const { value: line, done } = await lines.read();
        if (done) return;
        if (line === "") {
          this.#happened(event);
          event = {};
        } else {
          const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line);
          event[field] = value;
        }
      }
    } finally {
      clearTimeout(silence);
    }
  }

  #happened({ id, event, data }) {
    if (id !== undefined) this.#last = id;
    if (event === "file") this.dispatchEvent(new CustomEvent("file", { detail: JSON.parse(data) }));
    else if (event !== undefined) this.#ready(); // or `reset`, which asks for the same
  }

  #ready() {
    this.#isReady = true;
    this.dispatchEvent(new CustomEvent("ready"));
  }

  async #wait(milliseconds) {
    const waiting = new AbortController();
    this.#waiting = waiting;
    await slept(milliseconds, waiting.signal).catch(() => {});
  }

  #tell(state, nextTry = null) {
    if (this.state === "live") this.lostAt = Date.now();
    this.state = state;
    this.nextTry = nextTry;
    this.dispatchEvent(new CustomEvent("state"));
  }
}

function lineByLine() {
  let rest = "";
  return new TransformStream({
    transform(text, lines) {
      const parts = (rest + text).split("\n");
      rest = parts.pop();
      for (const part of parts) lines.enqueue(part);
    },
  });
}
