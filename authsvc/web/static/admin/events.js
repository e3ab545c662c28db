// What happened: events by person, kind, time and network. A row opens to its record.

import {byId, make, makeButton, onPress} from "../ui/dom.js";
import {deviceName, exactTime, timeAgo} from "../ui/format.js";
import {t, tParts} from "../ui/language.js";
import {tableRow} from "../ui/lists.js";
import {makeNetwork} from "./networks.js";
import {EVENTS, detailText, eventText} from "./event-words.js";
import {goByKeys, makeListing, onFilter, showFilters} from "./listing.js";
import {exportEvents, fetchEvents, groupEvents} from "./event-reports.js";
import {drawSaved} from "./event-filters.js";
import {makePlace} from "../ui/place.js";
import {nameOf, resolvePerson} from "./names.js";
import {addressOf, goTo} from "./routes.js";

const DAY = 86_400e3;
const form = byId("events-filters"), groups = byId("events-groups"), place = makePlace(byId("events-place"));
let query = {}, listed = null;

form.elements.action.append(...Object.entries(EVENTS).map(([value, text]) => make("option", {value}, text))
  .sort((one, other) => one.textContent.localeCompare(other.textContent)));

const listing = makeListing("events", {
  draw: drawEvent,
  empty: () => [t("Nothing on record fits these filters."), "clock",
    Object.values(query).some(Boolean) ? makeButton(t("Show everything"), () => goTo("events", "", {})) : ""],
  fetchPage: (_, parameters) => fetchEvents(parameters),
});

/** Show the events that fit the filters. */
export async function showEvents(route) {
  ({query} = route);
  showFilters(form, query);
  for (const part of form.querySelectorAll("[data-own]")) part.hidden = query.span !== "own";
  drawSaved(byId("events-saved"), query);
  const key = JSON.stringify(query);
  if (listed === key) return;
  listed = key;
  groups.hidden = true;
  await load();
}

async function load() {
  const key = listed;
  byId("events-note").hidden = true;
  byId("events-table").hidden = true;
  byId("events-more").hidden = true;
  place.wait();
  try {
    const parameters = await parametersOf(query);
    if (key !== listed) return;
    if (parameters === null) return place.say(t("There is no account with this address or id."), "users");
    if (query.by) await showGroups(parameters, key);
    else await listing.load("/admin/audit", parameters);
  } catch (error) {
    if (key === listed) place.fail(error, load);
  }
}

/** Return the parameters of the API for filters, null if they name nobody. */
async function parametersOf({user, action, span, from, to, network}) {
  const known = {action, network};
  if (user) {
    known.user = await resolvePerson(user);
    if (known.user === null) return null;
  }
  if (span === "own") {
    if (from) known.from = new Date(from).toISOString();
    if (to) known.to = new Date(to).toISOString();
  } else if (span) {
    known.from = new Date(Date.now() - Number(span) * DAY).toISOString();
  }
  return known;
}

function drawEvent(event) {
  const {actor, target, at, ip, userAgent, outcome} = event;
  const toggle = make("button", {type: "button", class: "row-link", "data-row": event.id, "aria-expanded": "false"}, eventText(event));
  const detail = detailText(event);
  const row = tableRow(
    ["", toggle, outcome === "failure" ? make("span", {class: "badge bad"}, t("Failed")) : "",
      detail ? make("span", {class: "muted"}, detail) : ""],
    [t("Who"), personLink(target ?? actor), actor && target && actor !== target
      ? make("span", {class: "muted"}, ...tParts("by {person}", {person: personLink(actor)})) : ""],
    [t("When"), timeAgo(at)],
    [t("From"), ip ? makeNetwork(ip) : "", make("span", {class: "muted"}, userAgent ? deviceName(userAgent) : "")],
  );
  const record = make("tr", {class: "record", role: "row", hidden: true}, make("td", {role: "cell", colspan: 4}));
  const turn = () => {
    record.hidden = !record.hidden;
    toggle.setAttribute("aria-expanded", String(!record.hidden));
    if (!record.hidden && !record.firstChild.firstChild) record.firstChild.append(recordOf(event));
  };
  toggle.addEventListener("click", turn);
  row.addEventListener("click", ({target: pressed}) => pressed.closest("a, button") || turn());
  return [row, record];
}

function personLink(id) {
  if (!id) return "";
  const link = make("a", {href: addressOf("people", id), dir: "auto"}, id.slice(-6));
  nameOf(id).then((name) => { link.textContent = name; });
  return link;
}

function recordOf(event) {
  const rows = [
    [t("When"), exactTime(event.at)],
    [t("Recorded as"), make("code", {}, event.action)],
    [t("Outcome"), event.outcome],
    [t("Done to"), event.target ?? t("nobody")],
    [t("Done by"), event.actor ?? t("nobody who is known")],
    [t("Network"), event.ip ? makeNetwork(event.ip) : t("not known")],
    [t("Program"), event.userAgent ?? t("not known")],
    [t("Request"), make("code", {}, event.requestId)],
    ...Object.entries(event.details).map(([name, value]) =>
      [name, typeof value === "string" ? value : JSON.stringify(value)]),
  ];
  const whole = makeButton(t("Copy as JSON"), () => navigator.clipboard.writeText(JSON.stringify(event, null, 2)));
  return make("div", {class: "record-body"},
    make("dl", {class: "facts"}, ...rows.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {dir: "auto"}, value)))),
    whole);
}

async function showGroups(parameters, key) {
  const {items, isCut, read} = await groupEvents(parameters, query.by);
  if (key !== listed) return;
  if (!items.length) return place.say(t("Nothing on record fits these filters."), "clock");
  place.clear();
  say(isCut ? t("The newest {count} events are counted.", {count: read}) : t("{count} events are counted.", {count: read}));
  groups.hidden = false;
  const most = items[0].count;
  groups.replaceChildren(...items.map(({value, count}) => drawGroup(value, count, most)));
}

function drawGroup(value, count, most) {
  const {by, ...rest} = query;
  const name = value === null ? t("not known") : by === "action" ? EVENTS[value] ?? value : value;
  const label = value === null ? make("span", {}, name)
    : make("a", {href: addressOf("events", "", {...rest, [by]: value}), dir: "auto"}, name);
  if (by === "user" && value) nameOf(value).then((text) => { label.textContent = text; });
  const meter = make("meter", {min: 0, max: most, value: count, "aria-hidden": "true"});
  return make("li", {}, label, meter, make("span", {class: "count"}, String(count)));
}

function say(text) {
  byId("events-note").textContent = text;
  byId("events-note").hidden = false;
}

onFilter(form, (filters) => goTo("events", "", filters, {replace: true}));
goByKeys(byId("events-list"));
for (const kind of ["csv", "json"]) {
  onPress(byId(`events-${kind}`), async () => {
    const parameters = await parametersOf(query);
    const count = await exportEvents(parameters, kind, (read) => say(t("{count} events so far …", {count: read})));
    say(t("{count} events were exported.", {count}));
  });
}
