// Signing in on a device that has no browser: somebody who is signed in here types the code that it shows, and is asked.

import {call, onChange, user} from "/authsvc.js";
import {onDecision, warnOf} from "./decisions.js";
import {byId, describeErrorsBy, fillIn, make, onPress, showStep} from "../ui/dom.js";
import {onSubmit, setAlert, showError} from "../ui/forms.js";
import {deviceName, timeAgo} from "../ui/format.js";
import {t} from "../ui/language.js";
import {errorText} from "../ui/messages.js";
import {reauthenticate} from "../ui/reauthenticate.js";
import {goToSignIn} from "../ui/redirect.js";
import {SCOPES} from "../ui/scopes.js";

const step = (name) => document.querySelector(`[data-step="${name}"]`);
const form = byId("code-form"), field = form.elements.userCode;
let userCode; // the one that is being asked about
let present; // the id of whoever is signed in

const STEPS = {prove: askForProof, consent: askForConsent, allowed: finish, denied: finish};

describeErrorsBy(errorText);

async function advance(decision) {
  const answer = await call("POST", "/auth/devices/advance", {userCode, ...(decision && {decision})});
  ({userCode} = answer);
  fillIn("app", answer.app.name);
  fillIn("email", answer.email);
  fillIn("code", answer.userCode);
  return STEPS[answer.step](answer);
}

/** Let the person type the code. One that a link brings is filled in, and still has to be confirmed. */
function askForCode() {
  const text = new URLSearchParams(location.search).get("user_code");
  field.value = text?.slice(0, field.maxLength) ?? "";
  byId("by-link").hidden = !text;
  showStep("code", text ? undefined : field);
}

async function askForProof() {
  showStep("prove");
  await reauthenticate();
  return advance();
}

function askForConsent({app, device, scopes, resources}) {
  const listed = scopes.filter((scope) => scope !== "offline_access"); // which a device always has
  byId("consent-scopes").replaceChildren(...listed.map((scope) => make("li", {}, SCOPES[scope] ?? scope)));
  byId("consent-resources").hidden = resources.length === 0;
  byId("consent-resources").querySelector("strong").textContent = resources.join(", ");
  warnOf(app);
  byId("started").replaceChildren(timeAgo(device.startedAt));
  byId("started-at").textContent = device.ip ?? t("unknown");
  byId("started-by").textContent = deviceName(device.userAgent);
  byId("here").hidden = device.near !== true;
  byId("elsewhere").hidden = device.near !== false;
  showStep("consent");
  wake();
}

function finish({step: name}) {
  history.replaceState(null, "", location.pathname); // its code is used
  showStep(name);
}

const orShowIn = (name) => (error) => {
  if (error.code !== "user_code_invalid") return showError(step(name), error);
  showStep("code", field);
  showError(form, error, {user_code_invalid: "userCode"});
};

onSubmit(form, (values) => {
  ({userCode} = values);
  return advance();
}, {user_code_invalid: "userCode", validation_failed: "userCode"});
const wake = onDecision({
  advance,
  prove: askForProof,
  orShowIn,
  forget: () => { present = null; },
  goOn: goToSignIn,
});
onPress(byId("try-again"), () => location.reload());

// Another tab has signed somebody else in, or nobody: whatever is shown was not meant for them.
onChange((current) => present && current?.id !== present && location.reload());
// Going back to this page shows it as it was left.
addEventListener("pageshow", ({persisted}) => persisted && location.reload());

user().then((current) => {
  if (!current) return goToSignIn(); // first of all: nobody who is not signed in can try codes
  present = current.id;
  fillIn("email", current.email);
  return askForCode();
}).catch((error) => {
  showStep("failed");
  setAlert(step("failed"), errorText(error));
});
