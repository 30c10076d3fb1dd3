/** The checksum of a file of any size, with a few MiB in memory. */

import { Crc64Nvme } from "./crc64nvme.js";
import { Sha256 } from "./sha256.js";

const PIECE = 4 * 2 ** 20;
const ALGORITHMS = { crc64nvme: Crc64Nvme, sha256: Sha256 };

export function isKnown(algorithm) {
  return Object.hasOwn(ALGORITHMS, algorithm);
}

/** In base64. `goesOn` is asked before each piece, and throws to end it. */
export async function digestOf(file, algorithm, goesOn = () => {}) {
  const digest = new ALGORITHMS[algorithm]();
  for (let start = 0; start < file.size; start += PIECE) {
    goesOn();
    digest.update(new Uint8Array(await file.slice(start, start + PIECE).arrayBuffer()));
  }
  return digest.value();
}
