// Confirming who is signed in: by password, code or passkey; without any of them, by a code in an email or by a provider.

import {call, getPasskey, identities} from "/authsvc.js";
import {open} from "./dialog.js";
import {byId, onPress} from "./dom.js";
import {onSubmit, setAlert, showError} from "./forms.js";
import {t} from "./language.js";
import {onProviders} from "./providers.js";
import {hereAsPath} from "./redirect.js";
import {onResend} from "./resend.js";

/** Do `work`; if that needs a recent sign-in, ask the person to confirm who they are, and do it again. */
export async function withRecentSignIn(work) {
  try {
    return await work();
  } catch (error) {
    if (error.code !== "fresh_login_required") throw error;
  }
  await reauthenticate();
  return work();
}

const again = byId("again-dialog");
const againPasskey = again.querySelector("#again-passkey button");
const ways = byId("again-ways"), byMail = byId("again-by-mail"), mailed = byId("again-mailed");
let challengeId; // of the code that was sent

/** Ask the person to confirm who they are, if `byFactor` by a second factor only; resolve once they have. */
export async function reauthenticate({byFactor = false} = {}) {
  const {hasPassword, required, totp, passkeys} = await call("GET", "/auth/mfa");
  const factors = [...(totp.enabled ? ["totp"] : []), ...(passkeys.length ? ["passkey"] : [])];
  const others = hasPassword || factors.length ? [] : ["email", ...(await identities()).map(({provider}) => provider)];
  const closed = open(again);
  setAlert(again, null);
  offer(byFactor ? factors : [...factors, ...(hasPassword && !required ? ["password"] : factors.length ? [] : others)]);
  if (await closed !== "confirmed") throw Object.assign(new Error("cancelled"), {code: "aborted"});
}

/** Show the ways to confirm it: a password, second factors, `email`, and providers by name. */
function offer(methods) {
  const hasPasskey = methods.includes("passkey"), hasApp = methods.includes("totp");
  const hasPassword = methods.includes("password");
  byId("again-passkey").hidden = !hasPasskey;
  byId("again-code").hidden = !hasApp;
  byId("again-password").hidden = !hasPassword;
  byId("again-or").hidden = !(hasPasskey && (hasApp || hasPassword));
  ways.hidden = true;
  if (mailed) mailed.hidden = true;
  const field = hasApp ? byId("again-code-field") : hasPassword ? byId("again-password-field") : offerOthers(methods);
  (hasPasskey && !hasApp && !hasPassword ? againPasskey : field)?.focus();
}

/** Show what an account without a password can be confirmed by; return the first button of that. */
function offerOthers(methods) {
  const hasEmail = byMail && methods.includes("email");
  const buttons = [...ways.querySelectorAll("[data-provider]")];
  const offered = buttons.filter(({dataset}) => "reauthenticates" in dataset && methods.includes(dataset.provider));
  for (const button of buttons) button.closest("li").hidden = !offered.includes(button);
  if (byMail) byMail.hidden = !hasEmail;
  ways.hidden = !hasEmail && !offered.length;
  return hasEmail ? byMail : offered[0];
}

async function sendProof(proof) {
  try {
    await call("POST", "/auth/reauthenticate", proof);
  } catch (error) {
    if (error.code !== "second_factor_required") throw error;
    return offer(error.methods); // a factor was set up on another device since the dialog was opened
  }
  again.close("confirmed");
}

onSubmit(byId("again-password"), ({password}) => sendProof({password}), {password_incorrect: "password"});
onSubmit(byId("again-code"), ({code}) => sendProof({code}), {mfa_code_invalid: "code"});
onPress(againPasskey, async () => {
  setAlert(again, null);
  const {challengeId, publicKey} = await call("POST", "/auth/reauthenticate/options");
  await sendProof({challengeId, credential: await getPasskey(publicKey)});
}, (error) => showError(again, error));
onProviders(ways, () => ({intent: "reauthenticate", returnTo: hereAsPath()}), (error) => showError(again, error));

if (mailed) {
  const send = async () => {
    ({challengeId} = await call("POST", "/auth/reauthenticate/email"));
  };
  const countDown = onResend(byId("again-resend"), send, t("Another email is on its way. Use the newest one."));
  onPress(byMail, async () => {
    setAlert(again, null);
    await send();
    ways.hidden = true;
    mailed.hidden = false;
    mailed.elements.code.focus();
    countDown();
  }, (error) => showError(again, error));
  onSubmit(mailed, ({code}) => sendProof({challengeId, code}), {email_code_invalid: "code"});
}
