// Secrets that are shown once.

import {showToken} from "../ui/dialogs.js";
import {byId} from "../ui/dom.js";

/** Show a secret under a title; resolve once the dialog is closed. */
export function showSecret(title, secret) {
  byId("token-title").textContent = title;
  return showToken(secret);
}
