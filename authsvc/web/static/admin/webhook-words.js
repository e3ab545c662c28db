// Webhooks in words, and what they are made and changed by.

import {make} from "../ui/dom.js";
import {fieldError} from "../ui/forms.js";
import {t, tn} from "../ui/language.js";
import {makeField, makeTick} from "./acts.js";
import {EVENTS} from "./event-words.js";

const EVERYTHING = "*";
const MORE = {
  "account.imported": t("Account imported"),
  "access_tokens.revoked": t("All access tokens revoked"),
  "app.signed_out": t("Signed out of an app"),
  "signed_out.by_admin": t("Signed out everywhere by an administrator"),
  "signed_out.elsewhere": t("Signed out everywhere else"),
  "signed_out.everywhere": t("Signed out everywhere"),
  "webhook.test": t("Test"),
};
const NAMES = {...EVENTS, ...MORE};
let known = [];

/** Why a webhook is disabled. */
export const REASONS = {
  admin: t("by an administrator"),
  failed: t("it was not reached for five days"),
  gone: t("it answered that it is gone"),
  secret_lost: t("its secret was lost with SECRET_KEY"),
};

/** How far a delivery has come, and how that looks. */
export const STATES = {
  waiting: [t("Waiting"), ""],
  delivered: [t("Delivered"), "good"],
  dead: [t("Given up"), "bad"],
};

/** Return what an event is called; one of a newer kind by its name. */
export const eventName = (name) => (Object.hasOwn(NAMES, name) ? NAMES[name] : name);

/** Note the names of the events that a webhook can be told of, as the service lists them. */
export const learnEvents = (names) => {
  known = names;
};

/** Return in short what a webhook is told of. */
export const heardText = ({events}) => events.includes(EVERYTHING) ? t("Everything")
  : events.length === 1 ? eventName(events[0]) : tn("{count} event", "{count} events", events.length);

/** Return the names of the events that a webhook is told of, null if of all. */
export const heardNames = ({events}) => events.includes(EVERYTHING) ? null : events;

/** Return badges for what is wrong with a webhook: texts, each with how it looks. */
export const badgesOf = ({disabledAt, failingSince}) =>
  disabledAt ? [[t("Disabled"), "bad"]] : failingSince ? [[t("Fails"), "bad"]] : [];

/** Make the fields by which a webhook is made or changed. */
export const fieldsFor = ({url = "", description = "", events = [EVERYTHING]} = {}) => [
  makeField("url", t("Address"), {value: url, type: "url", required: true, hint: t("It begins with https://.")}),
  makeField("description", t("What it is for"), {value: description}),
  makeEvents(events),
];

function makeEvents(chosen) {
  const later = chosen.filter((name) => name !== EVERYTHING && !known.includes(name));
  const ticks = [...known, ...later].map((name) => makeTick(name, eventName(name), name, chosen.includes(name)));
  return make("fieldset", {class: "field"}, make("legend", {}, t("What it is told of")),
    makeTick(EVERYTHING, t("Everything"), t("Also what later versions add."), chosen.includes(EVERYTHING)),
    make("div", {class: "ticks"}, ...ticks),
    make("p", {class: "error", hidden: true}));
}

/** Return what was filled in. Throw an error about a field if no event was chosen. */
export function filledIn({url, description, ...ticks}) {
  const events = ticks[EVERYTHING] ? [EVERYTHING] : Object.keys(ticks).filter((name) => ticks[name] === true);
  if (!events.length) throw fieldError(EVERYTHING, t("Choose at least one."));
  return {url, description, events: events.sort()};
}
