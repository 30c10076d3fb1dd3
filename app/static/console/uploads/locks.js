/** Which uploads are under way in any tab of this browser, by locks that end with their tab.
 *  Without the Web Locks API (a page over plain HTTP) nobody knows, and each tab is by itself. */

const PREFIX = "slipway upload ";

/** Until `ended` resolves. */
export function hold(id, ended) {
  navigator.locks?.request(PREFIX + id, () => ended);
}

/** The ids of the files that some tab is sending. */
export async function underWay() {
  const { held } = (await navigator.locks?.query()) ?? { held: [] };
  return new Set(held.map(({ name }) => name.replace(PREFIX, "")));
}
