// The page that the link beside a code leads to. Where the code was asked for it signs in at once; in another browser it
// names the account and asks first, since anyone can send their own link to somebody else.

import {signIn, user} from "/authsvc.js";
import {byId, describeErrorsBy, fillIn, onPress, showStep, untilUnload} from "./dom.js";
import {askForFactor, onFactor} from "./factor.js";
import {setAlert, showError} from "./forms.js";
import {errorText} from "./messages.js";
import {findInterrupted, goToSignIn} from "./redirect.js";

const step = (name) => document.querySelector(`[data-step="${name}"]`);
const token = new URLSearchParams(location.hash.slice(1)).get("token");
let confirm = false;
let leaveInterrupted;

describeErrorsBy(errorText);
history.replaceState(null, "", location.pathname); // the secret leaves the address bar at once

async function follow() {
  const answer = await signIn("/auth/login/email/link", {token, ...(confirm && {confirm})});
  if (answer.mfaRequired) return askForFactor(answer);
  if (answer.confirm) return ask(answer.confirm);
  return finish();
}

async function ask({email}) {
  const present = (await user().catch(() => null))?.email;
  fillIn("address", email);
  byId("replaces").querySelector("strong").textContent = present ?? "";
  byId("replaces").hidden = !present;
  showStep("confirm");
}

function finish() {
  leaveInterrupted(() => showStep("elsewhere"));
  return untilUnload();
}

function showFailure(error) {
  if (["link_invalid", "validation_failed"].includes(error.code)) return showStep("bad-link");
  showStep("failed");
  setAlert(step("failed"), errorText(error));
}

function leaveToSignIn() {
  goToSignIn();
  return untilUnload();
}

onPress(byId("sign-in-here"), () => {
  setAlert(step("confirm"), null);
  confirm = true;
  return follow();
}, (error) => error.code === "link_invalid" ? showFailure(error) : showError(step("confirm"), error));
onPress(byId("not-here"), leaveToSignIn);
onPress(byId("try-again"), () => follow().catch(showFailure));
onPress(byId("go-on-here"), () => leaveInterrupted());
onFactor(finish, leaveToSignIn);
addEventListener("hashchange", () => location.hash && location.reload()); // another link, opened in this tab

async function begin() {
  leaveInterrupted = await findInterrupted();
  return follow();
}

if (token) begin().catch(showFailure);
else showStep("no-link");
