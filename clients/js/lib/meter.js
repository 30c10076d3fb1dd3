/** Bytes, rate and time left of one upload. */

/** Milliseconds that the rate is taken over. */
const WINDOW = 5000;
/** Milliseconds between two reports. */
const PAUSE = 100;

export class Meter {
  #loaded = 0;
  #samples = [];
  #reportedAt = -Infinity;

  constructor(total, report, now = () => performance.now()) {
    this.total = total;
    this.report = report;
    this.now = now;
  }

  /** `bytes` more have left; negative when those of a failed try do not count. */
  add(bytes) {
    this.#loaded += bytes;
    const now = this.now();
    if (now - this.#reportedAt < PAUSE) return;
    this.#reportedAt = now;
    this.#samples.push([now, this.#loaded]);
    while (now - this.#samples[0][0] > WINDOW) this.#samples.shift();
    this.report();
  }

  /** What is there from before counts as loaded, and not for the rate. */
  begin(loaded) {
    this.#loaded = loaded;
    this.#samples = [];
  }

  get value() {
    const rate = this.#rate();
    const left = this.total - this.#loaded;
    const timeLeft = rate > 0 ? left / rate : null;
    return { loaded: this.#loaded, total: this.total, rate, timeLeft: left ? timeLeft : 0 };
  }

  /** Up to now, so that it falls while nothing moves. */
  #rate() {
    const now = this.now();
    const recent = this.#samples.filter(([at]) => now - at <= WINDOW);
    if (recent.length < 2) return 0;
    const [[from, first], [, last]] = [recent[0], recent.at(-1)];
    return Math.max(0, (1000 * (last - first)) / (now - from));
  }
}
