// The console: one screen at a time, named by what stands behind `#`. It asks the API, and shows only what that gives.

import {logout, onChange, refresh, user} from "/authsvc.js";
import {byId, describeErrorsBy, onPress, showErrorAt} from "../ui/dom.js";
import {t} from "../ui/language.js";
import {errorText} from "../ui/messages.js";
import {fetchScript, fillPlace, makePlace} from "../ui/place.js";
import {goToSignIn} from "../ui/redirect.js";
import {showApps} from "./apps.js";
import {letIn, showUnreachable} from "./doors.js";
import {showEvents} from "./events.js";
import {showLetters} from "./letters.js";
import {showOverview} from "./overview.js";
import {showPeople} from "./people.js";
import {readRoute} from "./routes.js";
import {showSettings} from "./settings.js";

const SCREENS = {
  overview: showOverview,
  people: showPeople,
  events: showEvents,
  letters: showLetters,
  apps: showApps,
  webhooks: (route) => showWebhooks(route),
  settings: showSettings,
};
const FIRST = "overview";
const REASON_WAIT = 300; // milliseconds in which the answer to a request may still tell why the session ended
const serviceName = document.title.split(" · ").at(-1);
const SHUT = ["forbidden", "second_factor_required"];
const webhooksPlace = makePlace(byId("webhooks-place"));
let section, somebody, endReason, webhooks, isLeaving = false;

describeErrorsBy((error) => {
  if (error.code === "session_ended") endReason ??= error.reason;
  if (SHUT.includes(error.code) && section) welcome(somebody); // the role or the factor was taken away meanwhile
  if (error.code === "hook_refused" && error.reason) // what somebody reads who signs up speaks to them
    return t("This person can't have an account here. The hook says: {reason}", {reason: error.reason});
  return errorText(error);
});

/** Show what somebody may see who is signed in, or isn't. */
function welcome(current) {
  if (isLeaving) return;
  somebody = current;
  if (!current) return setTimeout(() => goToSignIn(endReason), section ? REASON_WAIT : 0);
  letIn(current, () => section || showScreen());
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

/** Show the webhooks. Few need their script: it comes when they are turned to, and who turns elsewhere is left there. */
const showWebhooks = (route) => webhooks ? webhooks.showWebhooks(route)
  : fillPlace(webhooksPlace, () => fetchScript(() => import("./webhooks.js")), (script) => {
    webhooks = script;
    if (section === "webhooks") showScreen();
  });

onChange(welcome);
user().catch((error) => section || showUnreachable(error)); // the client keeps trying
addEventListener("hashchange", () => {
  if (!section) return;
  const {id} = readRoute();
  if (showScreen() && !id) byId(`${section}-title`).focus();
});
addEventListener("pageshow", ({persisted}) => persisted && refresh().catch(() => {}));
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
