/** Which uploads in parts were begun and not ended, in IndexedDB: they outlive the page. */

import { locked } from "./lock.js";

const NAME = "slipway";
const STORE = "uploads";
/** Milliseconds; the service ends every upload 28 days after its beginning. */
const LIFE = 28 * 24 * 3600 * 1000;

export class Journal {
  #baseUrl;
  #opened = null;
  /** Fingerprints in use by this page, and how to let go of them. */
  #taken = new Map();

  constructor(baseUrl) {
    this.#baseUrl = baseUrl;
  }

  /** False when another upload, here or in another tab, has the same file: they share nothing. */
  async take(fingerprint) {
    if (this.#taken.has(fingerprint)) return false;
    this.#taken.set(fingerprint, null);
    const release = await locked(`slipway ${this.#key(fingerprint)}`);
    if (release) this.#taken.set(fingerprint, release);
    else this.#taken.delete(fingerprint);
    return release !== null;
  }

  leave(fingerprint) {
    this.#taken.get(fingerprint)?.();
    this.#taken.delete(fingerprint);
  }

  /** The id of the file's record; null without one, or without a database. */
  async find(fingerprint) {
    const entry = await this.#ask("readonly", (store) => store.get(this.#key(fingerprint)));
    return entry && isAlive(entry) ? entry.id : null;
  }

  note(fingerprint, id) {
    const entry = { id, begunAt: Date.now() };
    return this.#ask("readwrite", (store) => store.put(entry, this.#key(fingerprint)));
  }

  forget(fingerprint) {
    return this.#ask("readwrite", (store) => store.delete(this.#key(fingerprint)));
  }

  #key(fingerprint) {
    return `${this.#baseUrl} ${fingerprint}`;
  }

  /** Without IndexedDB (some private windows) uploads work, and end with their page. */
  async #ask(mode, question) {
    try {
      this.#opened ??= open();
      const database = await this.#opened;
      return await answerOf(question(database.transaction(STORE, mode).objectStore(STORE)));
    } catch {
      return undefined;
    }
  }
}

async function open() {
  const request = indexedDB.open(NAME, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  const database = await answerOf(request);
  tidy(database);
  return database;
}

/** Fingerprints hold names of files, which need not stay for ever. */
function tidy(database) {
  const store = database.transaction(STORE, "readwrite").objectStore(STORE);
  store.openCursor().onsuccess = ({ target: { result: cursor } }) => {
    if (!cursor) return;
    if (!isAlive(cursor.value)) cursor.delete();
    cursor.continue();
  };
}

function isAlive({ begunAt }) {
  return Date.now() - begunAt < LIFE;
}

function answerOf(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
