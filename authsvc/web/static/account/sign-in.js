// Signing in: by password or passkey, then by a second factor where there is one.

import {call, completeMfa, login, loginWithPasskey, onChange} from "/authsvc.js";
import {byId, leaving, onPress, showStep, tellAs, toast} from "./dom.js";
import {alertIn, onSend, reset, show} from "./forms.js";
import {goOn, keepReturn} from "./return.js";
import {ENDED, sentence} from "./words.js";

const RENEW = 240e3; // milliseconds; a challenge is good for five minutes
const step = (name) => document.querySelector(`[data-step="${name}"]`);
const part = (method) => document.querySelector(`[data-factor="${method}"]`);
const byPassword = byId("by-password");
let methods = [];

tellAs(sentence);
keepReturn();
onChange((user) => user && goOn());

const ended = new URLSearchParams(location.search).get("ended");
if (Object.hasOwn(ENDED, ended)) {
  byId("ended").textContent = ENDED[ended];
  byId("ended").hidden = false;
}

onSend(byPassword, async (given) => {
  byId("unverified").hidden = true;
  try {
    await arrive(await login(given));
  } catch (error) {
    byId("unverified").hidden = error.code !== "email_unverified";
    throw error;
  }
}, {invalid_credentials: "password"});

onPress(byId("resend"), async () => {
  await call("POST", "/auth/email/resend", {email: byPassword.elements.email.value.trim()});
  toast("If the address still has to be confirmed, an email is on its way.");
});

async function arrive(answer) {
  if (!answer.mfaRequired) return leaving();
  ({methods} = answer);
  for (const method of ["passkey", "totp", "recovery_code"]) part(method).hidden = true;
  for (const choice of document.querySelectorAll("[data-other]")) choice.hidden = true;
  const canAsk = "credentials" in navigator && methods.includes("passkey");
  part("passkey").hidden = !canAsk;
  step("factor").querySelector("[data-alert]").hidden = true;
  document.querySelector(".below").hidden = true;
  const first = methods.includes("totp") ? "totp" : canAsk ? null : "recovery_code";
  showStep("factor", canAsk && !first ? byId("factor-passkey") : undefined);
  offer(first);
}

/** Show the field for a code of one kind, and offer the other kind. */
function offer(method) {
  const other = {totp: "recovery_code", recovery_code: "totp"}[method] ?? "recovery_code";
  for (const name of ["totp", "recovery_code"]) {
    part(name).hidden = name !== method;
    document.querySelector(`[data-other="${name}"]`).hidden = name !== other || !methods.includes(name);
  }
  document.querySelector("[data-factor-or]").hidden = part("passkey").hidden || !method;
  if (method) part(method).querySelector("input").focus();
}

byId("other-recovery").addEventListener("click", () => offer("recovery_code"));
byId("other-code").addEventListener("click", () => offer("totp"));
byId("start-again").addEventListener("click", () => startAgain());

function startAgain(error) {
  for (const form of document.forms) reset(form);
  document.querySelector(".below").hidden = false;
  showStep("password", byPassword.elements.email);
  if (error) show(byPassword, error);
}

async function complete(proof) {
  try {
    await completeMfa(proof);
  } catch (error) {
    if (error.code !== "mfa_token_invalid") throw error;
    return startAgain(error);
  }
  return leaving();
}

onSend(byId("by-code"), complete, {mfa_code_invalid: "code"});
onSend(byId("by-recovery-code"), complete, {mfa_code_invalid: "recoveryCode"});
onPress(byId("factor-passkey"), () => {
  alertIn(step("factor"), null);
  return complete({passkey: true});
}, (error) => show(step("factor"), error));

/** Let the browser offer passkeys among what it fills in, with a challenge that is always young enough. */
async function offerPasskeys() {
  for (;;) {
    const signal = AbortSignal.timeout(RENEW);
    try {
      return await loginWithPasskey({conditional: true, signal});
    } catch (error) {
      if (!signal.aborted) {
        const quiet = ["aborted", "passkey_unsupported", "passkey_cancelled", "passkey_failed", "offline", "too_many_attempts"];
        return quiet.includes(error.code) ? undefined : show(byPassword, error);
      }
      if (document.hidden) await new Promise((done) => document.addEventListener("visibilitychange", done, {once: true}));
    }
  }
}

if ("PublicKeyCredential" in globalThis) {
  document.querySelector("[data-passkeys]").hidden = false;
  onPress(byId("by-passkey"), async () => {
    alertIn(byPassword, null);
    await loginWithPasskey();
    return leaving();
  }, (error) => {
    show(byPassword, error);
    offerPasskeys();
  });
  offerPasskeys();
}
