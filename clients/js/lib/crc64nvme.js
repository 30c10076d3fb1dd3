/** CRC-64/NVME (NVM Express base specification 2.0, 5.2.1.3.4), eight bytes at a time. */

import { base64 } from "./base64.js";

const POLYNOMIAL = 0x9a6c9329ac4bc9b5n; // reflected
const [LOW, HIGH] = tables();

/** Each table follows the one before by one more byte of zeroes: "slicing by eight". */
function tables() {
  const low = new Uint32Array(8 * 256);
  const high = new Uint32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ POLYNOMIAL : crc >> 1n;
    low[byte] = Number(crc & 0xffffffffn);
    high[byte] = Number(crc >> 32n);
  }
  for (let i = 256; i < 8 * 256; i++) {
    const before = i - 256;
    const next = low[before] & 255;
    low[i] = (low[before] >>> 8) ^ (high[before] << 24) ^ low[next];
    high[i] = (high[before] >>> 8) ^ high[next];
  }
  return [low, high];
}

export class Crc64Nvme {
  #low = 0xffffffff;
  #high = 0xffffffff;

  update(bytes) {
    const whole = bytes.length - (bytes.length % 8);
    this.#eights(bytes, whole);
    for (let i = whole; i < bytes.length; i++) this.#one(bytes[i]);
  }

  /** Base64 of the eight bytes, the highest first. */
  value() {
    const view = new DataView(new ArrayBuffer(8));
    view.setUint32(0, ~this.#high);
    view.setUint32(4, ~this.#low);
    return base64(new Uint8Array(view.buffer));
  }

  #eights(bytes, end) {
    let low = this.#low;
    let high = this.#high;
    const T = LOW;
    const U = HIGH;
    for (let i = 0; i < end; i += 8) {
      low ^= bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24);
      high ^= bytes[i + 4] | (bytes[i + 5] << 8) | (bytes[i + 6] << 16) | (bytes[i + 7] << 24);
      const a = 1792 + (low & 255);
      const b = 1536 + ((low >>> 8) & 255);
      const c = 1280 + ((low >>> 16) & 255);
      const d = 1024 + (low >>> 24);
      const e = 768 + (high & 255);
      const f = 512 + ((high >>> 8) & 255);
      const g = 256 + ((high >>> 16) & 255);
      const h = high >>> 24;
      low = T[a] ^ T[b] ^ T[c] ^ T[d] ^ T[e] ^ T[f] ^ T[g] ^ T[h];
      high = U[a] ^ U[b] ^ U[c] ^ U[d] ^ U[e] ^ U[f] ^ U[g] ^ U[h];
    }
    this.#low = low;
    this.#high = high;
  }

  #one(byte) {
    const at = (this.#low ^ byte) & 255;
    this.#low = (this.#low >>> 8) ^ (this.#high << 24) ^ LOW[at];
    this.#high = (this.#high >>> 8) ^ HIGH[at];
  }
}
