/** Where the lines of a plot lie: at figures that are round for whoever reads them. */

import { bytes } from "./format.js";

const MOST_LINES = 5;

/** `{ top, ticks }`, from 0 up to `top`, which is not below `value`. Of bytes the steps are powers
 *  of two, of all else whole numbers of 1, 2 or 5 and zeros. */
export function scale(value, format) {
  const step = format === bytes ? ofTwo(value / MOST_LINES) : ofTen(value / MOST_LINES);
  const lines = Math.max(1, Math.ceil(value / step));
  return { top: lines * step, ticks: Array.from({ length: lines + 1 }, (_, at) => at * step) };
}

const ofTwo = (least) => 2 ** Math.ceil(Math.log2(Math.max(1, least)));

function ofTen(least) {
  if (least <= 1) return 1;
  const unit = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].find((factor) => factor * unit >= least) * unit;
}
