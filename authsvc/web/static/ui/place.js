// What stands in the place of something that is being loaded, can't be loaded, or is empty.

import {describeError, make, makeButton, makeIcon} from "./dom.js";
import {t} from "./language.js";

/** Return what fills a place: `wait`, `say` (with an icon), `fail` (with *Try again*) and `clear`. */
export function makePlace(element) {
  let again = null;
  const show = (...children) => {
    again = null;
    element.replaceChildren(...children);
  };
  const retry = async () => {
    const hadFocus = element.contains(document.activeElement);
    const work = again;
    await work?.();
    if (hadFocus && !element.querySelector("button")) element.closest(".screen, .side, .panel")?.querySelector("h1, h2")?.focus();
  };
  addEventListener("online", () => retry().catch(() => {})); // what fails again says so in its place
  return {
    clear: () => show(),
    wait: (lines = 4) => show(make("p", {class: "visually-hidden", role: "status"}, t("Loading …")),
      make("div", {class: "skeleton", "aria-hidden": "true"}, ...Array.from({length: lines}, () => make("span")))),
    say: (text, icon = "box", ...more) => show(make("div", {class: "empty"}, makeIcon(icon), make("p", {}, text), ...more)),
    fail(error, work) {
      const text = describeError(error);
      if (!text) return show();
      show(make("div", {class: "alert", role: "alert"}, make("p", {}, text), makeButton(t("Try again"), retry)));
      again = work;
    },
  };
}

/** Fetch something while its place shows that it waits, and draw it; show there why it failed, with *Try again*. */
export async function fillPlace(place, fetchIt, draw, lines) {
  place.wait(lines);
  try {
    const answer = await fetchIt();
    place.clear();
    draw(answer);
  } catch (error) {
    place.fail(error, () => fillPlace(place, fetchIt, draw, lines));
  }
}

/** Fetch a script by `load`; what is lost on the way is told like an answer that is, and can be fetched again. */
export const fetchScript = (load) => load().catch((cause) => {
  throw Object.assign(new Error("no script", {cause}), {code: "offline"});
});
