/** A thread that computes checksums, one file after the other. */

import { digestOf } from "./digest.js";

addEventListener("message", async ({ data: { file, algorithm } }) => {
  try {
    postMessage({ value: await digestOf(file, algorithm) });
  } catch (error) {
    postMessage({ unreadable: error.name });
  }
});

postMessage({ isReady: true });
