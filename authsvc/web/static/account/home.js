// The account page: one section at a time, named by what stands behind `#`.

import {logout, subscribe, user} from "/authsvc.js";
import {showWayToConsole} from "./console.js";
import {byId, clearNotes, describeErrorsBy, onPress} from "../ui/dom.js";
import {END_REASONS} from "./end-reasons.js";
import {errorText} from "../ui/messages.js";
import {tellWhatWasDone} from "../ui/done.js";
import {offerPasskey} from "./passkey-offer.js";
import {loadProfile, recheck, showUser} from "./profile.js";
import {fetchScript, makePlace} from "../ui/place.js";
import {region} from "../ui/region.js";
import {goToSignIn} from "../ui/redirect.js";

const LATER = 1000; // milliseconds after what is shown first
const scripts = []; // what fetches those of the sections
const SECTIONS = {
  profile: region("profile", loadProfile, {isKnown: true}),
  security: section("security", () => import("./security.js")),
  sessions: section("sessions", () => import("./sessions.js")),
  apps: section("apps", () => import("./apps.js")),
  tokens: section("tokens", () => import("./tokens.js")),
  activity: section("activity", () => import("./activity.js")),
  data: section("data", () => import("./data.js")),
};
const FIRST = "profile";
const REASON_WAIT = 300; // milliseconds in which the answer to a request may still tell why the session ended
const serviceName = document.title.split(" · ").at(-1);
let shown, endReason;

describeErrorsBy((error) => {
  if (error.code === "session_ended") endReason ??= error.reason;
  return errorText(error);
});

subscribe((current, {event, reason}) => {
  if (event === "unreachable") return;
  if (!current) return setTimeout(() => goToSignIn(endReason ?? reasonOf(reason)), shown ? REASON_WAIT : 0);
  showUser(current);
  showWayToConsole(current);
  if (!shown) showAccount();
  offerPasskey(current);
});

const loading = makePlace(byId("loading"));
const reach = () => user().catch((error) => loading.fail(error, reach)); // and the client keeps trying by itself
reach();

/** Return a reason that another tab, or a refresh, has given for the end of the session; a code of a problem is none. */
const reasonOf = (reason) => Object.hasOwn(END_REASONS, reason ?? "") ? reason : undefined;

/** Return what loads a section, whose script comes before it is turned to, or then. */
function section(id, load) {
  scripts.push(() => load().catch(() => {})); // what is lost on the way is fetched again when it is needed
  return region(id, async () => (await fetchScript(load)).load());
}

function showAccount() {
  byId("loading").hidden = true;
  byId("account").hidden = false;
  showSection();
  tellWhatWasDone();
  setTimeout(() => scripts.forEach((fetchIt) => fetchIt()), LATER);
  document.addEventListener("visibilitychange", () => document.hidden || recheck());
  addEventListener("hashchange", () => showSection() && byId(`${shown}-title`).focus());
}

/** Show the section that the address names; return whether it wasn't shown before. */
function showSection() {
  const wanted = location.hash.slice(1) || FIRST;
  const name = Object.hasOwn(SECTIONS, wanted) ? wanted : shown ?? FIRST;
  if (name === shown) return false;
  shown = name;
  for (const panel of document.querySelectorAll(".panel")) panel.hidden = panel.id !== name;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${name}`) {
      link.setAttribute("aria-current", "page");
      link.scrollIntoView({block: "nearest", inline: "center"}); // on a phone they stand in a row that is longer than it
    } else link.removeAttribute("aria-current");
  }
  document.title = `${byId(`${name}-title`).textContent} · ${serviceName}`;
  scrollTo(0, 0);
  clearNotes();
  SECTIONS[name]();
  return true;
}

byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("main").focus();
});

onPress(byId("sign-out"), async () => {
  await logout();
  goToSignIn("logout");
});
