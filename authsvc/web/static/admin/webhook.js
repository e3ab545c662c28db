// One webhook, beside the list: its state, what can be done to it, its secrets, and what it was told.

import {call} from "/authsvc.js";
import {byId, make, makeButton, makeIcon, onPress, toast} from "../ui/dom.js";
import {onDay, timeAgo, timeTo} from "../ui/format.js";
import {t, tParts, tn} from "../ui/language.js";
import {row} from "../ui/lists.js";
import {fillPlace, makePlace} from "../ui/place.js";
import {act} from "./acts.js";
import {makeListElements, makeListing} from "./listing.js";
import {showSecret} from "./secrets.js";
import {badgesOf, eventName, fieldsFor, filledIn, heardNames, REASONS, STATES} from "./webhook-words.js";

const SOON = 1500; // milliseconds in which what was just asked for is mostly delivered
const panel = byId("webhook");
const place = make("div", {class: "place"}), placed = makePlace(place);
let openId = null, around = {}, deliveries = null;

/** Close the panel. */
export function closeWebhook() {
  openId = null;
  deliveries = null;
  panel.hidden = true;
  panel.replaceChildren();
}

/** Open a webhook, unless it is open. `close` closes it; `changed` is called after it was changed. */
export async function openWebhook(id, {close, changed, focus}) {
  around = {close, changed};
  if (id === openId) return;
  openId = id;
  panel.hidden = false;
  const title = makeTitle(t("Webhook"));
  panel.replaceChildren(makeHead(title), place);
  if (focus) title.focus();
  await show(id);
}

const pathOf = (id) => `/admin/webhooks/${encodeURIComponent(id)}`;
const makeTitle = (text) => make("h2", {id: "webhook-name", tabindex: "-1", dir: "auto"}, text);

const show = (id) => fillPlace(placed, () => call("GET", pathOf(id)), (webhook) => {
  if (id === openId) draw(webhook);
}, 6);

async function showAgain() {
  const id = openId;
  try {
    const webhook = await call("GET", pathOf(id));
    if (id === openId) draw(webhook);
  } catch (error) {
    if (id !== openId) return;
    panel.replaceChildren(makeHead(makeTitle(t("Webhook"))), place);
    placed.fail(error, () => show(id));
  }
  byId("webhook-name")?.focus();
}

function makeHead(title, ...more) {
  const close = make("button", {type: "button", class: "button quiet close", "aria-label": t("Close")}, makeIcon("close"));
  onPress(close, () => around.close());
  return make("header", {class: "side-head"}, make("div", {}, title, ...more), close);
}

function draw(webhook) {
  const hadFocus = panel.contains(document.activeElement), title = makeTitle(webhook.url);
  panel.replaceChildren(
    makeHead(title, webhook.description ? make("p", {class: "muted", dir: "auto"}, webhook.description) : null,
      make("span", {class: "badges"},
        ...badgesOf(webhook).map(([text, kind]) => make("span", {class: `badge ${kind}`}, text)))),
    make("div", {class: "side-body"}, factsOf(webhook), actsOn(webhook), secretsOf(webhook), deliveriesOf(webhook)));
  if (hadFocus) title.focus();
}

