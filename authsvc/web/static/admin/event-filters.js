// Filters that somebody keeps, in this browser: they hold what was typed, and nobody's data besides.

import {make, makeIcon, onPress} from "../ui/dom.js";
import {t} from "../ui/language.js";
import {act, makeField} from "./acts.js";
import {addressOf} from "./routes.js";

const KEPT = "authsvc console filters"; // in the storage
const MOST = 20;

const USUAL_FILTERS = [
  {name: t("Failed sign-ins by network"), query: {action: "login.failed", span: "7", by: "network"}},
  {name: t("Failed sign-ins"), query: {action: "login.failed", span: "7"}},
  {name: t("Blocked attempts"), query: {action: "attempts.throttled", span: "7"}},
  {name: t("Changes of roles"), query: {action: "role.changed"}},
]; // everybody has these

function readKept() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT) ?? "[]");
    return Array.isArray(kept) ? kept.filter(({name, query}) => typeof name === "string" && query) : [];
  } catch { // the browser keeps nothing, or somebody else has written there
    return [];
  }
}

const keep = (filters) => localStorage.setItem(KEPT, JSON.stringify(filters.slice(-MOST)));

const sameAs = (one, other) => addressOf("events", "", one) === addressOf("events", "", other);

/** Show the filters that there are, and what keeps the current one. */
export function drawSaved(parent, query) {
  const usual = USUAL_FILTERS.map(({name, query: filter}) => makeLink(name, filter, query));
  const own = readKept().map(({name, query: filter}) => make("span", {class: "chip-group"},
    makeLink(name, filter, query), makeRemover(name, () => drawSaved(parent, query))));
  parent.replaceChildren(...usual, ...own);
  if (Object.values(query).some(Boolean)) parent.append(makeKeeper(parent, query));
}

const makeLink = (name, filter, query) => make("a", {
  class: "chip", href: addressOf("events", "", filter), dir: "auto", "aria-current": sameAs(filter, query) ? "true" : null,
}, name);

function makeRemover(name, redraw) {
  const button = make("button", {type: "button", class: "chip icon-only", "aria-label": t("Forget the filter {name}", {name})},
    makeIcon("close"));
  onPress(button, () => {
    keep(readKept().filter((one) => one.name !== name));
    redraw();
  });
  return button;
}

function makeKeeper(parent, query) {
  const button = make("button", {type: "button", class: "chip"}, makeIcon("plus"), t("Save this filter"));
  onPress(button, async () => {
    await act({
      title: t("Save this filter"),
      text: t("It is kept in this browser."),
      fields: [makeField("name", t("Name"), {required: true})],
      yes: t("Save"),
      work: ({name}) => keep([...readKept().filter((one) => one.name !== name), {name: name.slice(0, 60), query}]),
    });
    drawSaved(parent, query);
  });
  return button;
}
