/** Uploading, and the files that are there. */

import { h } from "./lib/dom.js";
import { FileList } from "./files/list.js";
import { dropZone } from "./uploads/drop-zone.js";
import { Queue } from "./uploads/queue.js";
import { Tray } from "./uploads/tray.js";
import { Unfinished } from "./uploads/unfinished.js";

export function panel(context) {
  const queue = new Queue(context);
  const list = new FileList(context, (id) => queue.isSending(id));
  const uploads = context.session.has("files:write") ? uploading(context, queue, list) : [];
  return h("section", { class: "panel", "aria-label": "Files" }, uploads, list.element);
}

function uploading(context, queue, list) {
  const tray = new Tray(queue);
  const unfinished = new Unfinished(context, queue);
  queue.addEventListener("over", ({ detail: item }) => {
    if (item.state === "done") list.add(item.record);
    else if (item.record) list.lookAt(item.record.id);
  });
  context.live.whenReady(() => unfinished.load());
  context.live.addEventListener("file", ({ detail }) => unfinished.forget(detail.id));
  const zone = dropZone((file, options) => queue.begin(file, options));
  return [zone, tray.element, unfinished.element];
}
