/** What a page holds of an upload: its outcome, how far it is, and the means to stop it. */

import { CancelledError, FileUnreadableError } from "./errors.js";
import { Meter } from "./meter.js";
import { isOffline } from "./patience.js";
import { Transfer } from "./transfer.js";
import { Valve } from "./valve.js";

const OVER = ["done", "failed", "cancelled"];
const RESTING = ["paused", "offline"];

export class Upload {
  #valve = new Valve();
  #step = "preparing";
  #meter;
  #transfer;
  #creation;
  #outcome;
  #onProgress;
  #ended = new AbortController();

  constructor(file, options, tools) {
    this.file = file;
    this.#onProgress = options.onProgress ?? (() => {});
    this.#meter = new Meter(file.size, () => this.#tell());
    const ours = { valve: this.#valve, meter: this.#meter, tell: (step) => this.#tell(step) };
    this.#creation = tools.creation;
    this.#transfer = new Transfer(file, options, ours, tools);
    this.#listen(options.signal);
    this.#outcome = this.#run();
  }

  get state() {
    if (OVER.includes(this.#step)) return this.#step;
    if (this.#valve.isPaused) return "paused";
    return isOffline() ? "offline" : this.#step;
  }

  /** The service's record, null before there is one. */
  get record() {
    return this.#transfer.record;
  }

  get progress() {
    const at = { state: this.state, ...this.#meter.value };
    return RESTING.includes(at.state) ? { ...at, rate: 0, timeLeft: null } : at;
  }

  pause() {
    this.#valve.pause();
    this.#creation.look();
    this.#tell();
  }

  resume() {
    this.#valve.resume();
    this.#tell();
  }

  /** Resolves when the service has been told to remove what arrived. */
  async cancel() {
    this.#giveUp();
    await this.#outcome.catch(() => {});
    if (this.#step === "failed") {
      await this.#transfer.giveUp();
      this.#tell("cancelled");
    }
  }

  then(onFulfilled, onRejected) {
    return this.#outcome.then(onFulfilled, onRejected);
  }

  catch(onRejected) {
    return this.#outcome.catch(onRejected);
  }

  finally(onFinally) {
    return this.#outcome.finally(onFinally);
  }

  async #run() {
    try {
      const record = await this.#transfer.run();
      this.#meter.begin(this.file.size);
      this.#tell("done");
      return record;
    } catch (error) {
      await this.#failed(error);
      throw error;
    } finally {
      this.#ended.abort();
      this.#transfer.end();
    }
  }

  /** What nobody can go on with is removed; all else waits for the same file to come again. */
  async #failed(error) {
    this.#valve.cancel(error); // ends the other parts
    const isCancelled = error instanceof CancelledError;
    if (isCancelled || error instanceof FileUnreadableError) await this.#transfer.giveUp();
    this.#tell(isCancelled ? "cancelled" : "failed");
  }

  #giveUp() {
    this.#valve.cancel(new CancelledError());
    this.#creation.forget(this.#valve);
  }

  #listen(signal) {
    const until = { signal: this.#ended.signal };
    for (const type of ["online", "offline"]) addEventListener(type, () => this.#tell(), until);
    if (signal?.aborted) this.#giveUp();
    signal?.addEventListener("abort", () => this.#giveUp(), until);
  }

  #tell(step = this.#step) {
    this.#step = step;
    try {
      this.#onProgress(this.progress);
    } catch (error) {
      reportError(error); // the page's own; the upload goes on
    }
  }
}
