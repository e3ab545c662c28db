// Showing anew what has changed, so that what is the same stays, and the focus too.

/** Return the element that is to be there: the former one if nothing is different, or else the new one in its place. */
export function renewed(former, element) {
  if (former?.isEqualNode(element)) return former;
  former?.replaceWith(element);
  return element;
}

/** Return the link or button in an element that is now what a former one was. */
export const sameIn = (element, held) => [...element.querySelectorAll("a, button")]
  .find(({className, textContent}) => className === held.className && textContent === held.textContent);

/**
 * Return what gives the focus back, if it is in one of these rows, once they are made anew: to the same link or button,
 * else to its row (`data-key`), else to the heading.
 */
export function focusIn(rows) {
  const held = document.activeElement, key = rows.contains(held) ? held.closest("[data-key]")?.dataset.key : null;
  if (!key) return () => {};
  return () => {
    const row = rows.querySelector(`[data-key="${CSS.escape(key)}"]`), same = row && sameIn(row, held);
    if (row && !same) row.tabIndex = -1;
    (same ?? row ?? rows.closest(".side, .screen")?.querySelector("h1, h2"))?.focus({preventScroll: true});
  };
}
