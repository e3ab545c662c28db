// Letters: those in the outbox, with the mail server's words, and how each kind looks.

import {call} from "/authsvc.js";
import {byId, make, makeButton} from "../ui/dom.js";
import {timeAgo, timeTo} from "../ui/format.js";
import {t, tParts, tn} from "../ui/language.js";
import {row} from "../ui/lists.js";
import {act} from "./acts.js";
import {letterName} from "./letter-words.js";
import {makeListing, onFilter, showFilters} from "./listing.js";
import {showPreviews} from "./previews.js";
import {goTo} from "./routes.js";

const form = byId("letters-filters");
form.elements.state.dataset.usual = "waiting";
let query = {};

const EMPTY = {
  waiting: () => [t("No letter is waiting."), "check"],
  dead: () => [t("Every letter could be delivered."), "check"],
  delivered: () => [t("No letter was delivered lately."), "mail"],
};

const listing = makeListing("letters", {
  draw: (letter) => [drawLetter(letter)],
  empty: () => EMPTY[query.state ?? "waiting"](),
});

/** Show the letters in a state, and a preview. */
export async function showLetters(route) {
  const {state} = route.query;
  query = Object.hasOwn(EMPTY, state ?? "") ? {state} : {};
  showFilters(form, query);
  await Promise.all([listing.load("/admin/letters", query), showPreviews()]);
}

function drawLetter(letter) {
  const {id, kind, to, createdAt, dueAt, deliveredAt, attempts, error} = letter;
  const details = [
    make("span", {dir: "auto"}, to),
    make("span", {}, ...tParts("written {time}", {time: timeAgo(createdAt)})),
    deliveredAt ? make("span", {}, ...tParts("delivered {time}", {time: timeAgo(deliveredAt)})) : null,
    attempts && !deliveredAt ? tn("{count} try", "{count} tries", attempts) : null,
    dueAt && attempts ? make("span", {}, ...tParts("next try {time}", {time: timeTo(dueAt)})) : null,
  ];
  const line = row("mail", letterName(kind), details, null, ...(deliveredAt ? [] : actsOn(id, kind, to)));
  line.dataset.key = id;
  if (error) line.querySelector(".details").append(make("code", {class: "server-words", dir: "ltr"}, error));
  return line;
}

/** Return what a button is called for who hears it: what is written on it comes first, in any language. */
const labelOf = (action, values) => t("{action}: {letter}, {email}", {action, ...values});

function actsOn(id, kind, to) {
  const values = {letter: letterName(kind), email: to};
  return [
    makeButton(t("Try again"), async () => {
      await call("POST", `/admin/letters/${id}/retry`);
      await listing.reload();
    }, {label: labelOf(t("Try again"), values)}),
    makeButton(t("Delete"), async () => {
      const isDone = await act({
        title: t("Delete this letter?"),
        text: t("“{letter}” to {email} is not delivered, and the links in it reach nobody.", values),
        letter: t("They get no letter."),
        yes: t("Delete"), danger: true,
        work: () => call("DELETE", `/admin/letters/${id}`),
        done: t("The letter is deleted."),
      });
      if (isDone) await listing.reload();
    }, {kind: "danger", label: labelOf(t("Delete"), values)}),
  ];
}

onFilter(form, (filters) => goTo("letters", "", filters, {replace: true}));
