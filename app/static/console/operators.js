/** For operators (scope `admin`): how the service itself is. */

import { h } from "./lib/dom.js";

export function panel({ api }) {
  const list = h("ul", {});
  api.get("/readyz").then(
    ({ checks }) => list.append(...entries(checks)),
    (error) => list.append(...entries(error.problem.checks ?? { service: error.message })),
  );
  return h("section", {}, h("h1", {}, "Health"), list);
}

function entries(checks) {
  return Object.entries(checks).map(([part, state]) => h("li", {}, `${part}: ${state}`));
}
