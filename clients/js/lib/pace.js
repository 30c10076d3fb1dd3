/** How many requests go to the store at once: as many as still make it faster. */

import { Gate } from "./gate.js";

export const FEWEST = 3;
export const MOST = 8;
/** As many connections as browsers open to one host by HTTP/1.1. */
const FIRST = 6;
/** Milliseconds over which a rate is taken. */
const WINDOW = 2000;
/** Less than this is noise. */
const FASTER = 1.05;

export class Pace extends Gate {
  #step = 1;
  #bytes = 0;
  #since = null;
  #lastRate = 0;

  constructor(now = () => performance.now()) {
    super(FIRST);
    this.now = now;
  }

  /** As a gate does. While nothing is asked for, no rate is taken. */
  async run(work, signal) {
    try {
      return await super.run(work, signal);
    } finally {
      if (this.isIdle) this.#begin(null);
    }
  }

  /** So many bytes have left. Moves the limit on while that pays, and back when it does not. */
  sent(bytes) {
    const now = this.now();
    this.#since ??= now;
    this.#bytes += bytes;
    if (now - this.#since < WINDOW) return;
    const rate = this.#bytes / (now - this.#since);
    if (rate < this.#lastRate * FASTER) this.#step = -this.#step;
    this.#move(this.#step);
    this.#lastRate = rate;
    this.#begin(now);
  }

  /** Something was too much for the store or the network. */
  failed() {
    this.#move(-1);
    this.#begin(null);
  }

  #move(step) {
    this.limit = Math.min(MOST, Math.max(FEWEST, this.limit + step));
  }

  #begin(now) {
    this.#bytes = 0;
    this.#since = now;
  }
}
