// The page that the link beside a code leads to. Where the code was asked for it signs in at once; in another browser it
// names the account and asks first, since anyone can send their own link to somebody else.

import {signIn, user} from "/authsvc.js";
import {byId, describeErrorsBy, fillIn, onPress, showStep, untilUnload} from "../ui/dom.js";
import {askForFactor, onFactor, resumeFactor} from "./factor.js";
import {setAlert, showError} from "../ui/forms.js";
import {errorText} from "../ui/messages.js";
import {findInterrupted} from "../ui/redirect.js";
import {forget, recall, remember} from "../ui/storage.js";

const step = (name) => document.querySelector(`[data-step="${name}"]`);
const LETTER = "authsvc letter code"; // in the storage of this tab, until the link is used
const token = new URLSearchParams(location.hash.slice(1)).get("token") ?? recall(LETTER).token;
let confirm = false;
let leaveInterrupted;

describeErrorsBy(errorText);
history.replaceState(null, "", location.pathname + location.search); // the secret leaves the address bar at once
if (token) remember(LETTER, {token}); // a phone may drop the tab

async function follow() {
  const answer = await signIn("/auth/login/email/link", {token, ...(confirm && {confirm})});
  if (answer.confirm) return ask(answer.confirm);
  forget(LETTER);
  return answer.mfaRequired ? askForFactor(answer) : finish();
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
  if (["link_invalid", "validation_failed"].includes(error.code)) {
    forget(LETTER);
    return showStep("bad-link");
  }
  showStep("failed");
  setAlert(step("failed"), errorText(error));
}

function leaveToSignIn() {
  forget(LETTER);
  location.replace(`/account/sign-in${location.search}`);
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
  if (token) return follow();
  if (!resumeFactor()) showStep("no-link");
}

begin().catch(showFailure);
