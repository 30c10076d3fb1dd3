/** SHA-256 (FIPS 180-4) piece by piece, which `crypto.subtle` cannot. */

import { base64 } from "./base64.js";

const BLOCK = 64;
const PRIMES = firstPrimes(64);
// Signed words: JavaScript engines keep those, unlike unsigned ones, in integer registers.
const K = Int32Array.from(PRIMES, (prime) => fraction(Math.cbrt(prime)));
const START = Int32Array.from(PRIMES.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));

function firstPrimes(count) {
  const primes = [];
  for (let n = 2; primes.length < count; n++) if (primes.every((p) => n % p)) primes.push(n);
  return primes;
}

function fraction(x) {
  return (x - Math.floor(x)) * 2 ** 32;
}

export class Sha256 {
  #state = START.slice();
  #words = new Int32Array(64);
  #rest = new Uint8Array(2 * BLOCK);
  #held = 0;
  #length = 0;

  update(bytes) {
    this.#length += bytes.length;
    const filling = this.#held ? Math.min(BLOCK - this.#held, bytes.length) : 0;
    this.#hold(bytes.subarray(0, filling));
    if (this.#held === BLOCK) {
      this.#blocks(this.#rest, BLOCK);
      this.#held = 0;
    }
    const left = bytes.subarray(filling);
    const whole = left.length - (left.length % BLOCK);
    this.#blocks(left, whole);
    this.#hold(left.subarray(whole));
  }

  /** Base64 of the digest; nothing can be added afterwards. */
  value() {
    const size = this.#held < BLOCK - 8 ? BLOCK : 2 * BLOCK;
    this.#rest.fill(0, this.#held);
    this.#rest[this.#held] = 0x80;
    const view = new DataView(this.#rest.buffer);
    view.setUint32(size - 8, Math.floor(this.#length / 2 ** 29));
    view.setUint32(size - 4, (this.#length * 8) % 2 ** 32);
    this.#blocks(this.#rest, size);
    const digest = new DataView(new ArrayBuffer(32));
    this.#state.forEach((word, index) => digest.setInt32(4 * index, word));
    return base64(new Uint8Array(digest.buffer));
  }

  #hold(bytes) {
    this.#rest.set(bytes, this.#held);
    this.#held += bytes.length;
  }

  #blocks(bytes, end) {
    for (let start = 0; start < end; start += BLOCK) this.#block(bytes, start);
  }

  #block(bytes, start) {
    const w = this.#words;
    for (let i = 0, at = start; i < 16; i++, at += 4) {
      w[i] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
    }
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15];
      const y = w[i - 2];
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
    }
    this.#rounds(w);
  }

  #rounds(w) {
    const state = this.#state;
    let a = state[0];
    let b = state[1];
    let c = state[2];
    let d = state[3];
    let e = state[4];
    let f = state[5];
    let g = state[6];
    let h = state[7];
    for (let i = 0; i < 64; i++) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      h = g;
      g = f;
      f = e;
      e = (d + t1) | 0;
      d = c;
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      c = b;
      b = a;
      a = (t1 + t2) | 0;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
  }
}
