/** The service's API for the page's modules: JSON in, JSON out, errors with a code and advice. */

/** Milliseconds until an answer must have come. */
const TIMEOUT = 30_000;
const TRIES = 3;
/** Milliseconds; a longer Retry-After is the reader's to wait for. */
const MAX_PAUSE = 5_000;

/** `code` is the service's (docs/upload-guide.md) or `network`; `message` is for people. */
export class ApiError extends Error {
  constructor(status, problem = {}, retryAfter = null) {
    super(problem.detail ?? problem.title ?? `The service answered ${status}.`);
    this.status = status;
    this.code = problem.code ?? "unintelligible_answer";
    this.problem = problem;
    this.requestId = problem.request_id ?? null;
    this.retryAfter = retryAfter;
  }

  static network() {
    const detail = "The service does not answer. Check the connection, then try again.";
    return new ApiError(0, { code: "network", detail });
  }

  get passes() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** Below which path the service answers: the console's parent. */
export const BASE = new URL("../..", import.meta.url).href.replace(/\/$/, "");

export class Api {
  #session;

  constructor(session) {
    this.#session = session;
  }

  /** `query` leaves out what is null, undefined or empty. Repeated where that may help. */
  get(path, query = {}, { signal } = {}) {
    const given = Object.entries(query).filter(
      ([, value]) => ![null, undefined, ""].includes(value),
    );
    const asked = given.length ? `${path}?${new URLSearchParams(given)}` : path;
    return patiently(() => this.#call("GET", asked, undefined, signal), signal);
  }

  post(path, body, { signal } = {}) {
    return this.#call("POST", path, body, signal);
  }

  put(path, body, { signal } = {}) {
    return this.#call("PUT", path, body, signal);
  }

  delete(path, { signal } = {}) {
    return this.#call("DELETE", path, undefined, signal);
  }

  /** The answer to a GET that goes on for as long as `signal` lets it. */
  stream(path, headers, signal) {
    return this.#answered(path, { headers, cache: "no-store" }, signal, () => signal);
  }

  /** The answer's JSON, null for an empty one; throws ApiError. Waits while nobody is signed in. */
  async #call(method, path, body, signal) {
    const headers = body === undefined ? {} : { "Content-Type": "application/json" };
    const limit = () =>
      AbortSignal.any([AbortSignal.timeout(TIMEOUT), ...(signal ? [signal] : [])]);
    const request = { method, headers, body: JSON.stringify(body), cache: "no-store" };
    const answer = await this.#answered(path, request, signal, limit);
    if (answer.status === 204) return null;
    return answer.json().catch(() => Promise.reject(ApiError.network()));
  }

  /** A token that is refused is replaced once somebody signs in again. */
  async #answered(path, request, signal, limit) {
    for (;;) {
      const token = await this.#session.token();
      const headers = { ...request.headers, Authorization: `Bearer ${token}` };
      const answer = await fetched(BASE + path, { ...request, headers, signal: limit() }, signal);
      if (answer.ok) return answer;
      if (answer.status !== 401) throw await errorOf(answer);
      this.#session.refuse(token);
    }
  }
}

async function fetched(url, request, signal) {
  try {
    return await fetch(url, request);
  } catch (error) {
    throw signal?.aborted ? error : ApiError.network();
  }
}

async function errorOf(answer) {
  const problem = await answer.json().catch(() => ({})); // a proxy's page, not ours
  const seconds = Number.parseInt(answer.headers.get("Retry-After"), 10);
  return new ApiError(answer.status, problem, Number.isNaN(seconds) ? null : seconds);
}

async function patiently(once, signal) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await once();
    } catch (error) {
      const pause = (error.retryAfter ?? 0.4 * 2 ** attempt) * 1000;
      if (!error.passes || attempt === TRIES || pause > MAX_PAUSE) throw error;
      await slept(pause * (0.75 + Math.random() / 2), signal);
    }
  }
}

/** Milliseconds; rejects when `signal` aborts. */
export function slept(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
