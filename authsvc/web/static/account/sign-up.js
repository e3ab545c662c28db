// Signing up.

import {onChange, register} from "/authsvc.js";
import {awaitCode} from "./awaited-code.js";
import {byId, describeErrorsBy, onPress, showStep, untilUnload} from "../ui/dom.js";
import {askForFactor, onFactor, resumeFactor} from "./factor.js";
import {clearErrors, isFilledIn, onSubmit, showError} from "../ui/forms.js";
import {asFragment, fillInHint} from "./hint.js";
import {errorText} from "../ui/messages.js";
import {onProviders} from "../ui/providers.js";
import {keepReturnAddress, leave, returnAddress} from "../ui/redirect.js";
import {onSentCode} from "./sent-code.js";
import {awaitLetter, letterWish} from "./signed-up.js";

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
  resumeFactor();
}
onProviders(document, () => ({intent: "sign_in", returnTo: returnAddress()}), (error) => showError(form, error));

/** Offer to sign in with the address that has an account already, or no longer. */
function offerSignIn(email) {
  byId("known-address").hidden = !email;
  byId("sign-in-instead").hash = asFragment(email);
}

onSubmit(form, async (values) => {
  offerSignIn("");
  const answer = await register({...values, ...letterWish()}).catch((error) => {
    if (error.code === "email_taken") offerSignIn(values.email);
    throw error;
  });
  if (answer.verificationRequired) return awaitLetter(values, answer);
  awaitCode(answer.emailChallenge);
  return untilUnload();
}, {email_taken: "email"});
form.elements.email.addEventListener("input", () => offerSignIn(""));
