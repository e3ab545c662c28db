// Where the links in letters lead: each page asks once more, then sends what stands behind `#token=`.
// Opening a link changes nothing, so that scanners of mail use nothing up; and the secret leaves the address bar at once.

import {call} from "/authsvc.js";
import {byId, fill, showStep, tellAs} from "./dom.js";
import {onSend} from "./forms.js";
import {keepReturn} from "./return.js";
import {sentence} from "./words.js";

const form = byId("letter-form");
const takesToken = "takesToken" in form.dataset;
let token;

function arrive() {
  token = new URLSearchParams(location.hash.slice(1)).get("token");
  history.replaceState(null, "", location.pathname);
  showStep(token ? "form" : "no-link", token ? form.querySelector("input") : undefined);
}

tellAs(sentence);
keepReturn();
if (takesToken) {
  arrive();
  addEventListener("hashchange", () => location.hash && arrive());
}

onSend(form, async (given) => {
  try {
    const answer = await call("POST", form.dataset.post, takesToken ? {...given, token} : given);
    fill("address", answer.email ?? given.email ?? "");
    showStep("done");
  } catch (error) {
    if (error.code !== "link_invalid") throw error;
    showStep("bad-link");
  }
});

document.querySelector("[data-back]")?.addEventListener("click", () => showStep("form", form.elements.email));
