/** What is wished for all files to come: a policy, and checksums. */

import { complain } from "../lib/announce.js";
import { h } from "../lib/dom.js";

const HELP =
  "Policies say which files are taken. With a checksum the store refuses other bytes; " +
  "each file is read twice.";
const NO_POLICY = "The name of a policy has letters, digits, - and _ alone. Nothing was uploaded.";

/** `{ element, value, isValid() }`; `value` is `{ policy, checksum }`. */
export function uploadOptions() {
  const policy = policyField();
  const checksum = h("input", { id: "checksum", type: "checkbox" });
  const element = h(
    "details",
    {},
    h("summary", {}, "Options"),
    h("div", { class: "options" }, labelled(policy, checksum)),
  );
  return {
    element,
    get value() {
      return { policy: policy.value, checksum: checksum.checked };
    },
    /** Else says why, where it can be mended. */
    isValid() {
      if (policy.validity.valid) return true;
      complain(NO_POLICY);
      element.open = true;
      policy.focus();
      return false;
    },
  };
}

function policyField() {
  return h("input", {
    id: "policy",
    type: "text",
    placeholder: "default",
    maxlength: 64,
    pattern: "[A-Za-z0-9_\\-]+",
    autocomplete: "off",
    spellcheck: "false",
    "aria-describedby": "policy-help",
  });
}

function labelled(policy, checksum) {
  return [
    h("p", {}, h("label", { for: "policy" }, "Upload policy"), policy),
    h("p", {}, checksum, h("label", { for: "checksum" }, "Send a checksum of each file")),
    h("p", { class: "help", id: "policy-help" }, HELP),
  ];
}
