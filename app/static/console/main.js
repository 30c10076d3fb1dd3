/** Starts the console. */

import { BASE } from "./lib/api.js";
import { Session } from "./lib/session.js";
import { Shell } from "./shell.js";
import { SignIn } from "./sign-in.js";
import { applyTheme } from "./theme.js";

// The page's policy forbids turning text into code. Of URLs only our own thread's becomes a worker.
const WORKER = `${BASE}/client/lib/checksum-worker.js`;
globalThis.trustedTypes?.createPolicy("default", {
  createScriptURL: (url) => (url === WORKER ? url : null),
});

applyTheme();
const session = new Session();
const configuration = await fetch("configuration")
  .then((answer) => answer.json())
  .catch(() => ({}));
let shown = null;

function show() {
  shown?.remove();
  shown = session.isOpen ? new Shell(session, configuration) : new SignIn(session, configuration);
  document.body.prepend(shown);
}

session.addEventListener("change", () => shown instanceof Shell || show());
show();
