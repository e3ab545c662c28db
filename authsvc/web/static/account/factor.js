// The second factor, after whatever came first.

import {completeMfa} from "/authsvc.js";
import {byId, onPress, showStep} from "./dom.js";
import {onSubmit, setAlert, showError} from "./forms.js";

const step = document.querySelector('[data-step="factor"]');
const part = (method) => step.querySelector(`[data-factor="${method}"]`);
let methods = [];

/** Ask for one of the second factors that an answer to a sign-in names. */
export function askForFactor(answer) {
  ({methods} = answer);
  for (const method of ["passkey", "totp", "recovery_code"]) part(method).hidden = true;
  for (const choice of step.querySelectorAll("[data-other]")) choice.hidden = true;
  const canUsePasskey = "credentials" in navigator && methods.includes("passkey");
  part("passkey").hidden = !canUsePasskey;
  step.querySelector("[data-alert]").hidden = true;
  const first = methods.includes("totp") ? "totp" : canUsePasskey ? null : "recovery_code";
  showStep("factor", canUsePasskey && !first ? byId("factor-passkey") : undefined);
  offer(first);
}

/** Show the field for one kind of code (null: for none), and a link to the other kind. */
function offer(method) {
  const other = {totp: "recovery_code", recovery_code: "totp"}[method] ?? "recovery_code";
  for (const name of ["totp", "recovery_code"]) {
    part(name).hidden = name !== method;
    step.querySelector(`[data-other="${name}"]`).hidden = name !== other || !methods.includes(name);
  }
  step.querySelector("[data-factor-or]").hidden = part("passkey").hidden || !method;
  if (method) part(method).querySelector("input").focus();
}

/** Go on by `done` once the factor is proved; `startAgain` if the sign-in took too long, or is another's. */
export function onFactor(done, startAgain) {
  async function complete(proof) {
    try {
      await completeMfa(proof);
    } catch (error) {
      if (error.code !== "mfa_token_invalid") throw error;
      return startAgain(error);
    }
    return done();
  }

  byId("other-recovery").addEventListener("click", () => offer("recovery_code"));
  byId("other-code").addEventListener("click", () => offer("totp"));
  byId("start-again").addEventListener("click", () => startAgain());
  onSubmit(byId("by-code"), complete, {mfa_code_invalid: "code"});
  onSubmit(byId("by-recovery-code"), complete, {mfa_code_invalid: "recoveryCode"});
  onPress(byId("factor-passkey"), () => {
    setAlert(step, null);
    return complete({passkey: true});
  }, (error) => showError(step, error));
}
