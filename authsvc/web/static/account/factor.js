// The second factor, after whatever came first. A phone may drop the tab while somebody looks into another app, so the tab
// remembers that it waits for one.

import {completeMfa, onChange} from "/authsvc.js";
import {byId, onPress, showStep} from "../ui/dom.js";
import {onSubmit, setAlert, showError} from "../ui/forms.js";
import {forget, recall, remember} from "../ui/storage.js";

const WAITING = `authsvc factor ${location.pathname}`; // in the storage of this tab
const step = document.querySelector('[data-step="factor"]');
const part = (method) => step.querySelector(`[data-factor="${method}"]`);
let methods = [], mfaToken;

/** Ask for one of the second factors that an answer to a sign-in names. */
export function askForFactor({mfaRequired, expiresIn, ...answer}) {
  ({methods, mfaToken} = answer);
  if (expiresIn) remember(WAITING, {mfaRequired, ...answer, until: Date.now() + 1000 * expiresIn});
  for (const method of ["passkey", "totp", "recovery_code"]) part(method).hidden = true;
  for (const choice of step.querySelectorAll("[data-other]")) choice.hidden = true;
  const canUsePasskey = "credentials" in navigator && methods.includes("passkey");
  part("passkey").hidden = !canUsePasskey;
  step.querySelector("[data-alert]").hidden = true;
  const first = methods.includes("totp") ? "totp" : canUsePasskey ? null : "recovery_code";
  showStep("factor", canUsePasskey && !first ? byId("factor-passkey") : undefined);
  offer(first);
}

/** Ask once more, by `ask`, for what the tab waits for since before it was loaded; tell whether it does. */
export function resumeFactor(ask = askForFactor) {
  const answer = recall(WAITING), waits = answer.until > Date.now();
  if (waits) ask(answer);
  return waits;
}

/** Show the field for one kind of code (null: for none), and a link to the other kind. */
function offer(method) {
  const other = {totp: "recovery_code", recovery_code: "totp"}[method] ?? "recovery_code";
  for (const name of ["totp", "recovery_code"]) {
    part(name).hidden = name !== method;
    step.querySelector(`[data-other="${name}"]`).hidden = name !== other || !methods.includes(name);
  }
  step.querySelector("[data-factor-or]").hidden = part("passkey").hidden || !method;
  if (!method) return;
  part(method).querySelector("button.button").classList.toggle("primary", part("passkey").hidden); // one way stands out
  part(method).querySelector("input").focus();
}

/** Go on by `done` once the factor is proved; `startAgain` if the sign-in took too long, or is another's. */
export function onFactor(done, startAgain) {
  async function complete(proof) {
    try {
      await completeMfa({mfaToken, ...proof});
    } catch (error) {
      if (error.code !== "mfa_token_invalid") throw error;
      return leave(error);
    }
    return done();
  }

  function leave(error) {
    forget(WAITING);
    return startAgain(error);
  }

  onChange((user) => user && forget(WAITING));

  byId("other-recovery").addEventListener("click", () => offer("recovery_code"));
  byId("other-code").addEventListener("click", () => offer("totp"));
  byId("start-again").addEventListener("click", () => leave());
  onSubmit(byId("by-code"), complete, {mfa_code_invalid: "code"});
  onSubmit(byId("by-recovery-code"), complete, {mfa_code_invalid: "recoveryCode"});
  onPress(byId("factor-passkey"), () => {
    setAlert(step, null);
    return complete({passkey: true});
  }, (error) => showError(step, error));
}
