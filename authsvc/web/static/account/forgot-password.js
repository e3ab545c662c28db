// A forgotten password: a letter is sent, and a code or a link in it sets a new one.

import {call, onChange} from "/authsvc.js";
import {byId, describeErrorsBy, fillIn, showStep} from "./dom.js";
import {onSubmit, resetForm} from "./forms.js";
import {fillInHint} from "./hint.js";
import {errorText} from "./messages.js";
import {keepReturnAddress, leave, rememberReturnAddress} from "./redirect.js";
import {onResend} from "./resend.js";
import {forget, recall, remember} from "./storage.js";

const WAITING = "authsvc reset"; // in the storage of this tab, which a phone may drop while somebody looks for the letter
const form = byId("forgot-form"), resetting = byId("reset-form");
let waiting = recall(WAITING);

describeErrorsBy(errorText);
keepReturnAddress();
fillInHint(form);

async function send() {
  const {email} = waiting;
  const answer = await call("POST", "/auth/password/forgot", resetting ? {email, challenge: true} : {email});
  waiting = {email, challengeId: answer.challengeId, until: Date.now() + 1000 * answer.expiresIn};
  if (resetting) remember(WAITING, waiting);
  waitForSignIn();
}

/** Go on to where the sign-in was to return, once somebody who read the letter has signed in in another tab. */
function waitForSignIn() {
  rememberReturnAddress();
  let wasNobody = false;
  onChange((current) => {
    if (current && wasNobody) leave();
    wasNobody ||= !current;
  });
}

function show() {
  fillIn("address", waiting.email);
  showStep("done", resetting?.elements.code);
}

const countDown = onResend(byId("resend"), send,
  resetting ? "Another email is on its way. Use the newest one." : "Another email is on its way.");

onSubmit(form, async ({email}) => {
  waiting = {email};
  await send();
  show();
  countDown();
});

if (resetting) {
  onSubmit(resetting, async ({code, newPassword}) => {
    await call("POST", "/auth/password/reset", {challengeId: waiting.challengeId, code, newPassword});
    forget(WAITING);
    showStep("set");
  }, {email_code_invalid: "code"});
  if (waiting.until > Date.now()) show();
}

document.querySelector("[data-back]").addEventListener("click", () => {
  forget(WAITING);
  if (resetting) resetForm(resetting);
  showStep("form", form.elements.email);
});
