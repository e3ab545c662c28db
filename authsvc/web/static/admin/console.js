// The console: one screen at a time, named by what stands behind `#`. It asks the API, and shows only what that gives.

import {logout, onChange, refresh, user} from "/authsvc.js";
import {byId, describeErrorsBy, fillIn, onPress, showErrorAt} from "../ui/dom.js";
import {forget, remember} from "../ui/storage.js";
import {errorText} from "../ui/messages.js";
import {goToSignIn} from "../ui/redirect.js";
import {showApps} from "./apps.js";
import {showEvents} from "./events.js";
import {showPeople} from "./people.js";
import {readRoute} from "./routes.js";

const SCREENS = {
  people: showPeople,
  events: showEvents,
  apps: showApps,
};
const FIRST = "people";
const REASON_WAIT = 300; // milliseconds in which the answer to a request may still tell why the session ended
const serviceName = document.title.split(" · ").at(-1);
let section, endReason, isLeaving = false;

describeErrorsBy((error) => {
  if (error.code === "session_ended") endReason ??= error.reason;
  return errorText(error);
});

/** Show what somebody may see who is signed in, or isn't. */
function letIn(current) {
  if (isLeaving) return;
  if (!current) return setTimeout(() => goToSignIn(endReason), section ? REASON_WAIT : 0);
  if (current.role !== "admin") return showDoor("absent");
  if (!current.mfaEnabled) return showDoor("factor-first");
  byId("who").textContent = current.name || current.email;
  fillIn("user", current.email); // for password managers
  for (const door of document.querySelectorAll(".door")) door.hidden = true;
  byId("loading").hidden = true;
  byId("console").hidden = false;
  forget("authsvc console");
  if (!section) showScreen();
}

/** Show a page in place of the console, of which nothing stays. */
function showDoor(id) {
  section = undefined;
  byId("loading").hidden = true;
  byId("console").hidden = true;
  for (const door of document.querySelectorAll(".door")) door.hidden = door.id !== id;
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  const title = byId(id).querySelector("h1");
  document.title = `${title.textContent} · ${serviceName}`;
  title.focus();
}

/** Show the screen that the address names. */
function showScreen() {
  const route = readRoute(), name = Object.hasOwn(SCREENS, route.screen) ? route.screen : section ?? FIRST;
  const isNew = name !== section;
  section = name;
  for (const screen of document.querySelectorAll(".screen")) screen.hidden = screen.id !== name;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${byId(`${name}-title`).textContent} · ${serviceName}`;
  if (isNew) scrollTo(0, 0);
  SCREENS[name](name === route.screen ? route : {screen: name, id: "", query: {}})
    .catch((error) => showErrorAt(byId(`${name}-title`), error));
  return isNew;
}

onChange(letIn);
user().catch((error) => { // the client keeps trying
  if (section) return;
  byId("unreachable-text").textContent = errorText(error);
  showDoor("unreachable");
});
addEventListener("hashchange", () => {
  if (!section) return;
  const {id} = readRoute();
  if (showScreen() && !id) byId(`${section}-title`).focus();
});
// Whoever has set up a second factor comes back here.
byId("to-security").addEventListener("click", () => remember("authsvc console", {address: `/admin/${location.hash}`}));
addEventListener("pageshow", ({persisted}) => persisted && refresh().catch(() => {}));
onPress(byId("reload"), () => location.reload());
onPress(byId("sign-out"), async () => {
  isLeaving = true;
  try {
    await logout();
  } catch (error) {
    isLeaving = false;
    throw error;
  }
  goToSignIn("logout");
});
byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("main").focus();
});
