// Name and email address.

import {call, refresh} from "/authsvc.js";
import {awaitCode, awaitedChallenge, forgetCode} from "./awaited-code.js";
import {byId, toast} from "./dom.js";
import {fieldError, onSubmit, resetForm} from "./forms.js";
import {withRecentSignIn} from "./reauthenticate.js";
import {onResend} from "./resend.js";

const verifiesAddresses = document.body.dataset.verification !== "off";
let user;

/** Return the account as it was shown last. */
export const currentUser = () => user;

/** Show an account everywhere on the page. */
export function showUser(account) {
  user = account;
  for (const element of document.querySelectorAll('[data-user="email"]')) {
    if (element instanceof HTMLInputElement) element.value = user.email;
    else element.textContent = user.email;
  }
  byId("who").textContent = user.name;
  byId("who").title = user.email;
  if (document.activeElement !== byId("profile-name")) byId("profile-name").value = user.name;
  byId("unverified").hidden = user.emailVerified || !verifiesAddresses;
  const badge = byId("email-badge");
  badge.hidden = !verifiesAddresses;
  badge.textContent = user.emailVerified ? "Confirmed" : "Not confirmed";
  badge.className = `badge ${user.emailVerified ? "good" : "warn"}`;
  for (const scope of document.querySelectorAll("[data-admin]")) scope.hidden = user.role !== "admin";
}

export async function loadProfile() {
  showUser(await call("GET", "/auth/me"));
}

onSubmit(byId("name-form"), async (values) => {
  showUser(await call("PATCH", "/auth/me", values));
  toast("Name saved.");
});

onSubmit(byId("email-form"), async (values, form) => {
  if (values.email.toLowerCase() === user.email.toLowerCase()) {
    throw fieldError("email", "This is already your email address.");
  }
  await withRecentSignIn(() => call("POST", "/auth/me/email", values));
  resetForm(form);
  toast(`We sent an email to ${values.email}. Follow the link in it to complete the change.`);
});

const verifying = byId("verify-form");

/** Show the field for the code of a letter if this tab knows for which challenge one is on its way. */
function showCodeField() {
  if (verifying) verifying.hidden = !awaitedChallenge();
}

onResend(byId("resend"), async () => {
  const {email} = user;
  awaitCode(await call("POST", "/auth/email/resend", verifying ? {email, challenge: true} : {email}));
  showCodeField();
}, verifying ? "Another email is on its way. Use the newest one." : "Another email is on its way.");

if (verifying) {
  onSubmit(verifying, async ({code}, form) => {
    await call("POST", "/auth/email/verify", {challengeId: awaitedChallenge() ?? "", code});
    forgetCode();
    resetForm(form);
    await refresh(); // which tells all tabs
    byId("main").focus();
    toast("Your email address is confirmed.");
  }, {email_code_invalid: "code"});
  showCodeField();
}
