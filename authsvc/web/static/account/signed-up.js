// The letter that confirms the address of whoever signed up. The code from it is typed where they did, so they keep the
// password. A phone may drop the tab meanwhile: it remembers all but the password.

import {call, login} from "/authsvc.js";
import {byId, fillIn, showStep, untilUnload} from "../ui/dom.js";
import {sayNext} from "../ui/done.js";
import {onSubmit} from "../ui/forms.js";
import {asFragment} from "./hint.js";
import {t} from "../ui/language.js";
import {letterTarget, rememberReturnAddress} from "../ui/redirect.js";
import {onResend} from "../ui/resend.js";
import {forget, recall, remember} from "../ui/storage.js";

const REGISTERED = "authsvc signed up"; // in the storage of this tab
const READING = 3600; // seconds for which a letter without a code is waited for
const verifying = byId("verify-form"), again = byId("password-again");
let registered = {}; // {email, challengeId, until, isFirst}: of the last letter, which may be that of the registration
let password; // only as long as the page is there

/** Return what to ask for with a letter. */
export const letterWish = () => ({returnTo: letterTarget(), ...(verifying && {challenge: true})});

function keep(email, {challengeId, expiresIn = READING}, isFirst) {
  registered = {email, challengeId, isFirst, until: Date.now() + 1000 * expiresIn};
  remember(REGISTERED, registered);
}

function show() {
  rememberReturnAddress();
  fillIn("address", registered.email);
  showStep("letter", verifying?.elements.code);
}

const countDown = onResend(byId("resend"), async () => {
  const {email} = registered;
  keep(email, await call("POST", "/auth/email/resend", {email, ...letterWish()}), false);
}, verifying ? t("Another email is on its way. Use the newest one.") : t("Another email is on its way."));

/** Wait for the letter to whoever has just signed up with these values. */
export function awaitLetter(values, answer) {
  ({password} = values);
  keep(values.email, answer, true);
  show();
  countDown();
}

function leaveToSignIn() {
  sayNext(t("Your email address is confirmed. Sign in to go on."));
  location.replace(`/account/sign-in${location.search}${asFragment(registered.email)}`);
  return untilUnload();
}

/** Set the password once more, by the code of a later letter: with the address it was removed. */
async function setAgain(newPassword) {
  const {challengeId, email, code} = registered;
  await call("POST", "/auth/password/reset", {challengeId, code, newPassword});
  await login({email, password: newPassword});
  return untilUnload();
}

async function confirm({code}) {
  const {challengeId, email, isFirst} = registered;
  await call("POST", "/auth/email/verify", {challengeId, code});
  registered.code = code;
  forget(REGISTERED);
  if (!password) return isFirst ? leaveToSignIn() : showStep("again", again.elements.newPassword);
  await login({email, password}).catch((error) => {
    if (error.code !== "invalid_credentials") throw error;
    return setAgain(password); // whoever typed the code here has shown the mailbox now
  });
  return untilUnload();
}

if (verifying) {
  onSubmit(verifying, confirm, {email_code_invalid: "code"});
  onSubmit(again, ({newPassword}) => setAgain(newPassword));
}

const last = recall(REGISTERED);
if (last.until > Date.now()) {
  registered = last;
  show();
}
