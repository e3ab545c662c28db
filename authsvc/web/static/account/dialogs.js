// Dialogs: a question before what can't be undone, and secrets that are shown once.

import {open} from "./dialog.js";
import {byId, make, whileBusy} from "./dom.js";

/** Ask a question; resolve to whether the answer is yes. */
export async function confirm({title, text, yes, danger = true}) {
  byId("confirm-title").textContent = title;
  byId("confirm-text").textContent = text;
  byId("confirm-yes").lastElementChild.textContent = yes;
  byId("confirm-yes").classList.toggle("danger", danger);
  return await open(byId("confirm-dialog")) === "yes";
}

/** Return a function that asks a question and does `work` if the answer is yes. */
export const confirmed = (question, work) => async () => {
  if (await confirm(question)) await work();
};

/** Show recovery codes, which are never shown again; resolve once the dialog is closed. */
export function showCodes(codes) {
  byId("codes").replaceChildren(...codes.map((code) => make("li", {}, code)));
  const closed = open(byId("codes-dialog")).then(() => byId("codes").replaceChildren());
  byId("codes-title").focus();
  return closed;
}

/** Show an access token, which is never shown again; resolve once the dialog is closed. */
export function showToken(token) {
  byId("token-value").textContent = token;
  const closed = open(byId("token-dialog")).then(() => { byId("token-value").textContent = ""; });
  byId("token-title").focus();
  return closed;
}

/** Give the browser a file to save. */
export function download(name, text, type) {
  const url = URL.createObjectURL(new Blob([text], {type}));
  make("a", {href: url, download: name}).click();
  setTimeout(() => URL.revokeObjectURL(url), 6e4);
}

/** Return the text of an element, or the texts of its children, one on each line. */
const linesOf = (element) =>
  (element.children.length ? [...element.children] : [element]).map((line) => line.textContent).join("\n");

async function copy(button) {
  const source = byId(button.dataset.copy);
  const message = button.closest("dialog").querySelector(".message");
  try {
    await navigator.clipboard.writeText(linesOf(source));
    message.textContent = "Copied.";
  } catch { // the clipboard needs a secure context, and may be refused
    getSelection().selectAllChildren(source);
    message.textContent = "Selected. Copy it with your keyboard or the menu.";
  }
}

byId("confirm-yes").addEventListener("click", () => byId("confirm-dialog").close("yes"));
for (const name of ["codes-dialog", "token-dialog"]) { // one key must not throw away what is never shown again
  byId(name).addEventListener("cancel", (event) => event.preventDefault());
  byId(name).addEventListener("keydown", (event) => event.key === "Escape" && event.preventDefault());
}
document.addEventListener("click", ({target}) => {
  const copier = target.closest("[data-copy]");
  if (copier) whileBusy(copier, () => copy(copier));
});
byId("codes-print").addEventListener("click", () => print());
byId("codes-download").addEventListener("click", () => {
  download("recovery-codes.txt", `Recovery codes for ${location.host}\n\n${linesOf(byId("codes"))}\n`, "text/plain");
  byId("codes-dialog").querySelector(".message").textContent = "Saved to your downloads."; // a toast would be hidden
});
