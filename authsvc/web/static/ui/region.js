// A part of a page that is loaded: blank lines stand in its place until then, and why it can't be, with *Try again*.

import {make} from "./dom.js";
import {makePlace} from "./place.js";

/**
 * Return what loads the content of a panel by `work`. It says there what goes wrong. Content that `isKnown` without being
 * loaded is shown at once, and stays.
 */
export function region(panel, work, {isKnown = false} = {}) {
  const content = panel.querySelector("[data-content]"), holder = make("div", {class: "card place", hidden: true});
  const place = makePlace(holder);
  let asked = 0, isThere = isKnown;
  content.hidden = !isKnown;
  content.before(holder);

  return async function load() {
    const turn = asked += 1;
    if (!isThere) {
      holder.hidden = false;
      place.wait();
    }
    try {
      await work();
      if (turn !== asked) return; // it was asked for once more since
      isThere = true;
      place.clear();
    } catch (error) {
      if (turn !== asked) return;
      isThere = isKnown;
      place.fail(error, load);
    }
    holder.hidden = isThere && !holder.querySelector(".alert");
    content.hidden = !isThere;
  };
}
