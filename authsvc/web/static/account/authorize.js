// Signing in to an app: who asks, for what, and where it leads. The service says what comes next.

import {call, onChange, user} from "/authsvc.js";
import {onDecision, warnOf} from "./decisions.js";
import {byId, describeErrorsBy, fillIn, make, onPress, showStep, untilUnload} from "../ui/dom.js";
import {setAlert, showError} from "../ui/forms.js";
import {asFragment, hintIn} from "./hint.js";
import {errorText} from "../ui/messages.js";
import {reauthenticate} from "../ui/reauthenticate.js";
import {goToSignIn, goToSignUp} from "../ui/redirect.js";
import {SCOPES} from "../ui/scopes.js";

const request = new URLSearchParams(location.search).get("request") ?? "";
const step = (name) => document.querySelector(`[data-step="${name}"]`);
let askedFor; // the id of whoever a question is shown to
let refusal; // what the app is told if the person wants to go there
let email = ""; // of whoever is signed in
let other; // what somebody does who wants to use another account

const STEPS = {
  sign_in: leaveToSignIn,
  create: leaveToSignUp,
  switch: () => showStep("switch"),
  prove: askForProof,
  consent: askForConsent,
  done: leaveForApp,
};

describeErrorsBy(errorText);

async function advance(decision) {
  const answer = await call("POST", "/auth/authorizations/advance", {request, ...(decision && {decision})});
  fillIn("app", answer.app.name);
  fillIn("host", answer.app.host);
  email = answer.email ?? "";
  fillIn("email", email);
  other = STEPS[answer.other];
  askedFor = answer.email && (await user())?.id;
  return STEPS[answer.step](answer);
}

/** Return who the app says may want to sign in, for the next page; not to somebody who is that, and wants to change. */
function hint() {
  const expected = hintIn(location.hash);
  return asFragment(expected.toLowerCase() === email.toLowerCase() ? "" : expected);
}

function leaveToSignIn() {
  goToSignIn(null, hint());
}

function leaveToSignUp() {
  goToSignUp(hint());
}

/** Show why it can't go on: the request is gone, or the service doesn't answer. */
function showFailure(error) {
  if (["request_gone", "validation_failed"].includes(error.code)) return showStep("gone");
  showStep("failed");
  setAlert(step("failed"), errorText(error));
}

async function askForProof() {
  showStep("prove");
  await reauthenticate();
  return advance();
}

function askForConsent({app, scopes, resources}) {
  warnOf(app);
  byId("consent-scopes").replaceChildren(...scopes.map((scope) => make("li", {}, SCOPES[scope] ?? scope)));
  byId("consent-resources").hidden = resources.length === 0;
  byId("consent-resources").querySelector("strong").textContent = resources.join(", ");
  showStep("consent");
  wake();
}

/** Go to the app with the answer, but only if the person wants that to one that they were not asked about. */
function leaveForApp(answer) {
  askedFor = null;
  if (!answer.confirm) return sendToApp(answer);
  refusal = answer;
  showStep("returning");
}

/** Go there: by an address, or by a form. Going back leads to the page before, not to this one. */
function sendToApp({redirect, action, fields}) {
  showStep("leaving");
  if (redirect) {
    if (!/^https?:/.test(redirect)) offerToOpen(redirect);
    location.replace(redirect);
  } else {
    const inputs = Object.entries(fields).map(([name, value]) => make("input", {type: "hidden", name, value}));
    const form = make("form", {method: "post", action, hidden: true}, ...inputs);
    document.body.append(form);
    form.submit();
  }
  return untilUnload();
}

/** Let the person open an installed app: some browsers do that only at a press, and the page stays. */
function offerToOpen(address) {
  byId("open-app").href = address;
  byId("installed-app").hidden = false;
  byId("one-moment").hidden = true;
}

const orShowIn = (name) => (error) => {
  if (error.code === "request_gone") showFailure(error);
  else showError(step(name), error);
};
const wake = onDecision({
  advance,
  prove: askForProof,
  orShowIn,
  forget: () => { askedFor = null; },
  goOn: () => other(),
});
onPress(byId("keep-account"), () => advance("deny"), orShowIn("switch"));
onPress(byId("return-to-app"), () => sendToApp(refusal));
onPress(byId("try-again"), () => location.reload());

// Another tab has signed somebody else in, or nobody: the question was not meant for them.
onChange((current) => askedFor && current?.id !== askedFor && location.reload());
// Going back to this page shows it as it was left.
addEventListener("pageshow", ({persisted}) => persisted && location.reload());

user().then(() => advance()).catch((error) => {
  if (error.code === "aborted") return; // the person closed the question, and may open it again
  showFailure(error);
});
