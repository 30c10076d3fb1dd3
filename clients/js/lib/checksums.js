/** Checksums of files, computed in a thread of their own where the page may have one. */

import { digestOf, isKnown } from "./digest.js";
import { FileUnreadableError, SlipwayError } from "./errors.js";
import { Gate } from "./gate.js";
import { settled } from "./patience.js";

export class Checksums {
  #gate = new Gate(1);
  #worker = null;

  /** As POST /presigned-url takes it. */
  async of(file, algorithm, signal) {
    if (!isKnown(algorithm)) {
      throw new SlipwayError("invalid_request", `there is crc64nvme and sha256, not ${algorithm}`);
    }
    const value = await this.#gate.run(() => this.#digest(file, algorithm, signal), signal);
    return { algorithm, value };
  }

  async #digest(file, algorithm, signal) {
    this.#worker ??= startedWorker();
    const worker = await this.#worker;
    return worker ? this.#asked(worker, file, algorithm, signal) : inPage(file, algorithm, signal);
  }

  async #asked(worker, file, algorithm, signal) {
    const answer = await settled(signal, (done) => {
      worker.onmessage = ({ data }) => done(data);
      worker.onerror = () => done({ unreadable: "worker" });
      worker.postMessage({ file, algorithm });
      return () => this.#end(worker);
    });
    if (answer.value === undefined) throw new FileUnreadableError(answer.unreadable);
    return answer.value;
  }

  #end(worker) {
    worker.terminate();
    this.#worker = null;
  }
}

/** Null where there can be none: a module of another origin, or a policy (CSP) against it. */
function startedWorker() {
  return new Promise((resolve) => {
    try {
      const worker = new Worker(new URL("./checksum-worker.js", import.meta.url), {
        type: "module",
      });
      worker.onmessage = () => resolve(worker);
      worker.onerror = () => resolve(null);
    } catch {
      resolve(null);
    }
  });
}

async function inPage(file, algorithm, signal) {
  try {
    return await digestOf(file, algorithm, () => signal?.throwIfAborted());
  } catch (error) {
    signal?.throwIfAborted();
    throw new FileUnreadableError(error);
  }
}
