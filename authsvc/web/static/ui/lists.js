// Lists: their rows, and loading them page by page.

import {call} from "/authsvc.js";
import {byId, make, makeIcon, onPress} from "./dom.js";

/** Make a row of a list: an icon, a name, details (null is left out), a badge and buttons. */
export function row(icon, name, details, badge, ...buttons) {
  const parts = details.filter(Boolean).flatMap((detail, index) => index ? [" · ", detail] : [detail]);
  return make("li", {class: "row"}, makeIcon(icon),
    make("div", {class: "details"},
      make("span", {class: "title"}, make("strong", {}, name), badge && make("span", {class: "badge good"}, badge)),
      make("span", {class: "muted"}, ...parts)),
    buttons.length ? make("div", {class: "row-actions"}, ...buttons) : null);
}

/** Make a row of a table with cells [label, ...children]; on a phone the label stands beside the cell. */
export const tableRow = (...cells) => make("tr", {role: "row"}, ...cells.map(([label, ...children]) =>
  make("td", {role: "cell", "data-label": label || null}, make("div", {}, ...children))));

/**
 * Return a function that loads the first page of a list; a button loads further pages. `draw` makes the element for an
 * item, `order` compares items of a page, and `query` returns further parameters. `onLoad` receives how many are shown and
 * the cursor of the next page.
 */
export function paged(path, {list, more, limit, draw, order = () => 0, query = () => ({}), onLoad = () => {}}) {
  const rows = byId(list), footer = byId(more), button = footer.querySelector("button");
  let next = null;
  async function load(cursor) {
    const answer = await call("GET", `${path}?${new URLSearchParams({limit, ...query(), ...(cursor && {cursor})})}`);
    const page = answer.items.sort(order).map(draw);
    if (cursor) rows.append(...page);
    else rows.replaceChildren(...page);
    ({next} = answer);
    footer.hidden = !next;
    onLoad(rows.children.length, next);
    return page[0];
  }
  onPress(button, async () => {
    const first = await load(next);
    if (footer.hidden && first) { // the button is gone, and must not take the focus with it
      first.tabIndex = -1;
      first.focus();
    }
  });
  return () => load(null);
}
