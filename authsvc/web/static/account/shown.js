// Times, devices and lists, as people read them.

import {byId, icon, make, onPress} from "./dom.js";
import {call} from "/authsvc.js";

const exact = new Intl.DateTimeFormat("en", {dateStyle: "medium", timeStyle: "short"});
const day = new Intl.DateTimeFormat("en", {dateStyle: "medium"});
const relative = new Intl.RelativeTimeFormat("en", {numeric: "auto"});
const UNITS = [["year", 31_536_000], ["month", 2_592_000], ["week", 604_800], ["day", 86_400], ["hour", 3600], ["minute", 60]];

/** Return how long ago a time was, or how long it is to it: "5 minutes ago". */
export function ago(iso) {
  const seconds = (new Date(iso) - Date.now()) / 1e3;
  const [unit, length] = UNITS.find(([, least]) => Math.abs(seconds) >= least) ?? [];
  return unit ? relative.format(Math.round(seconds / length), unit) : "just now";
}

/** Make the element for a time; what is in full in its title is in words in its text. */
export const when = (iso) => make("time", {datetime: iso, title: exact.format(new Date(iso))}, ago(iso));
export const onDay = (iso) => make("time", {datetime: iso, title: exact.format(new Date(iso))}, day.format(new Date(iso)));

const BROWSERS = [["Edge", /\bEdgA?\//], ["Opera", /\bOPR\//], ["Samsung Internet", /\bSamsungBrowser\//], ["Firefox", /\b(?:Firefox|FxiOS)\//],
  ["Chrome", /\b(?:Headless)?(?:Chrome|CriOS)\//], ["Safari", /\bSafari\//], ["curl", /^curl\//]];
const SYSTEMS = [["iPhone", /\biPhone\b/], ["iPad", /\biPad\b/], ["Android", /\bAndroid\b/], ["ChromeOS", /\bCrOS\b/],
  ["Windows", /\bWindows\b/], ["macOS", /\bMac OS X\b|\bMacintosh\b/], ["Linux", /\bLinux\b/]];
const LONGEST = 40;

/** Name a device by its User-Agent: "Firefox on Windows". */
export function device(agent) {
  if (!agent) return "Unknown device";
  const named = (list) => list.find(([, pattern]) => pattern.test(agent))?.[0];
  const browser = named(BROWSERS), system = named(SYSTEMS);
  if (browser && system) return `${browser} on ${system}`;
  return browser ?? system ?? (agent.length > LONGEST ? `${agent.slice(0, LONGEST)}…` : agent);
}

/** Tell which icon fits a device. */
export const deviceIcon = (agent) => /\bMobile\b|\biPhone\b|\bAndroid\b/.test(agent ?? "") ? "phone" : "screen";

/** Make a row of a list: an icon, a name, what is known of it, a badge and buttons. */
export function row(picture, name, facts, badge, ...buttons) {
  const said = facts.filter(Boolean).flatMap((fact, index) => index ? [" · ", fact] : [fact]);
  return make("li", {class: "row"}, icon(picture),
    make("div", {class: "what"},
      make("span", {class: "named"}, make("strong", {}, name), badge ? make("span", {class: "badge good"}, badge) : null),
      make("span", {class: "soft"}, ...said)),
    buttons.length ? make("div", {class: "does"}, ...buttons) : null);
}

/** Make a row of a table, whose cells are [label, ...children]; the label stands beside them on a phone. */
export const tableRow = (...cells) => make("tr", {role: "row"}, ...cells.map(([label, ...children]) =>
  make("td", {role: "cell", "data-label": label || null}, make("div", {}, ...children))));

/**
 * Return what loads a list of the service page by page: the first anew each time, more when it is asked for.
 * `draw` makes the element of an item; `done` is told how many there are.
 */
export function paged(path, {list, more, limit, draw, done = () => {}}) {
  const place = byId(list), foot = byId(more), button = foot.querySelector("button");
  let next = null;
  async function load(cursor) {
    const answer = await call("GET", `${path}?limit=${limit}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
    const drawn = answer.items.map(draw);
    if (cursor) place.append(...drawn);
    else place.replaceChildren(...drawn);
    ({next} = answer);
    foot.hidden = !next;
    done(place.children.length, answer.items, next);
    return drawn[0];
  }
  onPress(button, async () => {
    const first = await load(next);
    if (foot.hidden && first) { // the focus must not be lost with the button
      first.tabIndex = -1;
      first.focus();
    }
  });
  return () => load(null);
}
