// What is to be done before a new deployment is used. The list goes once all is done, or once somebody has hidden it.

import {byId, make, makeIcon, onPress} from "../ui/dom.js";
import {t} from "../ui/language.js";
import {addressOf} from "./routes.js";

const HIDDEN = "authsvc console first steps hidden"; // in the storage
const list = byId("checklist");

const STEPS = {
  factors: [t("Every administrator has a second factor"),
    t("The console asks for it. Those who have none can't open it, but may change accounts by the API."),
    [t("Look at the administrators"), addressOf("people", "", {role: "admin", secondFactor: "false"})]],
  deputy: [t("There are two administrators"), t("If one loses a phone, the other can help."),
    [t("Choose somebody"), addressOf("people")]],
  tls: [t("Pages and cookies go over TLS"), t("Put a proxy with a certificate in front, and set PUBLIC_URL to https://…"), null],
  mail: [t("A letter was delivered"), t("Set MAIL_URL to your mail server, and send yourself a letter."),
    [t("Send me one"), addressOf("letters")]],
  backup: [t("A backup was made"), t("End your backup script with: flask db note-backup. Then this page tells when the last one was."), null],
  support: [t("People know whom to ask"), t("Set ACCOUNT_SUPPORT to an address or a page. Pages and letters show it."), null],
};

/** Show which of the first steps are done. */
export function showFirstSteps(steps) {
  const known = steps.filter(({name}) => Object.hasOwn(STEPS, name));
  list.hidden = isHidden() || known.every(({isDone}) => isDone);
  byId("checklist-list").replaceChildren(...known.map(drawStep));
}

function drawStep({name, isDone}) {
  const [title, how, link] = STEPS[name];
  const state = make("span", {class: "visually-hidden"}, isDone ? t("Done:") : t("To do:"));
  const more = isDone ? [] : [make("p", {class: "muted"}, how), link && make("p", {}, make("a", {href: link[1]}, link[0]))];
  return make("li", {class: isDone ? "good" : "open"}, makeIcon(isDone ? "check" : "circle"),
    make("div", {}, make("p", {}, state, " ", title), ...more.filter(Boolean)));
}

function isHidden() {
  try {
    return localStorage.getItem(HIDDEN) !== null;
  } catch { // the browser keeps nothing
    return false;
  }
}

onPress(byId("checklist-hide"), () => {
  list.hidden = true;
  byId("overview-title").focus();
  try {
    localStorage.setItem(HIDDEN, "1");
  } catch { // then it is there again next time
  }
});
