/** Lets at most `limit` things happen at once; the others wait in order. */

import { settled } from "./patience.js";

export class Gate {
  #inside = 0;
  #waiting = new Set();

  constructor(limit) {
    this.limit = limit;
  }

  get isIdle() {
    return !this.#inside && !this.#waiting.size;
  }

  /** What `work` yields. Rejects with the signal's reason if that comes before its turn. */
  async run(work, signal) {
    await this.#enter(signal);
    try {
      return await work();
    } finally {
      this.#inside--;
      this.#admit();
    }
  }

  #enter(signal) {
    return settled(signal, (done) => {
      this.#waiting.add(done);
      this.#admit();
      return () => this.#waiting.delete(done);
    });
  }

  #admit() {
    for (const enter of this.#waiting) {
      if (this.#inside >= this.limit) return;
      this.#waiting.delete(enter);
      this.#inside++;
      enter();
    }
  }
}
