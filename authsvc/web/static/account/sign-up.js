// Signing up.

import {call, login, onChange, register} from "/authsvc.js";
import {awaitCode} from "./awaited-code.js";
import {byId, describeErrorsBy, fillIn, onPress, showStep, untilUnload} from "./dom.js";
import {askForFactor, onFactor} from "./factor.js";
import {clearErrors, isFilledIn, onSubmit, showError} from "./forms.js";
import {fillInHint} from "./hint.js";
import {errorText} from "./messages.js";
import {onProviders} from "./providers.js";
import {keepReturnAddress, leave, rememberReturnAddress, returnAddress} from "./redirect.js";
import {onResend} from "./resend.js";
import {onSentCode} from "./sent-code.js";

describeErrorsBy(errorText);
keepReturnAddress();
fillInHint(byId("sign-up"));
onChange((user) => user && leave());

const form = byId("sign-up");

if (byId("by-email")) {
  const proceed = (answer) => answer.mfaRequired ? askForFactor(answer) : untilUnload();
  const startAgain = (error) => {
    showStep("form", form.elements.email);
    if (error) showError(form, error);
  };
  const sendCode = onSentCode(proceed, startAgain);
  onPress(byId("by-email"), async () => {
    clearErrors(form);
    if (!isFilledIn(form, ["name", "email"])) return;
    await sendCode({name: form.elements.name.value.trim(), email: form.elements.email.value.trim()});
  }, (error) => showError(form, error, {email_taken: "email"}));
  onFactor(untilUnload, startAgain);
}
onProviders(document, () => ({intent: "sign_in", returnTo: returnAddress()}), (error) => showError(form, error));

// The letter that confirms the address: whoever has the code here is who signed up here, and keeps the password.

const verifying = byId("verify-form");
let registered = {}; // who signed up, and the challenge of the code

onSubmit(form, async (values) => {
  const answer = await register(verifying ? {...values, challenge: true} : values);
  if (!answer.verificationRequired) {
    awaitCode(answer.emailChallenge);
    return untilUnload();
  }
  registered = {...values, challengeId: answer.challengeId};
  rememberReturnAddress();
  fillIn("address", values.email);
  showStep("letter", verifying?.elements.code);
  countDown();
}, {email_taken: "email"});

const countDown = onResend(byId("resend"), async () => {
  const {email} = registered;
  const answer = await call("POST", "/auth/email/resend", verifying ? {email, challenge: true} : {email});
  registered = {...registered, challengeId: answer.challengeId};
}, verifying ? "Another email is on its way. Use the newest one." : "Another email is on its way.");

if (verifying) {
  onSubmit(verifying, async ({code}) => {
    const {challengeId, email, password} = registered;
    await call("POST", "/auth/email/verify", {challengeId, code});
    await login({email, password}).catch(async (error) => {
      if (error.code !== "invalid_credentials") throw error;
      // By the code of a later letter, the password is removed. Whoever typed it here has shown the mailbox now.
      await call("POST", "/auth/password/reset", {challengeId, code, newPassword: password});
      await login({email, password});
    });
    return untilUnload();
  }, {email_code_invalid: "code"});
}
