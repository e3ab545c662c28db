// Signing in: by password, passkey, a code sent by mail or a provider, and then by a second factor if the account has one.

import {call, login, loginWithPasskey, onChange} from "/authsvc.js";
import {END_REASONS} from "./end-reasons.js";
import {byId, describeErrorsBy, onPress, showStep, untilUnload} from "../ui/dom.js";
import {tellWhatWasDone} from "../ui/done.js";
import {askForFactor, onFactor, resumeFactor} from "./factor.js";
import {clearErrors, isFilledIn, onSubmit, resetForm, setAlert, showError} from "../ui/forms.js";
import {fillInHint} from "./hint.js";
import {t} from "../ui/language.js";
import {errorText} from "../ui/messages.js";
import {onProviders} from "../ui/providers.js";
import {keepReturnAddress, leave, leaveOrStay, letterTarget, rememberReturnAddress, returnAddress} from "../ui/redirect.js";
import {onResend} from "../ui/resend.js";
import {onSentCode} from "./sent-code.js";
import {forgetWay, rememberPassword} from "./way-in.js";

const RENEWAL = 240e3; // milliseconds; a challenge is valid for five minutes
// Nobody has asked for the offer, so nobody is told why it failed.
const QUIET = ["aborted", "passkey_unsupported", "passkey_cancelled", "passkey_failed", "offline", "too_many_attempts"];
const byPassword = byId("by-password"), {email} = byPassword.elements;

describeErrorsBy(errorText);
keepReturnAddress();
fillInHint(byPassword, byPassword.elements.password);
onChange((user) => user && leaveOrStay(() => {
  document.querySelector(".footnote").hidden = true;
  showStep("elsewhere");
}));
onPress(byId("go-on-here"), leave);
tellWhatWasDone();

const endReason = new URLSearchParams(location.search).get("ended");
if (Object.hasOwn(END_REASONS, endReason)) {
  byId("ended").textContent = END_REASONS[endReason];
  byId("ended").hidden = false;
}

onSubmit(byPassword, async (values) => {
  byId("unverified").hidden = true;
  try {
    const answer = await login(values);
    rememberPassword();
    await proceed(answer);
  } catch (error) {
    byId("unverified").hidden = error.code !== "email_unverified";
    throw error;
  }
}, {invalid_credentials: "password"});

onResend(byId("resend"), async () => {
  await call("POST", "/auth/email/resend", {email: email.value.trim(), returnTo: letterTarget()});
  rememberReturnAddress();
}, t("If this email address still has to be confirmed, an email is on its way."));

if (byId("by-email")) {
  const sendCode = onSentCode(proceed, () => showStep("password", email));
  onPress(byId("by-email"), async () => {
    clearErrors(byPassword);
    if (!isFilledIn(byPassword, ["email"])) return;
    await sendCode({email: email.value.trim()});
  }, (error) => showError(byPassword, error));
}
onProviders(document, () => ({intent: "sign_in", returnTo: returnAddress()}), (error) => showError(byPassword, error));

/** Go on after the first proof: ask for a second factor if one is required. */
function proceed(answer) {
  if (!answer.mfaRequired) return untilUnload();
  document.querySelector(".footnote").hidden = true;
  askForFactor(answer);
}

function startAgain(error) {
  for (const form of document.forms) resetForm(form);
  document.querySelector(".footnote").hidden = false;
  showStep("password", email);
  if (error) showError(byPassword, error);
}

onFactor(untilUnload, startAgain);
resumeFactor(proceed);

const nextVisibilityChange = () =>
  new Promise((resolve) => document.addEventListener("visibilitychange", resolve, {once: true}));

/** Let the browser offer passkeys in its autofill, and renew the challenge before it expires. */
async function offerPasskeys() {
  for (;;) {
    const signal = AbortSignal.timeout(RENEWAL);
    try {
      return await loginWithPasskey({conditional: true, signal});
    } catch (error) {
      if (!signal.aborted) return QUIET.includes(error.code) ? undefined : showError(byPassword, error);
      if (document.hidden) await nextVisibilityChange();
    }
  }
}

if ("PublicKeyCredential" in globalThis) {
  document.querySelector("[data-passkeys]").hidden = false;
  onPress(byId("by-passkey"), async () => {
    setAlert(byPassword, null);
    await loginWithPasskey();
    forgetWay();
    return untilUnload();
  }, (error) => {
    showError(byPassword, error);
    offerPasskeys();
  });
  offerPasskeys();
}
