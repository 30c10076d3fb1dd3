/** Asks for uploads: small files up to a thousand in one call, large ones singly. */

import { ServiceError } from "./errors.js";

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
  #pending = [];
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
      this.#pending.push({ wish, valve, resolve, reject });
      this.look();
    });
  }

  /** The upload of a wish that was granted is over, one way or the other. */
  over(wish) {
    if (this.#granted.delete(wish)) this.look();
  }

  /** Whether it is time for a batch. Not asked for at once: many uploads often start together. */
  look() {
    if (this.#isBusy || !this.#pending.length || this.#underWay > FEW) return;
    this.#isBusy = true;
    setTimeout(async () => {
      await this.#create(this.#take());
      this.#isBusy = false;
      this.look();
    });
  }

  get #underWay() {
    return [...this.#granted.values()].filter((valve) => !valve.isPaused).length;
  }

  #take() {
    let count = 0;
    let bytes = 0;
    for (const { wish } of this.#pending.slice(0, BATCH)) {
      bytes += wish.file_size;
      if (count && bytes > BATCH_BYTES) break;
      count++;
    }
    return this.#pending.splice(0, count);
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
