/** What stands where a control stood before its row was drawn anew. */

const successors = new WeakMap();

export function succeed(former, present) {
  successors.set(former, present);
}

/** The control itself while it is in the page, or the latest in its place. */
export function present(control) {
  let found = control;
  while (found && !found.isConnected) found = successors.get(found);
  return found ?? null;
}
