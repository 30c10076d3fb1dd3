/** Reports that bytes have arrived: one at once, and those that follow soon after together. */

import { ServiceError } from "./errors.js";

/** Milliseconds between two calls. */
const PAUSE = 500;
/** What PUT /file-statuses takes. */
const BATCH = 1000;

export class Reports {
  #api;
  #waiting = [];
  #isBusy = false;

  constructor(api) {
    this.#api = api;
  }

  /** The verified record. Rejects as a call of its own would, and tries once. */
  uploaded(id) {
    const known = this.#waiting.find((report) => report.id === id);
    if (known) return known.promise; // a batch names each file once
    const report = { id };
    report.promise = new Promise((resolve, reject) => Object.assign(report, { resolve, reject }));
    this.#waiting.push(report);
    if (!this.#isBusy) this.#send();
    return report.promise;
  }

  async #send() {
    this.#isBusy = true;
    while (this.#waiting.length) {
      const pause = new Promise((resolve) => setTimeout(resolve, PAUSE));
      await this.#settle(this.#waiting.splice(0, BATCH));
      await pause;
    }
    this.#isBusy = false;
  }

  async #settle(batch) {
    try {
      const outcomes = await this.#api.reportUploaded(batch.map(({ id }) => id));
      batch.forEach((report, index) => settle(report, outcomes[index]));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}

function settle({ resolve, reject }, { file, problem }) {
  if (file) resolve(file);
  else reject(new ServiceError(problem.status, problem, problem.retry_after ?? null));
}
