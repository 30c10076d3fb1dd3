/** All uploads of this page. */

import { Slipway } from "../../client/slipway.js";
import { BASE } from "../lib/api.js";
import { Item } from "./item.js";
import { hold } from "./locks.js";

/** Tells `added`, `changed` and `over`, each with the item as `detail`. What failed stays among the
 *  items until it is dismissed. */
export class Queue extends EventTarget {
  items = new Set();
  #ids = new Set();
  #api;
  #session;
  #slipway;

  constructor({ api, session }) {
    super();
    this.#api = api;
    this.#session = session;
    this.#slipway = new Slipway({ baseUrl: BASE, getToken: () => session.token() });
  }

  get running() {
    return [...this.items].filter((item) => !item.isOver);
  }

  get failed() {
    return [...this.items].filter((item) => item.state === "failed");
  }

  /** Whether the file of that id is on its way from this page. */
  isSending(id) {
    return this.#ids.has(id);
  }

  /** `options` are Item's. */
  begin(file, options) {
    const item = new Item(this.#slipway, file, options, () => this.#changed(item));
    this.items.add(item);
    this.#tell("added", item);
    this.run(item);
  }

  /** Also again, after it failed. */
  async run(item) {
    const token = await this.#session.token();
    item.isHeld = false;
    item.ended = item.run();
    const record = await item.ended;
    if (item.error?.code === "unauthorized") {
      this.#session.refuse(token);
      return this.run(item); // which waits for the next token
    }
    // If the service cannot be told, it ends the earlier one by itself.
    if (record && isAnother(record, item.earlier)) await this.discard(item.earlier).catch(() => {});
    if (item.state !== "failed") this.items.delete(item);
    this.#ids.delete(item.record?.id);
    this.#tell("over", item);
  }

  /** Have the service remove what has arrived of a pending upload in parts. */
  async discard({ id }) {
    await this.#api.post(`/files/${id}/abort`).catch((error) => {
      if (![404, 409, 410].includes(error.status)) throw error; // it has ended by itself
    });
  }

  dismiss(item) {
    this.items.delete(item);
    this.#tell("over", item);
  }

  #changed(item) {
    if (item.record && !item.isOver) this.#ids.add(item.record.id);
    if (item.record?.multipart && !item.isHeld) {
      item.isHeld = true;
      hold(item.record.id, item.ended);
    }
    this.#tell("changed", item);
  }

  #tell(type, item) {
    this.dispatchEvent(new CustomEvent(type, { detail: item }));
  }
}

function isAnother(record, earlier) {
  return earlier !== null && earlier.id !== record.id;
}
