// Signing out, because an app or a link asks for it. Only what is pressed here, or what an app can show for whom it
// asks, ends anything.

import {call, logout, user} from "/authsvc.js";
import {byId, describeErrorsBy, fillIn, onPress, showStep, untilUnload} from "../ui/dom.js";
import {setAlert, showError} from "../ui/forms.js";
import {t} from "../ui/language.js";
import {errorText} from "../ui/messages.js";

const request = new URLSearchParams(location.search).get("request");
const step = (name) => document.querySelector(`[data-step="${name}"]`);

describeErrorsBy(errorText);

/** Return what comes next. Without a request, or with one that is gone, nobody in particular asks. */
async function ask() {
  const nobody = {step: await user() ? "ask" : "done", app: null, email: (await user())?.email, redirect: null};
  if (!request) return nobody;
  try {
    return await call("POST", "/auth/sign-outs/advance", {request});
  } catch (error) {
    if (error.code === "request_gone") return nobody;
    throw error;
  }
}

async function advance() {
  const next = await ask();
  if (next.step === "sign_out") {
    await logout();
    return advance();
  }
  if (next.step === "ask") return showQuestion(next);
  if (!next.redirect) return showStep("done");
  fillIn("app", next.app.name);
  showStep("leaving");
  location.replace(next.redirect);
  return untilUnload();
}

function showQuestion({app, email}) {
  byId("who-asks").textContent = app ? `${t("{name} asks to sign you out.", app)} ` : "";
  byId("signed-in-as").textContent = email;
  showStep("ask");
}

onPress(byId("yes"), async () => {
  await logout();
  await advance();
}, (error) => showError(step("ask"), error));
onPress(byId("no"), () => {
  location.replace("/account/");
  return untilUnload();
});
onPress(byId("try-again"), () => location.reload());

user().then(advance).catch((error) => {
  showStep("failed");
  setAlert(step("failed"), errorText(error));
});