function factsOf(webhook) {
  const {disabledAt, deliveredAt, failures, failingSince, resumesAt, createdAt} = webhook, names = heardNames(webhook);
  const facts = [
    [t("State"), stateOf(webhook)],
    failingSince && !disabledAt && [t("Fails"), make("span", {}, ...tParts("since {time}", {time: timeAgo(failingSince)}), " · ",
      tn("{count} try", "{count} tries", failures))],
    resumesAt && !disabledAt && [t("Next try"), timeTo(resumesAt)],
    [t("Told of"), names === null ? t("Everything")
      : make("ul", {class: "plain"}, ...names.map((name) => make("li", {}, eventName(name))))],
    [t("Last delivery"), deliveredAt ? timeAgo(deliveredAt) : t("None yet")],
    [t("Made"), onDay(createdAt)],
  ].filter(Boolean);
  return make("dl", {class: "facts"}, ...facts.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

const stateOf = ({disabledAt, disabledReason}) => disabledAt
  ? make("span", {}, t("Disabled"), " · ", timeAgo(disabledAt), " · ", REASONS[disabledReason] ?? disabledReason)
  : t("Active");

const WATCHED = ["url", "events", "description", "disabledAt", "secrets"];

function actsOn(webhook) {
  const path = pathOf(webhook.id);
  async function perform({after = async () => Promise.all([showAgain(), around.changed()]), ...question}) {
    const now = await call("GET", path);
    if (WATCHED.some((name) => JSON.stringify(now[name]) !== JSON.stringify(webhook[name]))) {
      await showAgain();
      return toast(t("This webhook was changed by somebody else. Look at it again first."));
    }
    if (await act(question)) await after();
  }
  const buttons = actionsFor(webhook, path).map(({name, icon, danger, press, ...question}) => {
    const button = make("button", {type: "button", class: `act${danger ? " danger" : ""}`}, makeIcon(icon), make("span", {}, name));
    onPress(button, press ?? (() => perform({danger, ...question})));
    return button;
  });
  return make("section", {class: "acts", "aria-label": t("What you can do")}, ...buttons);
}

function actionsFor(webhook, path) {
  return [
    {
      name: t("Change"), icon: "pencil", title: t("Change this webhook"), text: t("What waits for it goes to its new address."),
      fields: fieldsFor(webhook), yes: t("Save"),
      work: (values) => call("PATCH", path, changesOf(webhook, filledIn(values))), done: t("The webhook is changed."),
    },
    ...(webhook.disabledAt ? [] : [{name: t("Send a test"), icon: "mail", press: () => sendTest(path)}]), // it would wait
    newSecret(webhook, path),
    webhook.disabledAt ? {
      name: t("Enable"), icon: "check", title: t("Enable this webhook?"),
      text: t("It gets what waits for it, and is told what happens again. What happened meanwhile it is not told."), yes: t("Enable"),
      work: () => call("PATCH", path, {disabled: false}), done: t("The webhook is enabled."),
    } : {
      name: t("Disable"), icon: "pause", danger: true, title: t("Disable this webhook?"),
      text: t("What happens until you enable it again it is never told."), yes: t("Disable"),
      work: () => call("PATCH", path, {disabled: true}), done: t("The webhook is disabled."),
    },
    {
      name: t("Delete"), icon: "bin", danger: true, title: t("Delete this webhook?"),
      text: t("What it has not been told yet is lost. This can't be undone."), yes: t("Delete for good"),
      work: () => call("DELETE", path), done: t("The webhook is deleted."),
      after: async () => {
        around.close();
        await around.changed();
      },
    },
  ];
}

/** Return what somebody has changed, and nothing else. */
const changesOf = (webhook, wanted) =>
  Object.fromEntries(Object.entries(wanted).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(webhook[name])));

function newSecret(webhook, path) {
  let secret;
  return {
    name: t("New secret"), icon: "key", title: t("Make a new secret?"),
    text: t("The one before it signs as well for another 24 hours, so that you can replace it in your program."),
    yes: t("Make a secret"),
    work: async () => { ({secret} = await call("POST", `${path}/secret`)); },
    after: async () => {
      await showSecret(t("The secret of {name}", {name: webhook.url}), secret);
      await showAgain();
    },
  };
}

async function sendTest(path) {
  await call("POST", `${path}/test`);
  toast(t("A test is on its way."));
  await lookTwice();
}

/** Show the deliveries as they are, and as they are a moment later. */
async function lookTwice() {
  const shown = deliveries;
  await shown?.reload();
  setTimeout(() => shown === deliveries && shown?.reload(), SOON);
}

function secretsOf({secrets}) {
  const rows = secrets.map(({id, createdAt, expiresAt}) => {
    const until = expiresAt ? make("span", {}, ...tParts("until {time}", {time: timeTo(expiresAt)})) : t("no end");
    return row("key", `…${id.slice(-6)}`, [make("span", {}, ...tParts("made {day}", {day: onDay(createdAt)})), until], null);
  });
  return make("section", {class: "belonging"}, make("h3", {}, t("Secrets")), make("ul", {class: "rows small"}, ...rows));
}

function deliveriesOf(webhook) {
  const {children, elements} = makeListElements("deliveries");
  deliveries = makeListing("deliveries", {
    draw: (delivery) => [drawDelivery(webhook, delivery)],
    empty: () => [t("It was told nothing yet."), "clock"],
    limit: 10,
    elements,
  });
  deliveries.load(`${pathOf(webhook.id)}/deliveries`, {});
  return make("section", {class: "belonging", "aria-labelledby": "deliveries-title"},
    make("h3", {id: "deliveries-title"}, t("Deliveries")), ...children);
}

function drawDelivery(webhook, delivery) {
  const {id, event, state, attempts, status, error, createdAt, nextAttemptAt, deliveredAt} = delivery;
  const [text, kind] = STATES[state] ?? [state, ""];
  const details = [
    timeAgo(createdAt),
    attempts ? tn("{count} try", "{count} tries", attempts) : null,
    status ? t("answered {status}", {status}) : null,
    nextAttemptAt && attempts && !webhook.disabledAt ? make("span", {}, ...tParts("next try {time}", {time: timeTo(nextAttemptAt)})) : null,
  ];
  const retry = makeButton(t("Try again"), async () => {
    await call("POST", `${pathOf(webhook.id)}/deliveries/${id}/retry`);
    await lookTwice();
  }, {label: t("{action}: {event}", {action: t("Try again"), event: eventName(event)})});
  const line = row("hook", eventName(event), details, null, ...(deliveredAt || webhook.disabledAt ? [] : [retry]));
  line.querySelector(".title").append(make("span", {class: `badge ${kind}`}, text));
  if (error && !deliveredAt) line.querySelector(".details").append(make("code", {class: "server-words", dir: "ltr"}, error));
  return line;
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || panel.hidden || panel.closest(".screen").hidden) return;
  if (document.querySelector("dialog[open]") || event.target.matches("input, select, textarea")) return;
  event.preventDefault();
  around.close();
});
