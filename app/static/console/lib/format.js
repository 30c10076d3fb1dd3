/** Figures for people. Bytes are counted in binary units, times in the reader's own zone. */

const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** `1.5 MiB`; below a KiB `1 byte`, `12 bytes`. */
export function bytes(count) {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log2(Math.max(1, count)) / 10));
  if (power === 0) return count === 1 ? "1 byte" : `${count} bytes`;
  const value = count / 1024 ** power;
  const digits = value < 9.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${UNITS[power]}`;
}

/** Of a file; without a declared size, how large it may be. */
export function sizeOf({ file_size: size, size_is_limit: isLimit }) {
  return isLimit ? `up to ${bytes(size)}` : bytes(size);
}

/** The same, and to the byte. */
export function exactSizeOf(file) {
  const { file_size: size } = file;
  return size < 1024 ? sizeOf(file) : `${sizeOf(file)} (${size.toLocaleString("en")} bytes)`;
}

/** Bytes a second. */
export function rate(perSecond) {
  return perSecond > 0 ? `${bytes(Math.round(perSecond))}/s` : "";
}

/** `42 s`, `3 min`, `2 h 5 min`; empty for null. */
export function duration(seconds) {
  if (seconds === null || !Number.isFinite(seconds)) return "";
  const whole = Math.max(1, Math.ceil(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.ceil(whole / 60);
  if (minutes < 60) return `${minutes} min`;
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  return rest ? `${hours} h ${rest} min` : `${hours} h`;
}

export function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

export function percent(part, whole) {
  return whole > 0 ? Math.min(100, (100 * part) / whole) : 100;
}

const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const DATE = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  year: "numeric",
});

export const exactTime = (moment) => EXACT.format(new Date(moment));

/** The time of today, the day of this year, the date of others. */
export function shortTime(moment, now = new Date()) {
  const then = new Date(moment);
  if (then.toDateString() === now.toDateString()) return TIME.format(then);
  return (then.getFullYear() === now.getFullYear() ? DAY : DATE).format(then);
}

/** `<time>` that shows the short form and tells the exact one. */
export function timeOf(moment) {
  const element = document.createElement("time");
  element.dateTime = moment;
  element.title = exactTime(moment);
  element.textContent = shortTime(moment);
  return element;
}
