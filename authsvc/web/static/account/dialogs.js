// Dialogs: a question before what can't be undone, secrets that are shown once, and "is it still you?".

import {call, getPasskey} from "/authsvc.js";
import {busy, byId, make, onPress} from "./dom.js";
import {alertIn, onSend, reset, show} from "./forms.js";

/** Open a dialog; resolve once it is closed, to what it was closed with. */
export function open(dialog) {
  for (const form of dialog.querySelectorAll("form")) reset(form);
  const said = dialog.querySelector(".said");
  if (said) said.textContent = "";
  dialog.returnValue = "";
  return new Promise((done) => {
    dialog.addEventListener("close", () => done(dialog.returnValue), {once: true});
    dialog.showModal();
  });
}

/** Ask before something is done; resolve to whether it is wanted. */
export async function confirm({title, text, yes, danger = true}) {
  byId("confirm-title").textContent = title;
  byId("confirm-text").textContent = text;
  byId("confirm-yes").lastElementChild.textContent = yes;
  byId("confirm-yes").classList.toggle("danger", danger);
  return await open(byId("confirm-dialog")) === "yes";
}

/** Do `work` after a question, if it is wanted. */
export const confirmed = (question, work) => async () => {
  if (await confirm(question)) await work();
};

/** Show secrets that are never shown again, in the dialog; resolve once they are kept. */
export function showCodes(codes) {
  byId("codes").replaceChildren(...codes.map((code) => make("li", {}, code)));
  const shown = open(byId("codes-dialog")).then(() => byId("codes").replaceChildren());
  byId("codes-title").focus();
  return shown;
}

/** Show a new access token, likewise. */
export function showToken(text) {
  byId("token-value").textContent = text;
  const shown = open(byId("token-dialog")).then(() => { byId("token-value").textContent = ""; });
  byId("token-title").focus();
  return shown;
}

/** Hand a file to the browser to keep. */
export function download(name, text, type) {
  const url = URL.createObjectURL(new Blob([text], {type}));
  make("a", {href: url, download: name}).click();
  setTimeout(() => URL.revokeObjectURL(url), 6e4);
}

/** Return the text of an element, or the texts of those in it, one a line. */
const lines = (place) => (place.children.length ? [...place.children] : [place]).map((one) => one.textContent).join("\n");

async function copy(button) {
  const place = byId(button.dataset.copy);
  const said = button.closest("dialog").querySelector(".said");
  try {
    await navigator.clipboard.writeText(lines(place));
    said.textContent = "Copied.";
  } catch { // it is for secure contexts, and may be refused
    getSelection().selectAllChildren(place);
    said.textContent = "It is selected: copy it with the keys or the menu.";
  }
}

/** Do `work`; where it takes a fresh sign-in ask who it is, and do it then. */
export async function fresh(work) {
  try {
    return await work();
  } catch (error) {
    if (error.code !== "fresh_login_required") throw error;
  }
  await proveAgain();
  return work();
}

const again = byId("again-dialog");

async function proveAgain() {
  const {totp, passkeys} = await call("GET", "/auth/mfa");
  const proved = open(again);
  alertIn(again, null);
  askFor([...(totp.enabled ? ["totp"] : []), ...(passkeys.length ? ["passkey"] : [])]);
  if (await proved !== "proved") throw Object.assign(new Error("cancelled"), {code: "aborted"});
}

function askFor(methods) {
  byId("again-passkey").hidden = !methods.includes("passkey");
  byId("again-code").hidden = !methods.includes("totp");
  byId("again-password").hidden = methods.length > 0;
  byId("again-or").hidden = !(methods.includes("passkey") && methods.includes("totp"));
  const field = byId(methods.includes("totp") ? "again-code-field" : "again-password-field");
  (methods.includes("passkey") && !methods.includes("totp") ? again.querySelector("#again-passkey button") : field).focus();
}

async function prove(proof) {
  try {
    await call("POST", "/auth/reauthenticate", proof);
  } catch (error) {
    if (error.code !== "second_factor_required") throw error;
    return askFor(error.methods); // it was set up meanwhile, elsewhere
  }
  again.close("proved");
}

onSend(byId("again-password"), ({password}) => prove({password}), {password_incorrect: "password"});
onSend(byId("again-code"), ({code}) => prove({code}), {mfa_code_invalid: "code"});
onPress(again.querySelector("#again-passkey button"), async () => {
  alertIn(again, null);
  const {challengeId, publicKey} = await call("POST", "/auth/reauthenticate/options");
  await prove({challengeId, credential: await getPasskey(publicKey)});
}, (error) => show(again, error));

byId("confirm-yes").addEventListener("click", () => byId("confirm-dialog").close("yes"));
for (const name of ["codes-dialog", "token-dialog"]) { // one key must not throw away what is never shown again
  byId(name).addEventListener("cancel", (event) => event.preventDefault());
  byId(name).addEventListener("keydown", (event) => event.key === "Escape" && event.preventDefault());
}
document.addEventListener("click", ({target}) => {
  const close = target.closest("[data-close]"), copier = target.closest("[data-copy]");
  if (close) close.closest("dialog").close();
  if (copier) busy(copier, () => copy(copier));
});
byId("codes-print").addEventListener("click", () => print());
byId("codes-download").addEventListener("click", () => {
  download("recovery-codes.txt", `Recovery codes for ${location.host}\n\n${lines(byId("codes"))}\n`, "text/plain");
  byId("codes-dialog").querySelector(".said").textContent = "Saved to your downloads."; // a toast is behind the dialog
});
