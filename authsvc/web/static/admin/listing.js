// A list that is loaded page by page, and gone through by the arrow keys.

import {call} from "/authsvc.js";
import {byId, make, onPress} from "../ui/dom.js";
import {t} from "../ui/language.js";
import {makePlace} from "../ui/place.js";
import {focusIn} from "./renewal.js";

/** Return a query string with what is not empty. */
export function queryOf(parameters) {
  const known = Object.entries(parameters).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return known.length ? `?${new URLSearchParams(known)}` : "";
}

/** Call a route for a page of a list. */
export const callPage = (path, parameters) => call("GET", `${path}${queryOf(parameters)}`);

/**
 * Return what loads a list into the elements `name`-list, -place and -more. `draw` makes the elements of an item; `empty`
 * returns what is said if there are none; `onLoad` receives how many are shown.
 */
export function makeListing(name, {draw, empty, limit = 50, fetchPage = callPage, onLoad = () => {}, elements = byElement}) {
  const rows = elements(`${name}-list`), more = elements(`${name}-more`), place = makePlace(elements(`${name}-place`));
  const table = rows.closest("table") ?? rows;
  let asked = 0, shown = 0, last = {};

  async function load(path, query, {quiet = false} = {}) {
    const turn = asked += 1;
    last = {path, query};
    if (!quiet) {
      table.hidden = true;
      more.hidden = true;
      place.wait();
    }
    try {
      const page = await fetchPage(path, {...query, limit: quiet ? Math.min(Math.max(shown, limit), 100) : limit});
      if (turn !== asked) return; // somebody has asked for something else since
      const giveBack = focusIn(rows);
      rows.replaceChildren(...page.items.flatMap(draw));
      giveBack();
      shown = page.items.length;
      show(page);
    } catch (error) {
      if (turn === asked) place.fail(error, () => load(path, query));
    }
  }

  function show({next}) {
    table.hidden = shown === 0;
    if (shown) place.clear();
    else place.say(...[empty()].flat());
    more.hidden = !next;
    last.next = next;
    onLoad(shown, next);
  }

  onPress(more.querySelector("button"), async () => {
    const {path, query, next} = last, turn = asked;
    const page = await fetchPage(path, {...query, limit, cursor: next});
    if (turn !== asked) return;
    const items = page.items.flatMap(draw);
    rows.append(...items);
    shown += page.items.length;
    show(page);
    items[0]?.querySelector("a, button")?.focus({preventScroll: true});
  }, (error) => place.fail(error, () => load(last.path, last.query)));

  return {load, reload: () => load(last.path, last.query, {quiet: true}), count: () => shown};
}

const byElement = (id) => byId(id);

/** Make the elements of a list inside of a panel, for `makeListing`. */
export function makeListElements(name) {
  const elements = {
    [`${name}-list`]: make("ul", {class: "rows small"}),
    [`${name}-place`]: make("div", {class: "place"}),
    [`${name}-more`]: make("div", {class: "more", hidden: true},
      make("button", {type: "button", class: "button"}, make("span", {}, t("Show more")))),
  };
  return {children: Object.values(elements), elements: (id) => elements[id]};
}

/** Let the arrow keys, Home and End go from one row's link to the next. */
export function goByKeys(list) {
  list.addEventListener("keydown", (event) => {
    const links = [...list.querySelectorAll("[data-row]")], at = links.indexOf(event.target.closest("[data-row]"));
    if (at < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    const to = {ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1}[event.key];
    if (to === undefined) return;
    event.preventDefault();
    links[Math.min(Math.max(to, 0), links.length - 1)].focus();
  });
}

/** Let a form of filters call `apply` with its values, soon after they change. */
export function onFilter(form, apply) {
  let timer;
  const soon = (milliseconds) => {
    clearTimeout(timer);
    timer = setTimeout(() => apply(filtersOf(form)), milliseconds);
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    soon(0);
  });
  form.addEventListener("input", ({target}) => soon(target.tagName === "SELECT" ? 0 : 250));
}

/** Return what the filters of a form say. */
export const filtersOf = (form) =>
  Object.fromEntries([...form.elements].filter(({name}) => name).map(({name, value}) => [name, value.trim()]));

/** Show filters in their form, unless somebody is typing there. */
export function showFilters(form, query) {
  for (const field of form.elements) {
    if (field.name && field !== document.activeElement) field.value = query[field.name] ?? field.dataset.usual ?? "";
  }
}
