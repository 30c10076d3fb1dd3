/** One PUT to the store. XMLHttpRequest, because `fetch` does not tell how far it is. */

import { FileUnreadableError, NetworkError, StoreError } from "./errors.js";
import { secondsOf } from "./patience.js";

/** Milliseconds without a byte moving, after which a connection counts as dead. */
const STALL = 60_000;
/** The same before the first: HTTP/1.1 has six connections to a host, and the others wait. */
const START = 300_000;
/** `If-None-Match: *` met an object: an earlier try arrived, and its answer got lost. */
const STORED_BEFORE = 412;

/** Resolves when the store has `body`. `onSent` hears bytes, and takes back those that failed. */
export async function put(url, body, { headers = {}, onSent, signal }) {
  let sent = 0;
  const count = (loaded) => {
    onSent(loaded - sent);
    sent = loaded;
  };
  try {
    const request = await send(url, body, headers, count, signal);
    if (request.status !== 200 && request.status !== STORED_BEFORE) throw refusal(request);
    count(body.size);
  } catch (error) {
    count(0);
    throw error instanceof NetworkError ? await explained(error, body) : error;
  }
}

function send(url, body, headers, count, signal) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const request = new XMLHttpRequest();
    const watch = stallWatch(request);
    const end = (settle) => () => {
      watch.stop();
      signal.removeEventListener("abort", abort);
      settle();
    };
    const abort = () => request.abort();
    request.open("PUT", url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => {
      watch.moved();
      count(Math.min(event.loaded, body.size));
    };
    request.onload = end(() => resolve(request));
    request.onerror = end(() => reject(new NetworkError("the store")));
    request.onabort = end(() => reject(signal.reason ?? new NetworkError("the store")));
    signal.addEventListener("abort", abort, { once: true });
    request.send(body);
  });
}

function stallWatch(request) {
  let timer;
  const stop = () => clearTimeout(timer);
  const begin = (patience) => {
    stop();
    timer = setTimeout(() => request.abort(), patience);
  };
  begin(START);
  return { moved: () => begin(STALL), stop };
}

function refusal(request) {
  const [, code = ""] = /<Code>(\w+)<\/Code>/.exec(request.responseText) ?? [];
  // Not getResponseHeader: for a header that is not exposed Chromium complains in the console.
  const [, after] = /^retry-after: *(.*?)\r?$/im.exec(request.getAllResponseHeaders()) ?? [];
  return new StoreError(request.status, code, secondsOf(after));
}

/** A file that was changed since it was chosen looks like a broken network. */
async function explained(error, body) {
  try {
    await body.slice(0, 1).arrayBuffer();
    return error;
  } catch (cause) {
    return new FileUnreadableError(cause);
  }
}
