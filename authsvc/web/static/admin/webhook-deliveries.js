// What a webhook was told, and is to be told: a part of its panel, with a filter by how far it has come.

import {call} from "/authsvc.js";
import {make, makeButton} from "../ui/dom.js";
import {timeAgo, timeTo} from "../ui/format.js";
import {t, tParts, tn} from "../ui/language.js";
import {row} from "../ui/lists.js";
import {makeListElements, makeListing} from "./listing.js";
import {eventName, STATES} from "./webhook-words.js";

const EMPTY = {
  waiting: t("Nothing waits for it."),
  delivered: t("Nothing was delivered lately."),
  dead: t("Nothing was given up."),
};

/**
 * Make the list of what a webhook was told. `choose` goes to another state, or to none; `isDisabled` tells whether the
 * webhook is; `retried` is called after something was tried again. Return its element, `show` and `reload`.
 */
export function makeDeliveries(path, {choose, isDisabled, retried}) {
  const {children, elements} = makeListElements("deliveries"), select = makeChoice();
  let state = "";
  const listing = makeListing("deliveries", {
    draw: (delivery) => [drawDelivery(delivery)],
    empty: () => [EMPTY[state] ?? t("It was told nothing yet."), "clock"],
    limit: 10,
    elements,
  });

  function drawDelivery({id, message, event, state: reached, attempts, status, error, createdAt, nextAttemptAt, deliveredAt}) {
    const [text, kind] = STATES[reached] ?? [reached, ""];
    const details = [
      timeAgo(createdAt),
      attempts ? tn("{count} try", "{count} tries", attempts) : null,
      status ? t("answered {status}", {status}) : null,
      nextAttemptAt && attempts ? make("span", {}, ...tParts("next try {time}", {time: timeTo(nextAttemptAt)})) : null,
    ];
    const retry = makeButton(t("Try again"), async () => {
      await call("POST", `${path}/deliveries/${id}/retry`);
      await retried();
    }, {label: t("{action}: {event}", {action: t("Try again"), event: eventName(event)})});
    const line = row("hook", eventName(event), details, null, ...(deliveredAt || isDisabled() ? [] : [retry]));
    line.dataset.key = id;
    line.querySelector(".title").append(make("span", {class: `badge ${kind}`}, text));
    line.querySelector(".details").append(make("code", {class: "message-id muted", dir: "ltr"}, message));
    if (error && !deliveredAt) line.querySelector(".details").append(make("code", {class: "server-words", dir: "ltr"}, error));
    return line;
  }

  select.addEventListener("change", () => choose(select.value));
  const element = make("section", {class: "belonging", "aria-labelledby": "deliveries-title"},
    make("div", {class: "card-head"}, make("h3", {id: "deliveries-title"}, t("Deliveries")),
      make("div", {class: "filter"}, make("label", {for: select.id}, t("State")), select)), ...children);
  return {
    element,
    reload: listing.reload,
    show(wanted) {
      state = Object.hasOwn(STATES, wanted) ? wanted : "";
      select.value = state;
      return listing.load(`${path}/deliveries`, {state});
    },
  };
}

const makeChoice = () => make("select", {id: "deliveries-state"}, make("option", {value: ""}, t("Any")),
  ...Object.entries(STATES).map(([value, [text]]) => make("option", {value}, text)));
