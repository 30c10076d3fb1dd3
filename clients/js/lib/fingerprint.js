/** What a file is known again by after a reload. */

import { Crc64Nvme } from "./crc64nvme.js";
import { FileUnreadableError } from "./errors.js";

const SAMPLE = 65_536;

/** Its name, size, date, both ends of its bytes, and what was asked for it. */
export async function fingerprintOf(file, wish) {
  const asked = [wish.filename, wish.type, wish.policy, wish.metadata];
  return JSON.stringify([...asked, file.size, file.lastModified ?? null, await ends(file)]);
}

async function ends(file) {
  const digest = new Crc64Nvme();
  const last = Math.max(SAMPLE, file.size - SAMPLE);
  try {
    for (const piece of [file.slice(0, SAMPLE), file.slice(last)]) {
      digest.update(new Uint8Array(await piece.arrayBuffer()));
    }
  } catch (error) {
    throw new FileUnreadableError(error);
  }
  return digest.value();
}
