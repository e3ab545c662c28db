// The pages that links in emails lead to. Each asks first, and then sends the secret behind `#token=`.
// Opening a link changes nothing, so mail scanners don't use it up; and the secret leaves the address bar at once. The tab
// remembers it: a phone may drop the page while somebody looks for a password.

import {call, refresh, user} from "/authsvc.js";
import {byId, describeErrorsBy, fillIn, showStep} from "../ui/dom.js";
import {onSubmit} from "../ui/forms.js";
import {errorText} from "../ui/messages.js";
import {recallReturnAddress} from "../ui/redirect.js";
import {forget, recall, remember} from "../ui/storage.js";

const LETTER = `authsvc letter ${location.pathname}`; // in the storage of this tab
const UNKNOWN = ["link_invalid", "validation_failed"];
const form = byId("letter-form");
const passwordForm = byId("password-form");
let token;

async function readToken() {
  const text = new URLSearchParams(location.hash.slice(1)).get("token");
  history.replaceState(null, "", location.pathname + location.search);
  if (text) remember(LETTER, {token: text});
  const mine = token = text ?? recall(LETTER).token;
  if (!token) return showStep("no-link");
  showStep("loading");
  const facts = await call("POST", "/auth/links/inspect", {token}).catch((error) => error);
  if (token === mine) showLink(facts);
}

/** Show what the link is for. If that can't be told now, it is told once it is used. */
function showLink({purpose = "", email = "", code}) {
  if (UNKNOWN.includes(code)) return showBadLink();
  fillIn("address", email);
  if (purpose === "reset" && passwordForm) return showStep("password", passwordForm.elements.newPassword);
  if (purpose && !form.dataset.purposes.split(" ").includes(purpose)) return showBadLink();
  for (const text of document.querySelectorAll("[data-purpose]")) text.hidden = text.dataset.purpose !== purpose;
  if (byId("elsewhere")) tellOfElsewhere();
  showStep("form", form.querySelector("input:not([readonly])") ?? undefined);
}

// Whoever signed up is best off there, where they are signed in: here, nobody is.
async function tellOfElsewhere() {
  const current = await user().catch(() => undefined);
  byId("elsewhere").hidden = current !== null;
}

/** Say that the link no longer works, or that it need not: whoever clicked twice is confirmed. */
async function showBadLink() {
  forget(LETTER);
  const current = document.querySelector('[data-step="known"]') && await refresh().catch(() => null);
  fillIn("address", current?.email ?? "");
  showStep(current?.emailVerified ? "known" : "bad-link");
}

describeErrorsBy(errorText);
recallReturnAddress();
readToken();
addEventListener("hashchange", () => location.hash && readToken());

// If nobody is signed in to the account here, confirming its address has removed its password: the link sets a new one.
async function needsPassword({id}) {
  if (!passwordForm) return false;
  const current = await user().catch(() => null);
  return current?.id !== id;
}

async function orShowBadLink(work) {
  try {
    await work();
  } catch (error) {
    if (error.code !== "link_invalid") throw error;
    await showBadLink();
  }
}

function finish(step) {
  forget(LETTER);
  showStep(step);
}

onSubmit(form, (values) => orShowBadLink(async () => {
  const answer = await call("POST", form.dataset.post, {...values, token});
  if (answer.email) fillIn("address", answer.email);
  if (await needsPassword(answer)) return showStep("password", passwordForm.elements.newPassword);
  finish("done");
  if (passwordForm) refresh().catch(() => {}); // all tabs hear of it
}));

if (passwordForm) {
  onSubmit(passwordForm, (values) => orShowBadLink(async () => {
    await call("POST", "/auth/password/reset", {...values, token});
    finish("set");
  }));
}
