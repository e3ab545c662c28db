// Settings, which are only shown, and signing keys, of which a next one can be made.

import {call} from "/authsvc.js";
import {byId, make, makeButton} from "../ui/dom.js";
import {timeAgo} from "../ui/format.js";
import {t, tParts, tn} from "../ui/language.js";
import {row} from "../ui/lists.js";
import {fillPlace, makePlace} from "../ui/place.js";
import {act} from "./acts.js";
import {onFilter} from "./listing.js";
import {IN_ENGLISH, codeIn, sentenceOf} from "./sentences.js";

const place = makePlace(byId("settings-place")), keysPlace = makePlace(byId("keys-place"));
const form = byId("settings-filters"), list = byId("settings-list"), tools = byId("keys-tools");
const RINGS = {tokens: t("Sessions"), ids: t("Apps (ID tokens)")};
const STATES = {next: [t("Next"), "accent"], signs: [t("Signs"), "good"], verifies: [t("Only verifies"), ""]};
let isFilled = false;

/** Show the settings, the same as long as the service runs, and the signing keys of now. */
export async function showSettings() {
  await Promise.all([isFilled ? null : fillPlace(place, () => call("GET", "/admin/settings"), fill), showKeys()]);
}

function fill({items}) {
  list.replaceChildren(...items.map(drawSetting));
  isFilled = true;
  filter();
}

const drawSetting = (one) => make("div", {},
  make("dt", {}, make("code", {}, one.name)),
  make("dd", {}, valueOf(one), make("p", IN_ENGLISH, ...sentenceOf(one.meaning)),
    one.default ? make("p", {class: "muted"}, ...tParts("Default: {value}", {value: make("span", IN_ENGLISH, ...codeIn(one.default))})) : ""));

function valueOf({value, isSet, isSecret}) {
  if (isSecret) return make("p", {class: "value"}, make("span", {class: `badge ${isSet ? "good" : ""}`}, isSet ? t("Set, and secret") : t("Not set")));
  return value === null ? make("p", {class: "value muted"}, t("Not set")) : make("p", {class: "value"}, make("code", {dir: "ltr"}, value));
}

function filter() {
  const words = form.elements.q.value.trim().toLowerCase();
  let count = 0;
  for (const one of list.children) {
    one.hidden = !one.textContent.toLowerCase().includes(words);
    count += one.hidden ? 0 : 1;
  }
  byId("settings-count").textContent = tn("{count} setting", "{count} settings", count);
  if (count) place.clear();
  else place.say(t("No setting has these words."), "sliders");
}

const showKeys = () => fillPlace(keysPlace, () => call("GET", "/admin/signing-keys"), ({items}) => {
  byId("keys-list").replaceChildren(...items.toReversed().map(drawKey));
  tools.replaceChildren(...Object.keys(RINGS).map((ring) => makeRotation(ring, items)));
  tools.hidden = false;
}, 2);

function drawKey({ring, key, alg, kid, state, createdAt, signsFrom, verifiesUntil}) {
  const [text, kind] = STATES[state] ?? [state, ""];
  const line = row("key", t("{ring}: key {number}", {ring: RINGS[ring] ?? ring, number: key}), [
    alg, make("code", {}, kid),
    make("span", {}, ...tParts("made {time}", {time: timeAgo(createdAt)})),
    state === "next" && signsFrom ? make("span", {}, ...tParts("signs {time}", {time: timeAgo(signsFrom)})) : null,
    verifiesUntil ? make("span", {}, ...tParts("verifies until {time}", {time: timeAgo(verifiesUntil)})) : null,
  ], null);
  line.querySelector(".title").append(make("span", {class: `badge ${kind}`}, text));
  return line;
}

function makeRotation(ring, items) {
  const isComing = items.some((one) => one.ring === ring && one.state === "next");
  const button = makeButton(t("Rotate: {ring}", {ring: RINGS[ring]}), async () => {
    const isDone = await act({
      title: t("Rotate this signing key?"),
      text: t("The next key is published now, and signs in 15 minutes. The present one verifies until the last token that it signed has expired: nobody is signed out."),
      letter: t("Nobody gets a letter."),
      yes: t("Rotate"),
      work: () => call("POST", "/admin/signing-keys/rotation", {ring}),
      done: t("The next key is published."),
    });
    if (isDone) await showKeys();
  });
  if (isComing) button.disabled = true;
  return button;
}

onFilter(form, filter);
