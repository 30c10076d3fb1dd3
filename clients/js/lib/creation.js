/** Asks for uploads: small files up to a thousand in one call, large ones singly. */

import { CancelledError, ServiceError } from "./errors.js";

const MIB = 2 ** 20;
/** Bytes; below this a file is asked for together with others. */
const SMALL = 8 * MIB;
/** What POST /presigned-urls takes. */
const BATCH = 1000;
/** So that a batch is sent before its URLs end: fifteen minutes, at 1.2 Mbit/s. */
const BATCH_BYTES = 128 * MIB;
/** The next batch is asked for when so few of the last are left. */
const FEW = 50;
/** What half of a batch may not meet. */
const OF_ALL_TOGETHER = ["quota_exceeded", "request_too_large"];

export class Creation {
  #api;
  /** By the valve of the upload. */
  #pending = new Map();
  /** Whose URLs are in use: valve by wish. */
  #granted = new Map();
  #isBusy = false;

  constructor(api) {
    this.#api = api;
  }

  /** A fresh record for the wish at once. */
  async one(wish) {
    return (await this.#api.create([wish], randomKey()))[0];
  }

  /** A fresh record for the wish. Raises what the service says. Call `over` when it is done with. */
  of(wish, valve) {
    if (wish.file_size >= SMALL) return this.one(wish);
    return new Promise((resolve, reject) => {
      this.#pending.set(valve, { wish, valve, resolve, reject });
      this.look();
    });
  }

  /** The upload of a wish that was granted is over, one way or the other. */
  over(wish) {
    if (this.#granted.delete(wish)) this.look();
  }

  /** The upload was given up; nobody asks for it if its turn has not come. */
  forget(valve) {
    this.#pending.get(valve)?.reject(new CancelledError());
    this.#pending.delete(valve);
  }

  /** Whether it is time for a batch. Not asked for at once: many uploads often start together. */
  look() {
    if (this.#isBusy || !this.#pending.size || this.#underWay > FEW) return;
    this.#isBusy = true;
    setTimeout(async () => {
      const batch = this.#take();
      if (batch.length) await this.#create(batch);
      this.#isBusy = false;
      this.look();
    });
  }

  get #underWay() {
    return [...this.#granted.values()].filter((valve) => !valve.isPaused).length;
  }

  #take() {
    const batch = [];
    let bytes = 0;
    for (const asked of this.#pending.values()) {
      bytes += asked.wish.file_size;
      if (batch.length === BATCH || (batch.length && bytes > BATCH_BYTES)) break;
      batch.push(asked);
    }
    for (const { valve } of batch) this.#pending.delete(valve);
    return batch;
  }

  async #create(batch) {
    try {
      const files = await this.#api.create(batch.map(({ wish }) => wish), randomKey());
      for (const { wish, valve } of batch) this.#granted.set(wish, valve);
      batch.forEach(({ resolve }, index) => resolve(files[index]));
    } catch (error) {
      for (const rest of refused(batch, error)) await this.#create(rest);
    }
  }
}

/** What can still be asked for of a batch of which this was said; tells those that cannot. */
function refused(batch, error) {
  const index = error instanceof ServiceError ? error.index : null;
  const middle = batch.length >> 1;
  if (middle && OF_ALL_TOGETHER.includes(error.code)) {
    return [batch.slice(0, middle), batch.slice(middle)];
  }
  const failed = index === null ? batch : batch.slice(index, index + 1);
  for (const { reject } of failed) reject(error);
  const rest = index === null ? [] : [...batch.slice(0, index), ...batch.slice(index + 1)];
  return rest.length ? [rest] : [];
}

/** Not randomUUID, which a page without TLS does not have. */
function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
