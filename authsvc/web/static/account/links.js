// The pages that links in emails lead to. Each asks first, and then sends the secret behind `#token=`.
// Opening a link changes nothing, so mail scanners don't use it up; and the secret leaves the address bar at once.

import {call, user} from "/authsvc.js";
import {byId, describeErrorsBy, fillIn, showStep} from "./dom.js";
import {onSubmit} from "./forms.js";
import {errorText} from "./messages.js";
import {recallReturnAddress} from "./redirect.js";

const form = byId("letter-form");
const passwordForm = byId("password-form");
let token;

function readToken() {
  token = new URLSearchParams(location.hash.slice(1)).get("token");
  history.replaceState(null, "", location.pathname);
  showStep(token ? "form" : "no-link", token ? form.querySelector("input") : undefined);
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
    showStep("bad-link");
  }
}

onSubmit(form, (values) => orShowBadLink(async () => {
  const answer = await call("POST", form.dataset.post, {...values, token});
  fillIn("address", answer.email ?? "");
  if (await needsPassword(answer)) showStep("password", passwordForm.elements.newPassword);
  else showStep("done");
}));

if (passwordForm) {
  onSubmit(passwordForm, (values) => orShowBadLink(async () => {
    await call("POST", "/auth/password/reset", {...values, token});
    showStep("set");
  }));
}
