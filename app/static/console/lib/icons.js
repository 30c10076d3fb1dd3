/** Drawn on 20 by 20, in the colour of the text. They say nothing: the words beside them do. */

import { s } from "./dom.js";

const PATHS = {
  upload: "M10 13V3.5M6 7l4-4 4 4M3.5 13v2.5a1 1 0 0 0 1 1h11a1 1 0 0 0 1-1V13",
  download: "M10 3.5V13M6 9l4 4 4-4M3.5 13v2.5a1 1 0 0 0 1 1h11a1 1 0 0 0 1-1V13",
  folder: "M2.5 5.5a1 1 0 0 1 1-1h4l2 2h7a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1h-13a1 1 0 0 1-1-1z",
  file: "M5 2.5h6l4 4v10a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1v-13a1 1 0 0 1 1-1zM11 2.5v4h4",
  trash: "M3.5 5.5h13M8 5.5v-2h4v2M5 5.5l.7 11h8.6l.7-11M8.3 8.5v5M11.7 8.5v5",
  pause: "M7 4.5v11M13 4.5v11",
  play: "M6 4.5v11l9-5.5z",
  close: "M5 5l10 10M15 5 5 15",
  search: "M9 14.5a5.5 5.5 0 1 1 0-11 5.5 5.5 0 0 1 0 11zM13 13l4 4",
  check: "M4 10.5l4 4 8-9",
  alert: "M10 6.5v4.5M10 13.7v.1M10 2.8 18 16.5H2z",
  retry: "M15.5 10a5.5 5.5 0 1 1-1.7-4M14 2.5V6h-3.5",
  more: "M7.5 4.5 13 10l-5.5 5.5",
  offline:
    "M3 3l14 14M5.5 9.8a6.5 6.5 0 0 1 3-1.6M2.8 7a10.3 10.3 0 0 1 3.5-2.3M9.5 4a10.3 10.3 0 0 1 7.7 3M8 12.5a3 3 0 0 1 3.5-.3M10 16v.1",
  theme: "M10 3a7 7 0 1 0 0 14zM10 3a7 7 0 0 1 0 14",
  clock: "M10 17a7 7 0 1 1 0-14 7 7 0 0 1 0 14zM10 6v4l2.5 2",
};

export function icon(name) {
  const shape = s("path", { d: PATHS[name] });
  return s(
    "svg",
    { class: `icon icon-${name}`, viewBox: "0 0 20 20", "aria-hidden": "true" },
    shape,
  );
}

/** What the page is called, drawn. */
export function mark() {
  const arrow = s("path", { d: "M16 6v11M10.5 11.5 16 6l5.5 5.5" });
  const water = s("path", {
    class: "water",
    d: "M5.5 20.5c3.5 0 3.5 2.5 7 2.5s3.5-2.5 7-2.5 3.5 2.5 7 2.5",
  });
  const hull = s("rect", { width: 32, height: 32, rx: 8 });
  return s(
    "svg",
    { class: "mark", viewBox: "0 0 32 32", "aria-hidden": "true" },
    hull,
    arrow,
    water,
  );
}
