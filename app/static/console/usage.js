/** What the person holds and may hold. */

import { bar } from "./lib/bar.js";
import { h } from "./lib/dom.js";
import { bytes, count } from "./lib/format.js";

export function panel({ api }) {
  const bars = h("div", { class: "card bars" });
  api.get("/usage").then(
    (usage) => bars.replaceChildren(...quotas(usage)),
    (error) => bars.replaceChildren(h("p", { class: "problem" }, error.message)),
  );
  return h("section", {}, h("h1", {}, "Usage"), bars);
}

function quotas({ used, reserved, limit }) {
  return [
    quota("Stored", used.bytes, reserved.bytes, limit.bytes, bytes),
    quota("Files", used.files, reserved.files, limit.files, (number) => count(number, "file")),
  ];
}

function quota(label, used, reserved, limit, format) {
  const onTheirWay = reserved > 0 ? `, ${format(reserved)} on their way` : "";
  const text = `${format(used)}${onTheirWay} ${limit === null ? "(no limit)" : `of ${format(limit)}`}`;
  const parts = [
    { value: used, kind: "used" },
    { value: reserved, kind: "reserved" },
  ];
  return bar({ label, text, parts, limit });
}
