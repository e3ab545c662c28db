// Providers: accounts elsewhere that people sign in with.

import {signInWith} from "/authsvc.js";
import {make, makeIcon, onPress, untilUnload} from "./dom.js";
import {forget, recall, remember} from "./storage.js";

const BEGUN = "authsvc federation"; // in the storage of this tab: what it has left for
const buttons = [...document.querySelectorAll("[data-provider]")];

/**
 * Leave for a provider, and return to the path or address `returnTo` afterwards; `intent` is what that is for, and `link`
 * what is to be connected after it.
 */
export async function leaveFor(provider, {intent, returnTo, link}) {
  remember(BEGUN, {intent, returnTo, link});
  await signInWith(provider, {intent, returnTo});
  return untilUnload();
}

/** Return what this tab left for, {} if it is not known. It is known once. */
export function takeBegun() {
  const begun = recall(BEGUN);
  forget(BEGUN);
  return begun;
}

/** Leave for a provider whenever its button is pressed; `options` returns with what. */
export function onProviders(parent, options, onError) {
  for (const button of parent.querySelectorAll("[data-provider]")) {
    onPress(button, () => leaveFor(button.dataset.provider, options()), onError);
  }
}

/** Return the name and the mark of a provider that a page has a button for. */
export const providerOf = (name) => buttons.find((button) => button.dataset.provider === name)?.dataset;

/** Make a provider's mark. */
export function makeMark(mark) {
  if (!mark || mark === "oidc") return makeIcon("key");
  if (["apple", "github"].includes(mark)) return make("span", {class: `mark mark-${mark}`});
  return make("img", {src: new URL(`mark-${mark}.svg`, import.meta.url).pathname, alt: "", width: 20, height: 20});
}

// Going back from a provider shows the page as it was left, with a button that waits for ever.
addEventListener("pageshow", ({persisted}) => persisted && buttons.length && location.reload());
