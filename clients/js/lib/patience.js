/** Trying again: when, how often, and not while there is no network. */

export const ATTEMPTS = 12;
/** Seconds. */
const LONGEST_PAUSE = 20;

/** What `work` yields; repeated while its errors may pass. Rejects with the signal's reason. */
export async function patiently(work, signal) {
  for (let attempt = 0; ; attempt++) {
    await online(signal);
    try {
      return await work();
    } catch (error) {
      signal?.throwIfAborted();
      if (!error.passes) throw error;
      if (isOffline()) attempt = -1;
      else if (attempt + 1 >= ATTEMPTS) throw error;
      await pause(delay(Math.max(attempt, 0), error.retryAfter), signal);
    }
  }
}

/** Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ */
function delay(attempt, retryAfter) {
  const jitter = Math.random() * Math.min(LONGEST_PAUSE, 0.25 * 2 ** attempt);
  return (retryAfter ?? 0) + jitter;
}

/** Seconds of a Retry-After, which may be a date (RFC 9110 section 10.2.3); null without one. */
export function secondsOf(retryAfter) {
  if (!retryAfter) return null;
  const seconds = /^\d+$/.test(retryAfter)
    ? Number(retryAfter)
    : (Date.parse(retryAfter) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : null;
}

function pause(seconds, signal) {
  return settled(signal, (done) => {
    const timer = setTimeout(done, seconds * 1000);
    return () => clearTimeout(timer);
  });
}

export function isOffline() {
  return navigator.onLine === false;
}

function online(signal) {
  if (!isOffline()) return Promise.resolve();
  return settled(signal, (done) => {
    addEventListener("online", done, { once: true });
    return () => removeEventListener("online", done);
  });
}

/** Settles when `start` calls what it is given, or rejects when the signal is aborted.
 *
 * `start` returns what undoes it.
 */
export function settled(signal, start) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    let stop = () => {};
    const onAbort = () => {
      stop();
      reject(signal.reason);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    stop = start((value) => {
      signal?.removeEventListener("abort", onAbort);
      resolve(value);
    });
  });
}
