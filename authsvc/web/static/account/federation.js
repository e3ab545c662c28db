// The page to which a provider sends people back. What it brings is in the address: behind `?`, or behind `#` if the
// provider posted a form. It leaves the address bar at once, before anything else is done.

import {call, loginWithPasskey, login, signIn} from "/authsvc.js";
import {sayNext} from "../ui/done.js";
import {byId, describeErrorsBy, fillIn, onPress, showStep, untilUnload} from "../ui/dom.js";
import {askForFactor, onFactor, resumeFactor} from "./factor.js";
import {onSubmit, setAlert, showError} from "../ui/forms.js";
import {t} from "../ui/language.js";
import {errorText} from "../ui/messages.js";
import {leaveFor, onProviders, providerOf, takeBegun} from "../ui/providers.js";
import {leaveTo, passOn} from "../ui/redirect.js";
import {onSentCode} from "./sent-code.js";
import {forget, recall, remember} from "../ui/storage.js";

const brought = Object.fromEntries(new URLSearchParams(location.hash.slice(1) || location.search));
history.replaceState(null, "", location.pathname);

const provider = location.pathname.split("/").at(-1);
const label = providerOf(provider)?.label ?? t("The provider");
const begun = takeBegun(); // what this tab left for, if it was one of our pages that did
const WAITING = `authsvc link ${location.pathname}`; // in the storage of this tab
const ACCOUNT = "/account/#security";
const REFUSALS = {
  not_found: t("This way of signing in isn't offered here any longer."),
  request_gone: t("This took too long, was answered already, or began in another browser. Start again here."),
  validation_failed: t("This address is incomplete. Start again here."),
};
const confirming = document.querySelector('[data-step="confirm-link"]');
let target = begun.returnTo; // where to go in the end
let {link} = begun; // {token, email, name, methods}: what is to be connected once somebody has signed in

describeErrorsBy(errorText);
fillIn("provider-label", label);

/** Tell the service what the provider says, and do what comes next. */
async function complete() {
  const {state, code, error, iss, user} = brought;
  const answer = await signIn("/auth/federation/complete", {provider, state, code, error, iss, user});
  target = answer.returnTo ?? target;
  passOn("[data-way-on]", target);
  if (answer.mfaRequired) {
    remember(WAITING, {target});
    return askForFactor(answer);
  }
  if (answer.confirmLink ?? answer.emailRequired) return wait(answer.confirmLink ?? answer.emailRequired);
  if (answer.user) return signedIn();
  if (answer.identity) sayNext(t("{name} is connected.", {name: answer.identity.label}));
  else if (target?.startsWith("/account/#")) sayNext(t("Thank you. Now you can go on."));
  return finish();
}

function finish() {
  forget(WAITING);
  leaveTo(target);
  return untilUnload();
}

/** Ask for a sign-in after which the provider's account is connected. A phone may drop the tab meanwhile. */
function wait(waiting) {
  link = waiting;
  remember(WAITING, {link, target});
  if (link.email) askToConfirm();
  else askForAddress();
}

function askToConfirm() {
  fillIn("address", link.email);
  const hasPassword = link.methods.includes("password");
  byId("link-password").hidden = !hasPassword;
  byId("link-passkey").hidden = !("PublicKeyCredential" in globalThis) || !link.methods.includes("passkey");
  for (const button of confirming.querySelectorAll("[data-provider]")) {
    button.closest("li").hidden = !link.methods.includes(button.dataset.provider);
  }
  byId("link-or").hidden = !hasPassword;
  showStep("confirm-link", hasPassword ? byId("link-password-field") : undefined);
}

function askForAddress() {
  const form = byId("address-form");
  if (!form) return showStep("address");
  form.elements.name.value = link.name ?? "";
  showStep("address", form.elements[link.name ? "email" : "name"]);
}

/** Go on after a sign-in that lets the provider's account be connected. */
async function proceed(answer) {
  if (answer.mfaRequired) return askForFactor(answer);
  return signedIn();
}

/** Go on once somebody is signed in: connect what waits for that. */
async function signedIn() {
  if (link) {
    try {
      await call("POST", "/auth/federation/confirm", {token: link.token});
    } catch (error) {
      forget(WAITING);
      return refuse(error);
    }
  }
  return finish();
}

/** Say why it can't go on, and show a way to do so. */
function refuse(error) {
  const isCancelled = error.code === "provider_refused" && brought.error === "access_denied";
  byId("refusal").textContent = isCancelled ? t("You cancelled at {name}. Nothing has changed.", {name: label}) :
    REFUSALS[error.code] ?? errorText(error);
  const wantsOther = begun.intent && begun.intent !== "sign_in"; // whoever is signed in goes back to their account
  byId("try-again").hidden = wantsOther || error.code === "not_found";
  if (wantsOther) {
    byId("another-way").textContent = t("Back to your account");
    byId("another-way").href = ACCOUNT;
  } else {
    passOn("[data-way-on]", target);
  }
  showStep("refused");
}

onPress(byId("try-again"), () => leaveFor(provider, {intent: "sign_in", returnTo: target ?? "/account/"}), refuse);
onFactor(signedIn, (error) => error ? refuse(error) : leaveTo("/account/sign-in"));
onSubmit(byId("link-password"), async ({password}) => proceed(await login({email: link.email, password})),
  {invalid_credentials: "password"});
onPress(byId("link-passkey"), async () => {
  setAlert(confirming, null);
  return proceed(await loginWithPasskey());
}, (error) => showError(confirming, error));

onProviders(confirming, () => ({intent: "sign_in", returnTo: target, link}), (error) => showError(confirming, error));
document.querySelector("#dont-connect").addEventListener("click", () => forget(WAITING));

let isResumed = false; // the page is loaded again
if (brought.state) {
  forget(WAITING);
} else {
  ({target, link} = {target, link, ...recall(WAITING)});
  isResumed = resumeFactor();
  if (link && !isResumed) wait(link);
}
if (byId("emailed-code")) {
  const sendCode = onSentCode(proceed, () => wait(link));
  onPress(byId("by-email"), () => sendCode({email: link.email}),
    (error) => showError(confirming, error));
  onSubmit(byId("address-form"), sendCode);
}

if (brought.state) complete().catch(refuse);
else if (!link && !isResumed) refuse({code: "validation_failed"});
