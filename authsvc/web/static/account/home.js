// The account page: one section at a time, named by what stands behind `#`.

import {onChange, user} from "/authsvc.js";
import {loadActivity} from "./activity.js";
import {loadApps} from "./apps.js";
import "./data.js";
import {byId, describeErrorsBy, toastError} from "./dom.js";
import {errorText} from "./messages.js";
import {tellWhatWasDone} from "./done.js";
import {loadProfile, showUser} from "./profile.js";
import {goToSignIn} from "./redirect.js";
import {loadSecurity} from "./security.js";
import {loadSessions} from "./sessions.js";
import {loadTokens} from "./tokens.js";

const SECTIONS = {
  profile: loadProfile,
  security: loadSecurity,
  sessions: loadSessions,
  apps: loadApps,
  tokens: loadTokens,
  activity: loadActivity,
  data: async () => {},
};
const FIRST = "profile";
const REASON_WAIT = 300; // milliseconds in which the answer to a request may still tell why the session ended
const serviceName = document.title.split(" · ").at(-1);
let section, endReason;

describeErrorsBy((error) => {
  if (error.code === "session_ended") endReason ??= error.reason;
  return errorText(error);
});

onChange((current) => {
  if (!current) return setTimeout(() => goToSignIn(endReason), section ? REASON_WAIT : 0);
  showUser(current);
  if (!section) showAccount();
});

user().catch((error) => { // the client keeps trying
  byId("loading").lastChild.textContent = errorText(error);
});

function showAccount() {
  byId("loading").hidden = true;
  byId("account").hidden = false;
  showSection();
  tellWhatWasDone();
  addEventListener("hashchange", () => showSection() && byId(`${section}-title`).focus());
}

/** Show the section that the address names; return whether it wasn't shown before. */
function showSection() {
  const wanted = location.hash.slice(1) || FIRST;
  const name = Object.hasOwn(SECTIONS, wanted) ? wanted : section ?? FIRST;
  if (name === section) return false;
  section = name;
  for (const panel of document.querySelectorAll(".panel")) panel.hidden = panel.id !== name;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${byId(`${name}-title`).textContent} · ${serviceName}`;
  scrollTo(0, 0);
  SECTIONS[name]().catch(toastError);
  return true;
}

byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("main").focus();
});
