// How somebody decides about an app: what they are warned of, and buttons. Nobody presses one by a click that was meant
// for the page before.

import {logout} from "/authsvc.js";
import {byId, onPress, untilUnload} from "../ui/dom.js";

const WAKE_AFTER = 500; // milliseconds

/** Say how little is known of an app: that nobody vouches for it, or only where it describes itself. */
export function warnOf({verified, document: place}) {
  byId("unverified-app").hidden = verified || Boolean(place);
  byId("unregistered-app").hidden = !place;
  byId("unregistered-app").querySelector("strong").textContent = place ?? "";
}

/**
 * Let the person answer, prove who they are, or use another account: `forget` who it was, sign them out, and `goOn`.
 * `orShowIn(step)` returns what shows an error there. Return what is to be called when the question is shown.
 */
export function onDecision({advance, prove, orShowIn, forget, goOn}) {
  onPress(byId("allow"), () => advance("allow"), orShowIn("consent"));
  onPress(byId("deny"), () => advance("deny"), orShowIn("consent"));
  onPress(byId("not-me"), () => advance("deny"), orShowIn("prove"));
  onPress(byId("prove-again"), prove, orShowIn("prove"));
  for (const button of document.querySelectorAll("[data-other-account]")) {
    onPress(button, async () => {
      forget();
      await logout();
      goOn();
      return untilUnload();
    });
  }
  return wakeInSight(document.querySelector('[data-step="consent"]'), byId("allow"), byId("deny"));
}

/**
 * Disable the buttons of a section. Return a function to be called when it is shown: they work once they have been in
 * sight for a moment, and each time that they come back into sight.
 */
function wakeInSight(section, ...buttons) {
  let waking;
  function wake() {
    clearTimeout(waking);
    if (section.hidden) return;
    const focused = buttons.find((button) => button === document.activeElement);
    for (const button of buttons) button.disabled = true;
    if (document.hidden) return;
    waking = setTimeout(() => {
      for (const button of buttons) button.disabled = false;
      focused?.focus();
    }, WAKE_AFTER);
  }
  for (const button of buttons) button.disabled = true;
  document.addEventListener("visibilitychange", wake);
  addEventListener("focus", wake);
  return wake;
}
