// Who may see the console. Somebody who may not stands at a door: a page in its place, of which nothing else is shown.

import {call} from "/authsvc.js";
import {byId, describeError, fillIn, onPress} from "../ui/dom.js";
import {reauthenticate} from "../ui/reauthenticate.js";
import {forget, remember} from "../ui/storage.js";

const serviceName = document.title.split(" · ").at(-1);
let turn = 0;

/** Let somebody in who may see the console, by the API's word, and call `opened`; show all others their door. */
export async function letIn(somebody, opened) {
  const mine = turn += 1;
  fillIn("email", somebody.email);
  if (somebody.role !== "admin") return showDoor("absent");
  try {
    await call("GET", "/admin/console");
  } catch (error) {
    if (mine === turn) refuse(error);
    return;
  }
  if (mine === turn) open(somebody, opened);
}

function open(somebody, opened) {
  byId("who").textContent = somebody.name || somebody.email;
  fillIn("user", somebody.email); // for password managers
  for (const door of document.querySelectorAll(".door")) door.hidden = true;
  byId("loading").hidden = true;
  byId("console").hidden = false;
  forget("authsvc console");
  opened();
}

/** Show the door for a refusal of the API. Whoever is signed out goes to the sign-in page, and needs none. */
function refuse(error) {
  if (error.code === "forbidden") showDoor("absent");
  else if (error.code === "second_factor_required") showDoor(error.methods.length ? "factor-again" : "factor-first");
  else if (error.status !== 401) showUnreachable(error);
}

/** Show that the service does not answer, or why it refuses. */
export function showUnreachable(error) {
  byId("unreachable-text").textContent = describeError(error);
  showDoor("unreachable");
}

function showDoor(id) {
  turn += 1; // what is still being asked no longer counts
  byId("loading").hidden = true;
  byId("console").hidden = true;
  for (const door of document.querySelectorAll(".door")) door.hidden = door.id !== id;
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  const title = byId(id).querySelector("h1");
  document.title = `${title.textContent} · ${serviceName}`;
  title.focus();
}

// Whoever has set up a second factor comes back here.
byId("to-security").addEventListener("click", () => remember("authsvc console", {address: `/admin/${location.hash}`}));
onPress(byId("try-again"), () => location.reload());
onPress(byId("show-factor"), async () => {
  await reauthenticate({byFactor: true});
  location.reload();
});
