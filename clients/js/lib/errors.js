/** What can go wrong. `code` is stable; the message is for people and holds no URL and no token. */

export class SlipwayError extends Error {
  constructor(code, message, { passes = false, retryAfter = null, cause = undefined } = {}) {
    super(message, { cause });
    this.name = new.target.name;
    this.code = code;
    /** Whether the same call may fare better later. */
    this.passes = passes;
    /** Seconds to wait at least, where the answer named any. */
    this.retryAfter = retryAfter;
  }
}

/** The service said no: `problem` is its problem document (RFC 9457). */
export class ServiceError extends SlipwayError {
  constructor(status, problem, retryAfter = null) {
    const code = problem.code ?? "unintelligible_answer";
    const passes = status === 429 || status === 408 || status >= 500;
    super(code, problem.detail ?? problem.title ?? `the service answered ${status}`, {
      passes,
      retryAfter,
    });
    this.status = status;
    this.problem = problem;
    this.requestId = problem.request_id ?? null;
  }

  /** Which file of a batch it is about, from 0; null if not about one. */
  get index() {
    const places = [this.problem.at, ...(this.problem.errors ?? []).map((error) => error.field)];
    const found = places.map((place) => /^files\.(\d+)/.exec(place ?? "")).find(Boolean);
    return found ? Number(found[1]) : null;
  }
}

/** The store said no; `storeCode` is its own, such as AccessDenied. */
export class StoreError extends SlipwayError {
  constructor(status, storeCode, retryAfter = null) {
    // https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    const passes = [408, 429].includes(status) || status >= 500 || storeCode === "RequestTimeout";
    const message = `the store refused the bytes: ${storeCode || "no reason given"} (${status})`;
    super("store_refused", message, { passes, retryAfter });
    this.status = status;
    this.storeCode = storeCode;
  }

  /** A URL that ended is a 403, or a 400 if it was signed with temporary credentials. */
  get isOfUrl() {
    return this.status === 403 || this.storeCode === "ExpiredToken";
  }
}

/** No answer, from the service or from the store. */
export class NetworkError extends SlipwayError {
  constructor(who) {
    super("network", `${who} did not answer; check the connection, then upload the file again`, {
      passes: true,
    });
  }
}

/** The file cannot be read any more: it was changed, moved or removed since it was chosen. */
export class FileUnreadableError extends SlipwayError {
  constructor(cause) {
    super("file_unreadable", "the file cannot be read any more: choose it again", { cause });
  }
}

/** Somebody called `cancel`, or the signal was aborted. */
export class CancelledError extends SlipwayError {
  constructor() {
    super("cancelled", "the upload was cancelled");
  }
}
