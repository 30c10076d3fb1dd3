/** One file's way: taken up where it stands, or created; sent; verified. */

import { MOST } from "./pace.js";
import { PartUrls } from "./part-urls.js";
import { fingerprintOf } from "./fingerprint.js";
import { patiently } from "./patience.js";
import { put } from "./store.js";
import { wishFor } from "./wish.js";

/** How often bytes are sent that turn out not to be there. */
const ROUNDS = 3;
/** For one part; what is refused under a fresh URL too is refused for another reason. */
const FRESH_URLS = 3;
/** Bytes; the smallest part of S3. Below it nothing can be gone on with. */
const RESUMABLE = 5 * 2 ** 20;

export class Transfer {
  /** The file's record, once there is one. */
  record = null;
  #fingerprint = null;

  /** `valve` and `meter` are the upload's; `tell` hears "sending" and "verifying". */
  constructor(file, options, { valve, meter, tell }, tools) {
    this.file = file;
    this.options = options;
    this.valve = valve;
    this.meter = meter;
    this.tell = tell;
    this.tools = tools;
  }

  /** The record, verified. */
  async run() {
    await this.valve.open();
    const missing = await this.#takenUp();
    if (!this.record) await this.#create();
    await this.valve.open();
    this.tell("sending");
    if (this.record.status === "pending") {
      this.record = await (this.record.multipart ? this.#sendParts(missing) : this.#sendWhole());
    }
    this.valve.check(); // a report on its way is not called back
    this.#forget();
    return this.record;
  }

  /** Have the service remove what the store holds. If it cannot be told, it finds out by itself. */
  async giveUp() {
    this.#forget();
    if (this.record) await this.#removed(this.record).catch(() => {});
  }

  /** Other uploads may have what this one held. */
  end() {
    if (this.wish) this.tools.creation.over(this.wish);
    if (this.#fingerprint) this.tools.journal.leave(this.#fingerprint);
  }

  /** The parts that an earlier page left to be sent; undefined when there is nothing to go on with. */
  async #takenUp() {
    if (this.file.size < RESUMABLE) return undefined;
    const fingerprint = await fingerprintOf(this.file, wishFor(this.file, this.options));
    if (!(await this.tools.journal.take(fingerprint))) return undefined;
    this.#fingerprint = fingerprint;
    const id = await this.tools.journal.find(fingerprint);
    return id && this.valve.run((signal) => this.#found(id, signal));
  }

  async #found(id, signal) {
    try {
      const record = await this.tools.api.file(id, signal);
      const missing = record.status === "pending" ? await this.#missing(id, signal) : undefined;
      if (record.status !== "failed") this.record = record;
      return missing;
    } catch (error) {
      // It ended, or is somebody else's: then the file begins anew.
      if ([404, 409, 410].includes(error.status)) return undefined;
      throw error;
    }
  }

  async #create() {
    const { checksum: algorithm } = this.options;
    const checksum =
      algorithm &&
      (await this.valve.run((signal) => this.tools.checksums.of(this.file, algorithm, signal)));
    this.wish = wishFor(this.file, this.options, checksum);
    await this.valve.open();
    // Not given up half-way, or there would be a record that nobody knows.
    this.#began(await this.tools.creation.of(this.wish, this.valve));
    if (this.record.multipart && this.#fingerprint) {
      await this.tools.journal.note(this.#fingerprint, this.record.id);
    }
  }

  #began(record) {
    this.record = record;
    this.endsAt = performance.now() + 1000 * record.expires_in;
  }

  async #sendWhole() {
    for (let left = ROUNDS - 1; ; left--) {
      try {
        await this.#sent(() => this.#address(), this.file);
        this.tell("verifying");
        return await this.#reported();
      } catch (error) {
        if (!left || !(error.isOfUrl || error.code === "object_missing")) throw error;
        this.meter.begin(0);
        if (error.isOfUrl) this.endsAt = 0;
        this.tell("sending");
      }
    }
  }

  #reported() {
    const report = () => this.tools.reports.uploaded(this.record.id);
    return this.valve.run((signal) => patiently(report, signal));
  }

  /** A URL of a whole file that ended is not signed again: its record ends, and another begins. */
  async #address() {
    if (performance.now() > this.endsAt) {
      await this.#ended(this.record);
      this.#began(await this.tools.creation.one(this.wish));
    }
    return this.record;
  }

  async #sendParts(missing) {
    const urls = new PartUrls(this.tools.api, this.record);
    const { id, multipart } = this.record;
    let numbers = missing ?? range(1, multipart.part_count);
    for (let left = ROUNDS - 1; ; left--) {
      await this.#sendEach(numbers, urls);
      this.tell("verifying");
      try {
        return await this.valve.run((signal) => this.tools.api.complete(id, signal));
      } catch (error) {
        if (!left || error.code !== "parts_incomplete") throw error;
        numbers = await this.valve.run((signal) => this.#missing(id, signal));
        this.tell("sending");
      }
    }
  }

  async #sendEach(numbers, urls) {
    const left = [...numbers];
    const send = async () => {
      while (left.length) await this.#sendPart(left.shift(), urls);
    };
    urls.want(numbers);
    await Promise.all(Array.from({ length: MOST }, send));
  }

  async #sendPart(number, urls) {
    const start = (number - 1) * this.record.multipart.part_size;
    for (let fresh = 0; ; fresh++) {
      try {
        await this.#sent((signal) => urls.of(number, signal), this.file, start);
        return urls.sent(number);
      } catch (error) {
        if (!error.isOfUrl || fresh === FRESH_URLS) throw error;
        urls.forget(number);
      }
    }
  }

  /** Sends what the address is for, in its turn, again after each pause. */
  #sent(addressOf, file, start = 0) {
    const { pace } = this.tools;
    return this.valve.run((signal) =>
      pace.run(async () => {
        const { url, headers, size = file.size } = await addressOf(signal);
        const body = file.slice(start, start + size);
        await patiently(() => this.#put(url, body, headers, signal), signal);
      }, signal),
    );
  }

  async #put(url, body, headers, signal) {
    const onSent = (bytes) => {
      this.meter.add(bytes);
      if (bytes > 0) this.tools.pace.sent(bytes);
    };
    try {
      await put(url, body, { headers, onSent, signal });
    } catch (error) {
      if (error.passes) this.tools.pace.failed();
      throw error;
    }
  }

  async #missing(id, signal) {
    const { missing, uploaded_bytes: bytes } = await this.tools.api.heldParts(id, signal);
    this.meter.begin(bytes);
    return missing.flatMap(([first, last]) => range(first, last));
  }

  /** Also when it was verified in the meantime, and can no longer fail. */
  async #removed(record) {
    try {
      await this.#ended(record);
    } catch (error) {
      if (error.status !== 409) throw error;
      await this.tools.api.remove(record.id);
    }
  }

  #ended({ id, multipart }) {
    const { api } = this.tools;
    return multipart ? api.abort(id) : api.failed(id, "given up");
  }

  #forget() {
    if (this.#fingerprint) this.tools.journal.forget(this.#fingerprint);
  }
}

function range(first, last) {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
