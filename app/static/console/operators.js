/** For operators (scope `admin`): how the service does, for all owners together. */

import { h } from "./lib/dom.js";
import { Tabs } from "./operators/tabs.js";
import { failures } from "./operators/failures.js";
import { health } from "./operators/health.js";
import { jobs } from "./operators/jobs.js";
import { overview } from "./operators/overview.js";
import { owners } from "./operators/owners.js";
import { webhooks } from "./operators/webhooks.js";

/** Each view is `{ element, load() }`, made when it is first shown and loaded whenever it is;
 *  `load` may be given what to look for. */
const VIEWS = [
  { id: "overview", label: "Overview", make: overview },
  { id: "uploads", label: "Uploads", make: failures },
  { id: "owners", label: "Owners", make: owners },
  { id: "webhooks", label: "Webhooks", make: webhooks },
  { id: "jobs", label: "Jobs", make: jobs },
  { id: "health", label: "Health", make: health },
];

export function panel({ api }) {
  const go = (id, wanted) => tabs.show(id, wanted);
  const tabs = new Tabs({ label: "Operations", views: VIEWS, make: (view) => view.make(api, go) });
  const head = h("header", { class: "panel-head" }, h("h1", {}, "Operations"), tabs.list);
  tabs.show("overview");
  return h("section", { class: "panel operators", "aria-label": "Operations" }, head, tabs.panels);
}
