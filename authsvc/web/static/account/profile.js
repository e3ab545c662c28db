// Who somebody is: name and address.

import {call} from "/authsvc.js";
import {byId, onPress, toast} from "./dom.js";
import {fresh} from "./dialogs.js";
import {onSend, reset} from "./forms.js";

const checksAddresses = document.body.dataset.verification !== "off";
let me;

/** The account as it was shown last. */
export const user = () => me;

/** Show an account wherever the page waits for it. */
export function showUser(account) {
  me = account;
  for (const place of document.querySelectorAll('[data-user="email"]')) {
    if (place instanceof HTMLInputElement) place.value = me.email;
    else place.textContent = me.email;
  }
  byId("who").textContent = me.name;
  byId("who").title = me.email;
  if (document.activeElement !== byId("profile-name")) byId("profile-name").value = me.name;
  byId("unverified").hidden = me.emailVerified || !checksAddresses;
  const badge = byId("email-badge");
  badge.hidden = !checksAddresses;
  badge.textContent = me.emailVerified ? "Confirmed" : "Not confirmed";
  badge.className = `badge ${me.emailVerified ? "good" : "warn"}`;
  for (const choice of document.querySelectorAll("[data-admin]")) choice.hidden = me.role !== "admin";
}

export async function enter() {
  showUser(await call("GET", "/auth/me"));
}

onSend(byId("name-form"), async (given) => {
  showUser(await call("PATCH", "/auth/me", given));
  toast("Name saved.");
});

onSend(byId("email-form"), async (given, form) => {
  if (given.email.toLowerCase() === me.email.toLowerCase()) {
    throw {errors: [{pointer: "/email", detail: "This is your address already."}]};
  }
  await fresh(() => call("POST", "/auth/me/email", given));
  reset(form);
  toast(`We sent an email to ${given.email}. The change counts once you follow its link.`);
});

onPress(byId("resend"), async () => {
  await call("POST", "/auth/email/resend", {email: me.email});
  toast("Another email is on its way.");
});
