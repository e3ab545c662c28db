// What the service says for operators: parts of sentences, in which code stands between backticks.

import {make} from "../ui/dom.js";

/** What such a text is, whatever the language of the page. */
export const IN_ENGLISH = {lang: "en", dir: "ltr"};

/** Return a text with its code marked up, as a list of texts and elements. */
export const codeIn = (text) => text.split("`").map((part, index) => (index % 2 ? make("code", {dir: "ltr"}, part) : part));

/** Return a text as a sentence of its own, likewise. */
export function sentenceOf(text) {
  const isName = /^(?:`|\w+:)/.test(text);
  return codeIn(`${isName ? text : text.charAt(0).toUpperCase() + text.slice(1)}${/[.:…]$/.test(text) ? "" : "."}`);
}
