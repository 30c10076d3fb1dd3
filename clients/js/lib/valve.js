/** Pausing, going on and giving up, for everything that one upload does. */

const PAUSED = Symbol("paused");

export class Valve {
  #controller = new AbortController();
  #reopened = null;
  #error = null;

  get isPaused() {
    return this.#reopened !== null;
  }

  get isCancelled() {
    return this.#error !== null;
  }

  pause() {
    if (this.isPaused || this.isCancelled) return;
    let reopen;
    const promise = new Promise((resolve) => (reopen = resolve));
    this.#reopened = { promise, reopen };
    this.#controller.abort(PAUSED);
  }

  resume() {
    if (!this.isPaused) return;
    const { reopen } = this.#reopened;
    this.#controller = new AbortController();
    this.#reopened = null;
    reopen();
  }

  cancel(error) {
    this.#error ??= error;
    this.resume();
    this.#controller.abort(this.#error);
  }

  /** Resolves when it is not paused; rejects once it is cancelled. */
  async open() {
    while (this.#reopened) await this.#reopened.promise;
    this.check();
  }

  /** Throws once it is cancelled. */
  check() {
    if (this.#error) throw this.#error;
  }

  /** What `work(signal)` yields; begun again after each pause, which aborts the signal. */
  async run(work) {
    for (;;) {
      await this.open();
      const { signal } = this.#controller;
      try {
        return await work(signal);
      } catch (error) {
        if (!signal.aborted) throw error;
        if (signal.reason !== PAUSED) throw signal.reason;
      }
    }
  }
}
