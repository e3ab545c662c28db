// The code that was sent to an address: asking for it, typing it, asking again. A phone may drop the tab while somebody
// looks for the letter, so the tab remembers that it waits for one.

import {loginWithCode, onChange, requestCode} from "/authsvc.js";
import {byId, fillIn, showStep} from "../ui/dom.js";
import {onSubmit, resetForm} from "../ui/forms.js";
import {t} from "../ui/language.js";
import {letterTarget, rememberReturnAddress} from "../ui/redirect.js";
import {onResend} from "../ui/resend.js";
import {forget, recall, remember} from "../ui/storage.js";

const WAITING = `authsvc code ${location.pathname}`; // in the storage of this tab
const form = byId("emailed-code");

/**
 * Let people sign in by a code: `proceed` with the answer, or go `back` to the form for the address. Return what sends
 * the first code to `{email, name?}`.
 */
export function onSentCode(proceed, back) {
  let waiting = {};

  async function send() {
    const {challengeId, expiresIn} = await requestCode({...waiting.fields, returnTo: letterTarget()});
    waiting = {...waiting, challengeId, until: Date.now() + expiresIn * 1000};
    remember(WAITING, waiting);
    rememberReturnAddress();
  }

  function show() {
    fillIn("address", waiting.fields.email);
    showStep("code", form.elements.code);
  }

  const countDown = onResend(byId("code-again"), send, t("Another code is on its way. Use the newest one."));
  onSubmit(form, async ({code}) => {
    const answer = await loginWithCode({challengeId: waiting.challengeId, code});
    forget(WAITING);
    return proceed(answer);
  }, {email_code_invalid: "code", validation_failed: "code"});
  byId("other-address").addEventListener("click", () => {
    forget(WAITING);
    resetForm(form);
    back(waiting.fields);
  });

  let wasNobody = false;
  onChange((current) => { // by the link too, in another tab
    if (current && wasNobody) forget(WAITING);
    wasNobody ||= !current;
  });

  const last = recall(WAITING);
  if (last.until > Date.now()) {
    waiting = last;
    show();
  }
  return async (fields) => {
    waiting = {fields};
    await send();
    show();
    countDown();
  };
}
