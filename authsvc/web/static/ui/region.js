// A part of a page that is loaded: blank lines stand in its place until then, and why it can't be, with *Try again*.

import {byId, make} from "./dom.js";
import {makePlace} from "./place.js";

const regions = new Map(); // what loads each, by the id of its panel

/** Load once more what a panel shows, since it has changed. */
export const reload = (id) => regions.get(id)();

/**
 * Return what loads the content of a panel by `work`. It says there what goes wrong. Content that `isKnown` without being
 * loaded is shown at once, and stays.
 */
export function region(id, work, {isKnown = false} = {}) {
  const content = byId(id).querySelector("[data-content]"), holder = make("div", {class: "card place", hidden: true});
  const place = makePlace(holder);
  let asked = 0, isThere = isKnown;
  content.hidden = !isKnown;
  content.before(holder);

  async function load() {
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
  }

  regions.set(id, load);
  return load;
}
