// The service at a glance: numbers, the last two weeks, what is still to be done at first, and its health.

import {call} from "/authsvc.js";
import {byId, make, makeIcon, onPress} from "../ui/dom.js";
import {timeAgo} from "../ui/format.js";
import {language, t} from "../ui/language.js";
import {fillPlace, makePlace} from "../ui/place.js";
import {drawChart} from "./chart.js";
import {AREAS} from "./doctor-words.js";
import {showFirstSteps} from "./first-steps.js";
import {addressOf} from "./routes.js";
import {IN_ENGLISH, sentenceOf} from "./sentences.js";

const WEEK = 7;
const number = new Intl.NumberFormat(language);
const place = makePlace(byId("overview-place")), health = makePlace(byId("health-place"));
let isExamined = false;

/** Show it as it is now; the examination, which takes seconds, only once unless it is asked for. */
export async function showOverview() {
  const examination = isExamined ? null : examine();
  isExamined = true;
  await (byId("overview-body").hidden ? fillPlace(place, fetchStats, draw) : fetchStats().then(draw));
  await examination;
}

const fetchStats = () => call("GET", "/admin/stats");

function draw(stats) {
  byId("overview-body").hidden = false;
  byId("tiles").replaceChildren(...tilesOf(stats).map(drawTile));
  byId("chart").replaceChildren(...drawChart(stats.days));
  showFirstSteps(stats.firstSteps);
}

function tilesOf({accounts, days, letters, lastBackupAt}) {
  const week = days.slice(-WEEK), today = days.at(-1);
  const sum = (name) => week.reduce((total, day) => total + day[name], 0);
  const events = (action, span) => addressOf("events", "", {action, span});
  return [
    {name: t("Accounts"), value: accounts, href: addressOf("people")},
    {name: t("New this week"), value: sum("registered"), href: events("account.registered", WEEK)},
    {name: t("Sign-ins today"), value: today.signIns, href: events("login.succeeded", 1)},
    {name: t("Failed today"), value: today.failedSignIns, href: events("login.failed", 1)},
    {name: t("Blocked this week"), value: sum("throttled"), href: events("attempts.throttled", WEEK)},
    {name: t("Letters waiting"), value: letters.waiting, href: addressOf("letters")},
    {name: t("Letters given up"), value: letters.dead, href: addressOf("letters", "", {state: "dead"}), isBad: letters.dead > 0},
    {name: t("Last backup"), value: lastBackupAt ? timeAgo(lastBackupAt) : t("Not known"), href: events("database.backed_up")},
  ];
}

function drawTile({name, value, href, isBad}) {
  const shown = typeof value === "number" ? make("dd", {}, number.format(value)) : make("dd", {class: "words"}, value);
  return make("div", {class: `tile ${isBad ? "bad" : ""}`}, make("dt", {}, make("a", {href}, name)), shown);
}

function examine() {
  byId("health-list").replaceChildren();
  byId("health-sound").replaceChildren();
  return fillPlace(health, () => call("GET", "/admin/doctor"), ({items, sound}) => {
    byId("health-list").replaceChildren(...items.map(drawFinding));
    byId("health-sound").replaceChildren(...sound.map((name) =>
      make("li", {class: "good"}, makeIcon("check"), make("span", {}, AREAS[name] ?? name))));
  });
}

const drawFinding = ({subject, problem, remedy}) => make("li", {class: "bad"}, makeIcon("alert"), make("div", {},
  make("p", {}, subjectOf(subject, remedy)), make("p", IN_ENGLISH, ...sentenceOf(problem)),
  make("p", {...IN_ENGLISH, class: "muted"}, ...sentenceOf(remedy))));

/** Return what a finding is about; a webhook can be turned to, and those of its deliveries that the remedy speaks of. */
function subjectOf(subject, remedy) {
  const name = make("code", {dir: "ltr"}, subject), [, id] = /^webhook ([0-9a-f]{24})\b/.exec(subject) ?? [];
  const [, state] = / --state (\w+)/.exec(remedy) ?? [];
  return id ? make("a", {href: addressOf("webhooks", id, {state})}, name) : name;
}

onPress(byId("health-again"), examine);
