// One webhook, beside the list: its state, what can be done to it, its secrets, and what it was told.

import {call} from "/authsvc.js";
import {byId, make, makeIcon, onPress, toast} from "../ui/dom.js";
import {exactTime, onDay, timeAgo, timeTo} from "../ui/format.js";
import {t, tParts, tn} from "../ui/language.js";
import {row} from "../ui/lists.js";
import {fillPlace, makePlace} from "../ui/place.js";
import {act} from "./acts.js";
import {renewed, sameIn} from "./renewal.js";
import {showSecret} from "./secrets.js";
import {makeDeliveries} from "./webhook-deliveries.js";
import {badgesOf, eventName, fieldsFor, filledIn, heardNames, REASONS} from "./webhook-words.js";

const LATER = [1500, 5000, 12_000]; // milliseconds after which what was just asked for is mostly done
const panel = byId("webhook");
const place = make("div", {class: "place"}), placed = makePlace(place);
let openId = null, around = {}, shown = null, timers = [];

/** Close the panel. */
export function closeWebhook() {
  openId = null;
  panel.hidden = true;
  empty();
}

/**
 * Open a webhook, unless it is open, and show its deliveries in a state, or all of them. `close` closes it; `changed` is
 * called after it was changed; `choose` goes to another state.
 */
export async function openWebhook(id, {close, changed, choose, state, focus}) {
  const isOpen = id === openId, isSame = isOpen && state === around.state;
  around = {close, changed, choose, state};
  if (isOpen) return isSame ? undefined : shown?.deliveries.show(state);
  openId = id;
  panel.hidden = false;
  const title = makeTitle(t("Webhook"));
  empty(makeHead(title), place);
  if (focus) title.focus();
  await show(id);
}

/** Show these elements in the panel, and no webhook. */
function empty(...elements) {
  shown = null;
  timers.forEach(clearTimeout);
  panel.replaceChildren(...elements);
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
    if (id !== openId) return;
    draw(webhook);
    shown.deliveries.reload();
  } catch (error) {
    if (id !== openId) return;
    empty(makeHead(makeTitle(t("Webhook"))), place);
    placed.fail(error, () => show(id));
  }
  byId("webhook-name")?.focus();
}

/** Show what has become of the webhook, here and in the list. */
async function look() {
  const id = openId, webhook = await call("GET", pathOf(id));
  if (id !== openId || !shown) return;
  draw(webhook);
  await Promise.all([shown.deliveries.reload(), around.changed()]);
}

/** Look now, and a few times later: what was just asked for takes a moment, or as long as the webhook lets it wait. */
async function keepLooking() {
  lookLater();
  await look();
}

function lookLater() {
  timers.forEach(clearTimeout);
  timers = LATER.map((milliseconds) => setTimeout(() => look().catch(() => {}), milliseconds)); // or it stays as it was
}

function makeHead(title, ...more) {
  const close = make("button", {type: "button", class: "button quiet close", "aria-label": t("Close")}, makeIcon("close"));
  onPress(close, () => around.close());
  return make("header", {class: "side-head"}, make("div", {}, title, ...more), close);
}

/** Show a webhook as it is now. What is the same stays, and so does the focus if that can be. */
function draw(webhook) {
  const held = panel.contains(document.activeElement) ? document.activeElement : null, former = shown;
  const isSame = former !== null && !isOther(former.webhook, webhook);
  const parts = {
    head: renewed(former?.parts.head, headOf(webhook)),
    facts: renewed(former?.parts.facts, factsOf(webhook)),
    acts: isSame ? former.parts.acts : actsOn(webhook),
    secrets: renewed(former?.parts.secrets, secretsOf(webhook)),
  };
  shown = {webhook, parts, deliveries: former?.deliveries ?? deliveriesOf(webhook)};
  if (former === null) {
    panel.replaceChildren(parts.head, make("div", {class: "side-body"}, parts.facts, parts.acts, parts.secrets, shown.deliveries.element));
    shown.deliveries.show(around.state);
  } else if (!isSame) former.parts.acts.replaceWith(parts.acts);
  if (held && !held.isConnected) (sameIn(panel, held) ?? byId("webhook-name")).focus();
}

const headOf = (webhook) => makeHead(makeTitle(webhook.url),
  webhook.description ? make("p", {class: "muted", dir: "auto"}, webhook.description) : null,
  make("span", {class: "badges"}, ...badgesOf(webhook).map(([text, kind]) => make("span", {class: `badge ${kind}`}, text))));

const deliveriesOf = ({id}) => makeDeliveries(pathOf(id), {
  choose: (state) => around.choose(state),
  isDisabled: () => Boolean(shown?.webhook.disabledAt),
  retried: keepLooking,
});

function factsOf(webhook) {
  const {disabledAt, deliveredAt, failures, failingSince, resumesAt, createdAt} = webhook, names = heardNames(webhook);
  const facts = [
    [t("State"), stateOf(webhook)],
    failingSince && !disabledAt && [t("Fails"), make("span", {}, ...tParts("since {time}", {time: timeAgo(failingSince)}), " · ",
      tn("{count} try", "{count} tries", failures))],
    isAhead(resumesAt) && !disabledAt && [t("Paused until"), make("time", {datetime: resumesAt}, exactTime(resumesAt))],
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

const isAhead = (iso) => iso !== null && new Date(iso) > Date.now();

const WATCHED = ["url", "events", "description", "disabledAt", "secrets"];

/** Tell whether a webhook is not what it was: what can be done to it, or what follows, may be another. */
const isOther = (former, webhook) => WATCHED.some((name) => JSON.stringify(former[name]) !== JSON.stringify(webhook[name]));

function actsOn(webhook) {
  const path = pathOf(webhook.id);
  async function perform({after = afterwards, ...question}) {
    if (isOther(webhook, await call("GET", path))) {
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

/** Show what was changed, and what follows: what waits is delivered by now, if it was that. */
async function afterwards() {
  lookLater();
  await Promise.all([showAgain(), around.changed()]);
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
    text: webhook.secrets.filter(({expiresAt}) => !expiresAt || isAhead(expiresAt)).length > 1
      ? t("Two secrets sign now. The older one stops at once; the newer one signs as well for another 24 hours.")
      : t("The one before it signs as well for another 24 hours, so that you can replace it in your program."),
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
  await keepLooking();
}

function secretsOf({secrets}) {
  const rows = secrets.map(({id, createdAt, expiresAt}) => {
    const until = expiresAt ? make("span", {}, ...tParts("until {time}", {time: timeTo(expiresAt)})) : t("no end");
    return row("key", `…${id.slice(-6)}`, [make("span", {}, ...tParts("made {day}", {day: onDay(createdAt)})), until], null);
  });
  return make("section", {class: "belonging"}, make("h3", {}, t("Secrets")), make("ul", {class: "rows small"}, ...rows));
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || panel.hidden || panel.closest(".screen").hidden) return;
  if (document.querySelector("dialog[open]") || event.target.matches("input, select, textarea")) return;
  event.preventDefault();
  around.close();
});
