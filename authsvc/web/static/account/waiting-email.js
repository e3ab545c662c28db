// The address that an account is to change to, until the link in the letter there is followed.

import {call} from "/authsvc.js";
import {byId, fillIn, onPress, toast} from "../ui/dom.js";
import {relativeTime} from "../ui/format.js";
import {t} from "../ui/language.js";
import {withRecentSignIn} from "../ui/reauthenticate.js";
import {onResend} from "../ui/resend.js";

const row = byId("waiting-email");
let email;

/** Show which address waits, if one does. */
export async function loadWaitingEmail() {
  const {waiting} = await call("GET", "/auth/me/email");
  email = waiting?.email;
  row.hidden = !waiting;
  if (!waiting) return;
  fillIn("waiting", email);
  byId("waiting-sent").textContent =
    t("Sent {when}. Follow the link in the email to complete the change.", {when: relativeTime(waiting.requestedAt)});
}

/** Ask for a change to an address: a letter goes there. */
export async function requestEmail(fields) {
  await withRecentSignIn(() => call("POST", "/auth/me/email", fields));
  await loadWaitingEmail();
}

/** Look once more whether it waits, since it may have been decided elsewhere. */
export const recheckWaitingEmail = () => row.hidden || loadWaitingEmail().catch(() => {}); // what is shown stays

onResend(byId("waiting-again"), () => requestEmail({email}), t("Another email is on its way. Use the newest one."));

onPress(byId("waiting-cancel"), async () => {
  await call("DELETE", "/auth/me/email");
  await loadWaitingEmail();
  byId("profile-title").focus(); // the button is gone
  toast(t("The change is cancelled."));
});
