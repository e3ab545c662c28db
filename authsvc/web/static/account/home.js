// The home: one section at a time, named by what stands behind `#`.

import {onChange, user as whoever} from "/authsvc.js";
import {byId, tell, tellAs} from "./dom.js";
import {activity, sessions} from "./places.js";
import * as profile from "./profile.js";
import {signIn} from "./return.js";
import * as security from "./security.js";
import {tokens} from "./tokens.js";
import {sentence} from "./words.js";

const SECTIONS = {profile: profile.enter, security: security.enter, sessions, tokens, activity, data: async () => {}};
const FIRST = "profile";
const PATIENCE = 300; // milliseconds in which a request may still tell why the session ended
const service = document.title.split(" · ").at(-1);
let shown, ended;

tellAs((error) => {
  if (error.code === "session_ended") ended ??= error.reason;
  return sentence(error);
});

onChange((user) => {
  if (!user) return setTimeout(() => signIn(ended), shown ? PATIENCE : 0);
  profile.showUser(user);
  if (!shown) begin();
});

whoever().catch((error) => { // the client goes on trying
  byId("loading").lastChild.textContent = sentence(error);
});

function begin() {
  byId("loading").hidden = true;
  byId("account").hidden = false;
  turn();
  addEventListener("hashchange", () => turn() && byId(`${shown}-title`).focus());
}

/** Show the section that the address names; tell whether that is another one. */
function turn() {
  const wanted = location.hash.slice(1) || FIRST;
  const name = Object.hasOwn(SECTIONS, wanted) ? wanted : shown ?? FIRST;
  if (name === shown) return false;
  shown = name;
  for (const panel of document.querySelectorAll(".panel")) panel.hidden = panel.id !== name;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${byId(`${name}-title`).textContent} · ${service}`;
  scrollTo(0, 0);
  SECTIONS[name]().catch(tell);
  return true;
}

byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("main").focus();
});
