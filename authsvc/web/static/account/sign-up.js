// Signing up.

import {call, onChange, register} from "/authsvc.js";
import {byId, fill, leaving, onPress, showStep, tellAs, toast} from "./dom.js";
import {onSend} from "./forms.js";
import {goOn, keepReturn} from "./return.js";
import {sentence} from "./words.js";

let address;

tellAs(sentence);
keepReturn();
onChange((user) => user && goOn());

onSend(byId("sign-up"), async (given) => {
  const answer = await register(given);
  if (!answer.verificationRequired) return leaving();
  address = given.email;
  fill("address", address);
  showStep("letter");
}, {email_taken: "email"});

onPress(byId("resend"), async () => {
  await call("POST", "/auth/email/resend", {email: address});
  toast("Another email is on its way.");
});
