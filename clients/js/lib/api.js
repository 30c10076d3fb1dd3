/** The service's calls that uploads need. */

import { NetworkError, ServiceError } from "./errors.js";
import { Gate } from "./gate.js";
import { patiently, secondsOf } from "./patience.js";

/** Milliseconds; putting ten thousand parts together takes a store a while. */
const TIMEOUT = 180_000;
const AT_ONCE = 6;

export class Api {
  #getToken;
  #gate = new Gate(AT_ONCE);

  constructor(baseUrl, getToken) {
    this.baseUrl = String(baseUrl).replace(/\/+$/, "");
    this.#getToken = getToken;
  }

  async create(wishes, key) {
    const headers = { "Idempotency-Key": key };
    if (wishes.length === 1) {
      return [await this.#call("POST", "/presigned-url", { body: wishes[0], headers })];
    }
    const body = { files: wishes };
    return (await this.#call("POST", "/presigned-urls", { body, headers })).items;
  }

  file(id, signal) {
    return this.#call("GET", `/files/${id}`, { signal });
  }

  heldParts(id, signal) {
    return this.#call("GET", `/files/${id}/parts`, { signal });
  }

  partUrls(id, numbers, signal) {
    return this.#call("POST", `/files/${id}/parts`, { body: { part_numbers: numbers }, signal });
  }

  complete(id, signal) {
    return this.#call("POST", `/files/${id}/complete`, { signal });
  }

  failed(id, reason) {
    return this.#call("PUT", "/file-status", { body: { id, status: "failed", reason } });
  }

  /** For each of the ids `{file}` or `{problem}`; tried once. */
  async reportUploaded(ids) {
    const body = { items: ids.map((id) => ({ id, status: "uploaded" })) };
    const once = () => this.#authorized("PUT", "/file-statuses", { body });
    return (await this.#gate.run(once)).items;
  }

  abort(id) {
    return this.#call("POST", `/files/${id}/abort`);
  }

  remove(id) {
    return this.#call("DELETE", `/files/${id}`);
  }

  /** The answer's JSON. Every call may be repeated: a creation by its Idempotency-Key. */
  #call(method, path, options = {}) {
    const once = () => this.#gate.run(() => this.#authorized(method, path, options));
    return patiently(once, options.signal);
  }

  /** A token that has ended is asked for once more. */
  async #authorized(method, path, options) {
    const token = await this.#getToken();
    try {
      return await this.#once(method, path, options, token);
    } catch (error) {
      const fresh = error.status === 401 ? await this.#getToken() : token;
      if (fresh === token) throw error;
      return this.#once(method, path, options, fresh);
    }
  }

  async #once(method, path, { body, headers, signal }, token) {
    const limit = limited(signal);
    try {
      const answer = await fetch(this.baseUrl + path, {
        method,
        headers: { ...jsonHeaders(body), ...headers, Authorization: `Bearer ${token}` },
        body: JSON.stringify(body),
        signal: limit.signal,
      });
      return await contentOf(answer);
    } catch (error) {
      signal?.throwIfAborted();
      throw error instanceof ServiceError ? error : new NetworkError("the service");
    } finally {
      limit.end();
    }
  }
}

function jsonHeaders(body) {
  return body === undefined ? {} : { "Content-Type": "application/json" };
}

async function contentOf(answer) {
  if (answer.status === 204) return null;
  if (answer.ok) return answer.json();
  const content = await answer.json().catch(() => ({})); // a proxy's, not the service's
  throw new ServiceError(answer.status, content, secondsOf(answer.headers.get("Retry-After")));
}

/** A signal of ours that follows `signal` and ends by itself after TIMEOUT. */
function limited(signal) {
  const controller = new AbortController();
  const abort = () => controller.abort();
  const timer = setTimeout(abort, TIMEOUT);
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort, { once: true });
  const end = () => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  };
  return { signal: controller.signal, end };
}
