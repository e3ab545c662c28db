// A forgotten password: a letter is sent, and a code or a link in it sets a new one.

import {call, onChange} from "/authsvc.js";
import {byId, describeErrorsBy, fillIn, showStep} from "../ui/dom.js";
import {onSubmit, resetForm} from "../ui/forms.js";
import {fillInHint} from "./hint.js";
import {t} from "../ui/language.js";
import {errorText} from "../ui/messages.js";
import {keepReturnAddress, leave, letterTarget, rememberReturnAddress} from "../ui/redirect.js";
import {onResend} from "../ui/resend.js";
import {forget, recall, remember} from "../ui/storage.js";

const WAITING = "authsvc reset"; // in the storage of this tab, which a phone may drop while somebody looks for the letter
const form = byId("forgot-form"), resetting = byId("reset-form");
let waiting = recall(WAITING);

describeErrorsBy(errorText);
keepReturnAddress();
fillInHint(form);

async function send() {
  const {email} = waiting;
  const answer = await call("POST", "/auth/password/forgot",
    {email, returnTo: letterTarget(), ...(resetting && {challenge: true})});
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
  resetting ? t("Another email is on its way. Use the newest one.") : t("Another email is on its way."));

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
