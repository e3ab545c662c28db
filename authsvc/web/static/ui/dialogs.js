// Dialogs: a question before what can't be undone, and secrets that are shown once.

import {open} from "./dialog.js";
import {byId, make, whileBusy} from "./dom.js";
import {t} from "./language.js";

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

/** Let the browser ask before the page is left with what is never shown again; return what ends that. */
export function holdPage() {
  const warn = (event) => event.preventDefault();
  addEventListener("beforeunload", warn);
  return () => removeEventListener("beforeunload", warn);
}

/** Show an access token, which is never shown again; resolve once the dialog is closed. */
export function showToken(token) {
  const release = holdPage();
  byId("token-value").textContent = token;
  const closed = open(byId("token-dialog")).then(() => {
    release();
    byId("token-value").textContent = "";
  });
  byId("token-title").focus();
  return closed;
}

/** Let Escape not close a dialog: one key must not throw away what is never shown again. */
export function keepOpen(dialog) {
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  dialog.addEventListener("keydown", (event) => event.key === "Escape" && event.preventDefault());
}

/** Give the browser a file to save. */
export function download(name, text, type) {
  const url = URL.createObjectURL(new Blob([text], {type}));
  make("a", {href: url, download: name}).click();
  setTimeout(() => URL.revokeObjectURL(url), 6e4);
}

/** Return the text of an element, or the texts of its children, one on each line. */
export const linesOf = (element) =>
  (element.children.length ? [...element.children] : [element]).map((line) => line.textContent).join("\n");

async function copy(button) {
  const source = byId(button.dataset.copy);
  const message = button.closest("dialog").querySelector(".message");
  try {
    await navigator.clipboard.writeText(linesOf(source));
    message.textContent = t("Copied.");
  } catch { // the clipboard needs a secure context, and may be refused
    getSelection().selectAllChildren(source);
    message.textContent = t("Selected. Copy it with your keyboard or the menu.");
  }
}

byId("confirm-yes").addEventListener("click", () => byId("confirm-dialog").close("yes"));
keepOpen(byId("token-dialog"));
document.addEventListener("click", ({target}) => {
  const copier = target.closest("[data-copy]");
  if (copier) whileBusy(copier, () => copy(copier));
});
