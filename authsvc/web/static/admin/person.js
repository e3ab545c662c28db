// One account, beside the list: its facts, what can be done to it, and what belongs to it.

import {call} from "/authsvc.js";
import {byId, make, makeIcon, onPress, toast} from "../ui/dom.js";
import {onDay, timeAgo} from "../ui/format.js";
import {language, t} from "../ui/language.js";
import {badgesOf} from "./badges.js";
import {belongings} from "./belongings.js";
import {actsOn} from "./person-acts.js";
import {fillPlace, makePlace} from "../ui/place.js";

const panel = byId("person");
const place = make("div", {class: "place"}), placed = makePlace(place);
const languages = new Intl.DisplayNames(language, {type: "language"});
let openId = null, around = {};

/** Close the panel. */
export function closePerson() {
  openId = null;
  panel.hidden = true;
  panel.replaceChildren();
}

/** Open an account, unless it is open. `close` closes it; `changed` is called after it was changed. */
export async function openPerson(id, {close, changed, focus}) {
  around = {close, changed};
  if (id === openId) return;
  openId = id;
  panel.hidden = false;
  const title = make("h2", {id: "person-name", tabindex: "-1"}, t("Account"));
  panel.replaceChildren(makeHead(title), place);
  if (focus) title.focus();
  await show(id);
}

const show = (id) => fillPlace(placed, () => call("GET", `/admin/users/${encodeURIComponent(id)}`), (person) => {
  if (id === openId) draw(person);
}, 6);

/** Show the account again as it is now; the focus stays in the panel. */
async function showAgain() {
  const id = openId;
  try {
    const person = await call("GET", `/admin/users/${id}`);
    if (id !== openId) return;
    draw(person);
  } catch (error) {
    if (id !== openId) return;
    panel.replaceChildren(makeHead(make("h2", {id: "person-name", tabindex: "-1"}, t("Account"))), place);
    placed.fail(error, () => show(id));
  }
  byId("person-name").focus();
}

function makeHead(title, ...more) {
  const close = make("button", {type: "button", class: "button quiet close", "aria-label": t("Close")}, makeIcon("close"));
  onPress(close, () => around.close());
  return make("header", {class: "side-head"}, make("div", {}, title, ...more), close);
}

function draw(person) {
  const hadFocus = panel.contains(document.activeElement);
  const title = make("h2", {id: "person-name", tabindex: "-1", dir: "auto"}, person.name || person.email);
  const acts = actsOn(person, {
    changed: async () => {
      await Promise.all([showAgain(), around.changed()]);
    },
    gone: async () => {
      around.close();
      await around.changed();
    },
    overtaken: async () => {
      await showAgain();
      toast(t("This account was changed by somebody else. Look at it again first."));
    },
  });
  panel.replaceChildren(
    makeHead(title, make("p", {class: "muted", dir: "auto"}, person.email), badgesOf(person)),
    make("div", {class: "side-body"}, factsOf(person), acts, ...belongings(person, {changed: showAgain})));
  if (hadFocus) title.focus();
}

function factsOf(person) {
  const {id, role, createdAt, disabledAt, emailVerified, mfaEnabled, hasPassword, hashScheme, lastLoginAt, lastSeenAt} = person;
  const facts = [
    [t("Role"), role],
    [t("State"), disabledAt ? make("span", {}, t("Disabled"), " · ", timeAgo(disabledAt)) : t("Active")],
    [t("Address"), emailVerified ? t("Confirmed") : t("Not confirmed")],
    [t("Password"), hasPassword ? hashScheme ?? t("Set") : t("None")],
    [t("Second factor"), mfaEnabled ? t("In use") : t("None")],
    [t("Last sign-in"), lastLoginAt ? timeAgo(lastLoginAt) : t("not lately")],
    lastSeenAt !== undefined && [t("Last seen"), lastSeenAt ? timeAgo(lastSeenAt) : t("not lately")],
    [t("Made"), createdAt ? onDay(createdAt) : t("not known")],
    [t("Language"), person.locale ? languages.of(person.locale) : t("That of the service")],
    [t("Id"), make("code", {}, id)],
  ].filter(Boolean);
  return make("dl", {class: "facts"}, ...facts.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || panel.hidden || panel.closest(".screen").hidden) return;
  if (document.querySelector("dialog[open]") || event.target.matches("input, select, textarea")) return;
  event.preventDefault();
  around.close();
});
