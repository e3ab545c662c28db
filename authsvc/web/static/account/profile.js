// Name and email address.

import {call, refresh} from "/authsvc.js";
import {awaitCode, awaitedChallenge, forgetCode} from "./awaited-code.js";
import {byId, toast} from "../ui/dom.js";
import {fieldError, onSubmit, resetForm} from "../ui/forms.js";
import {t} from "../ui/language.js";
import {onLanguage, speak} from "../ui/language-menu.js";
import {onResend} from "../ui/resend.js";
import {loadWaitingEmail, recheckWaitingEmail, requestEmail} from "./waiting-email.js";

const verifiesAddresses = document.body.dataset.verification !== "off";
let user;

/** Return the first letters of the first and the last word of a name. */
function initialsOf(name) {
  const words = name.trim().split(/\s+/), letters = Intl.Segmenter && new Intl.Segmenter(); // a letter may be several characters
  const first = (word) => letters ? [...letters.segment(word)][0]?.segment ?? "" : [...word][0] ?? "";
  return (first(words[0]) + (words.length > 1 ? first(words.at(-1)) : "")).toLocaleUpperCase();
}

/** Return the account as it was shown last. */
export const currentUser = () => user;

/** Show an account everywhere on the page. */
export function showUser(account) {
  if (user && user.email !== account.email) recheckWaitingEmail();
  user = account;
  speak(user.locale);
  for (const element of document.querySelectorAll('[data-user="email"]')) {
    if (element instanceof HTMLInputElement) element.value = user.email;
    else element.textContent = user.email;
  }
  byId("initials").textContent = initialsOf(user.name || user.email); // accounts of other programs may have no name
  byId("who").textContent = user.name || user.email;
  byId("who").title = user.email;
  if (document.activeElement !== byId("profile-name")) byId("profile-name").value = user.name ?? "";
  byId("unverified").hidden = user.emailVerified || !verifiesAddresses;
  showNeeds();
  const badge = byId("email-badge");
  badge.hidden = !verifiesAddresses;
  badge.textContent = user.emailVerified ? t("Confirmed") : t("Not confirmed");
  badge.className = `badge ${user.emailVerified ? "good" : "warn"}`;
  for (const scope of document.querySelectorAll("[data-admin]")) scope.hidden = user.role !== "admin";
}

/** Show what takes a confirmed address: the service would refuse it. */
export function showNeeds() {
  const needsProof = verifiesAddresses && !user.emailVerified;
  for (const note of document.querySelectorAll("[data-needs-proof]")) note.hidden = !needsProof;
  for (const id of ["add-passkey", "totp-add"]) byId(id).disabled = needsProof;
}

export async function loadProfile() {
  showUser(await call("GET", "/auth/me"));
  await loadWaitingEmail();
}

/** Look once more at what may have been decided elsewhere: whether the address is confirmed, or another one is. */
export function recheck() {
  if (!user?.emailVerified) refresh().catch(() => {}); // it is tried again anyhow
  recheckWaitingEmail();
}

onLanguage((locale) => call("PATCH", "/auth/me", {locale}));

onSubmit(byId("name-form"), async (values) => {
  showUser(await call("PATCH", "/auth/me", values));
  toast(t("Name saved."));
});

onSubmit(byId("email-form"), async (values, form) => {
  if (values.email.toLowerCase() === user.email.toLowerCase()) {
    throw fieldError("email", t("This is already your email address."));
  }
  await requestEmail(values);
  resetForm(form);
  toast(t("We sent an email to {email}. Follow the link in it to complete the change.", values));
});

const verifying = byId("verify-form");

/** Show the field for the code of a letter if this tab knows for which challenge one is on its way. */
function showCodeField() {
  if (verifying) verifying.hidden = !awaitedChallenge();
}

async function sendProof() {
  const {email} = user;
  awaitCode(await call("POST", "/auth/email/resend", verifying ? {email, challenge: true} : {email}));
  showCodeField();
}

onResend([byId("resend"), ...document.querySelectorAll("[data-needs-proof] button")], sendProof,
  verifying ? t("Another email is on its way. Use the newest one.") : t("Another email is on its way."));

if (verifying) {
  onSubmit(verifying, async ({code}, form) => {
    await call("POST", "/auth/email/verify", {challengeId: awaitedChallenge() ?? "", code}).catch(async (error) => {
      if (error.code === "email_code_invalid") await loadProfile(); // it may be confirmed already, and this session over
      throw error;
    });
    forgetCode();
    resetForm(form);
    await refresh(); // which tells all tabs
    byId("main").focus();
    toast(t("Your email address is confirmed."));
  }, {email_code_invalid: "code"});
  showCodeField();
}
