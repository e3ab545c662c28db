// The languages at the foot of a page. What somebody chooses is kept in this browser, and in their account.

import {language} from "./language.js";

const YEAR = 31_536_000; // seconds
const begun = location.hash; // a secret is taken out of there at once
let save = async () => {};

const kept = () => /\bpages_language=([\w-]+)/.exec(document.cookie)?.[1];

function keep(chosen) {
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `pages_language=${chosen}; path=/; max-age=${YEAR}; samesite=lax${secure}`;
}

/** Let `work` save the language that somebody chooses, before the page is shown in it. */
export function onLanguage(work) {
  save = work;
}

/** Show the page in the language of an account, unless one was chosen in this browser. */
export function speak(locale) {
  if (!locale || locale === language || kept()) return;
  keep(locale);
  if (kept() === locale) location.reload(); // a browser that keeps no cookies would do so for ever
}

async function choose(chosen) {
  keep(chosen);
  await save(chosen).catch(() => {}); // this browser knows it all the same
  if (begun.startsWith("#token=") && !location.hash) history.replaceState(null, "", location.pathname + location.search + begun);
  location.reload();
}

for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => choose(button.dataset.language));
  button.disabled = false;
}
