// Two bars for each day. The bars are a picture; the same numbers stand in a table, for who can't see it, or wants them.

import {make} from "../ui/dom.js";
import {language, t} from "../ui/language.js";

const SVG = "http://www.w3.org/2000/svg";
const DAY_WIDTH = 10, HEIGHT = 100;
const number = new Intl.NumberFormat(language);
const inUtc = (options) => new Intl.DateTimeFormat(language, {...options, timeZone: "UTC"});
const dayOfMonth = inUtc({day: "numeric"}), day = inUtc({weekday: "short", day: "numeric", month: "short"});

/** Return what draws the sign-ins of some days: `{day, signIns, failedSignIns}`, the last one today. */
export function drawChart(days) {
  const top = roundUp(Math.max(4, ...days.flatMap(({signIns, failedSignIns}) => [signIns, failedSignIns])));
  const axis = make("div", {class: "axis", "aria-hidden": "true"}, ...[top, top / 2, 0].map((value) =>
    make("span", {}, number.format(value))));
  const feet = make("div", {class: "feet", "aria-hidden": "true"}, ...days.map((one) =>
    make("span", {}, dayOfMonth.format(new Date(one.day)))));
  return [make("div", {class: "plot"}, axis, drawBars(days, top), feet), drawTable(days)];
}

/** Return the next number that reads well on an axis: 1, 2 or 5 and noughts, never odd below ten. */
function roundUp(value) {
  const unit = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 6, 8, 10].map((times) => times * unit).find((one) => one >= value && one % 2 === 0);
}

function drawBars(days, top) {
  const picture = element("svg", {viewBox: `0 0 ${days.length * DAY_WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true"});
  for (const [index, one] of days.entries()) {
    const group = element("g", {}), title = element("title", {});
    title.textContent = t("{day}: {count} signed in, {failed} failed",
      {day: day.format(new Date(one.day)), count: number.format(one.signIns), failed: number.format(one.failedSignIns)});
    group.append(title, bar(index * DAY_WIDTH, DAY_WIDTH, top, top, "ground"),
      bar(index * DAY_WIDTH + 1.5, 3.25, one.signIns, top, "good"),
      bar(index * DAY_WIDTH + 5.25, 3.25, one.failedSignIns, top, "bad"));
    picture.append(group);
  }
  return picture;
}

function bar(x, width, value, top, kind) {
  const height = value ? Math.max(value / top * HEIGHT, 1) : 0;
  return element("rect", {class: kind, x, y: HEIGHT - height, width, height});
}

function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function drawTable(days) {
  const head = [t("Day"), t("Signed in"), t("Failed"), t("Signed up"), t("Blocked")];
  const rows = days.toReversed().map((one) => make("tr", {}, make("th", {scope: "row"}, day.format(new Date(one.day))),
    ...[one.signIns, one.failedSignIns, one.registered, one.throttled].map((value) => make("td", {}, number.format(value)))));
  return make("details", {class: "numbers"}, make("summary", {}, t("As a table")),
    make("div", {class: "numbers-body", tabindex: "0", role: "group", "aria-label": t("As a table")}, make("table", {},
      make("thead", {}, make("tr", {}, ...head.map((text) => make("th", {scope: "col"}, text)))), make("tbody", {}, ...rows))));
}
