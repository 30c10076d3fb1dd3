/** URLs of parts, fetched in batches just before they are needed. */

/** URLs to ask for at once. */
const BATCH = 32;
/** Milliseconds before its end that a URL is not begun with any more. */
const MARGIN = 5000;
/** Milliseconds that a URL counts for whose end cannot be told: the clocks differ too much. */
const SHORT = 10_000;

export class PartUrls {
  #api;
  #id;
  #known = new Map();
  #wanted = new Set();
  #fetching = null;

  /** `file` is the record; what it brought along is used first. */
  constructor(api, file) {
    this.#api = api;
    this.#id = file.id;
    const fresh = file.multipart.parts ?? [];
    if (fresh.length) this.#keep(fresh, Date.parse(file.expires_at));
  }

  /** These parts will be asked for, in this order. */
  want(numbers) {
    this.#wanted = new Set(numbers);
  }

  async of(number, signal) {
    for (;;) {
      const known = this.#fresh(number);
      if (known) return known;
      // What another part asked for may end with that part's signal: then it is asked again.
      if (this.#fetching) await this.#fetching.catch(() => {});
      else await this.#fetch(number, signal);
    }
  }

  /** The part was sent, and its URL is of no more use. */
  sent(number) {
    this.#wanted.delete(number);
    this.#known.delete(number);
  }

  /** Another one is needed for the part. */
  forget(number) {
    this.#known.delete(number);
  }

  async #fetch(number, signal) {
    const others = [...this.#wanted].filter((other) => other !== number && !this.#fresh(other));
    const numbers = [number, ...others.slice(0, BATCH - 1)];
    this.#fetching = this.#api.partUrls(this.#id, numbers, signal);
    try {
      const { parts, expires_at } = await this.#fetching;
      this.#keep(parts, Date.parse(expires_at));
    } finally {
      this.#fetching = null;
    }
  }

  #fresh(number) {
    const known = this.#known.get(number);
    return known && performance.now() < known.endsAt ? known : null;
  }

  #keep(parts, end) {
    const left = end - Date.now() - MARGIN;
    const endsAt = performance.now() + Math.max(left, SHORT);
    for (const { part_number: number, size, url } of parts) {
      this.#known.set(number, { size, url, endsAt });
    }
  }
}
