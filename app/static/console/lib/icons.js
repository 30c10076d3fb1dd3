/** Drawn on 20 by 20, in the colour of the text. They say nothing: the words beside them do. */

import { s } from "./dom.js";

const PATHS = {
  upload: "M10 13V3.500M6 7l4-4 4 4M3.500 13v2.500a1 1 0 0 0 1 1h11a1 1 0 0 0 1-1V13",
  download: "M10 3.500V13M6 9l4 4 4-4M3.500 13v2.500a1 1 0 0 0 1 1h11a1 1 0 0 0 1-1V13",
  folder: "M2.500 5.500a1 1 0 0 1 1-1h4l2 2h7a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1h-13a1 1 0 0 1-1-1z",
  file: "M5 2.500h6l4 4v10a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1v-13a1 1 0 0 1 1-1zM11 2.500v4h4",
  trash:
    "M3.500 5.500h13M8 5.500v-2h4v2M5 5.500l.700 11h8.600l.700-11M8.300 8.500v5M11.700 8.500v5",
  pause: "M7 4.500v11M13 4.500v11",
  play: "M6 4.500v11l9-5.500z",
  close: "M5 5l10 10M15 5 5 15",
  search: "M9 14.500a5.500 5.500 0 1 1 0-11 5.500 5.500 0 0 1 0 11zM13 13l4 4",
  check: "M4 10.500l4 4 8-9",
  alert: "M10 6.500v4.500M10 13.700v.100M10 2.800 18 16.500H2z",
  retry: "M15.500 10a5.500 5.500 0 1 1-1.700-4M14 2.500V6h-3.500",
  more: "M7.500 4.500 13 10l-5.500 5.500",
  offline:
    "M3 3l14 14M5.500 9.800a6.500 6.500 0 0 1 3-1.600M2.800 7a10.300 10.300 0 0 1 3.500-2.300M9.500 4a10.300 10.300 0 0 1 7.700 3M8 12.500a3 3 0 0 1 3.500-.300M10 16v.100",
  theme: "M10 3a7 7 0 1 0 0 14zM10 3a7 7 0 0 1 0 14",
  clock: "M10 17a7 7 0 1 1 0-14 7 7 0 0 1 0 14zM10 6v4l2.500 2",
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
  const arrow = s("path", { d: "M16 6v11M10.500 11.500 16 6l5.500 5.500" });
  const water = s("path", {
    class: "water",
    d: "M5.500 20.500c3.500 0 3.500 2.500 7 2.500s3.500-2.500 7-2.500 3.500 2.500 7 2.500",
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
