// What was done on a page that has left for this one: said here, once.

import {toast} from "./dom.js";
import {forget, recall, remember} from "./storage.js";

const DONE = "authsvc done";

/** Let the next page say what was done. */
export const sayNext = (text) => remember(DONE, {text});

/** Say what the page before has done. */
export function tellWhatWasDone() {
  const {text} = recall(DONE);
  forget(DONE);
  if (text) toast(text);
}
