// Webhooks, and adding one. The webhook that is open stands beside the list.

import {call} from "/authsvc.js";
import {byId, make, onPress} from "../ui/dom.js";
import {timeAgo} from "../ui/format.js";
import {t} from "../ui/language.js";
import {tableRow} from "../ui/lists.js";
import {act} from "./acts.js";
import {goByKeys, makeListing} from "./listing.js";
import {addressOf, goTo} from "./routes.js";
import {showSecret} from "./secrets.js";
import {badgesOf, fieldsFor, filledIn, heardText, learnEvents} from "./webhook-words.js";
import {closeWebhook, openWebhook} from "./webhook.js";

const list = byId("webhooks-list");
let openId = "", isListed = false, loading = null;

const listing = makeListing("webhooks", {
  draw: drawWebhook,
  empty: () => [t("There is no webhook yet."), "hook"],
  fetchPage: fetchAll,
  onLoad: markOpen,
});

/** Show the webhooks, and the one that is open. */
export async function showWebhooks({id, query}) {
  const wasOpen = openId;
  openId = id;
  byId("webhooks-split").classList.toggle("is-open", Boolean(id));
  if (!isListed) loading = listing.load("/admin/webhooks", {});
  isListed = true;
  markOpen();
  await loading; // with it comes what a webhook can be told of
  if (id !== openId) return;
  if (id) {
    const choose = (state) => goTo("webhooks", id, {state}, {replace: true});
    const {state} = query, focus = id !== wasOpen;
    await openWebhook(id, {close: () => goTo("webhooks"), changed: listing.reload, choose, state, focus});
  } else closeWebhook();
  if (!id && wasOpen) (list.querySelector(`[data-row="${CSS.escape(wasOpen)}"]`) ?? byId("webhooks-title")).focus();
}

/** Return all webhooks: there are few. */
async function fetchAll(path) {
  const answer = await call("GET", path);
  learnEvents(answer.events);
  return answer;
}

function markOpen() {
  for (const link of list.querySelectorAll("[data-row]")) {
    if (link.dataset.row === openId) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

function drawWebhook(webhook) {
  const {id, url, description, deliveredAt} = webhook, badges = badgesOf(webhook);
  const link = make("a", {href: addressOf("webhooks", id), "data-row": id, class: "row-link", dir: "auto"}, url);
  const row = tableRow(
    ["", link, description ? make("span", {class: "muted line", dir: "auto"}, description) : "",
      badges.length ? make("span", {class: "badges"},
        ...badges.map(([text, kind]) => make("span", {class: `badge ${kind}`}, text))) : ""],
    [t("Told of"), heardText(webhook)],
    [t("Last delivery"), deliveredAt ? timeAgo(deliveredAt) : t("None yet")],
  );
  row.dataset.key = id;
  row.addEventListener("click", ({target}) => target.closest("a") || goTo("webhooks", id));
  return [row];
}

goByKeys(list);

onPress(byId("new-webhook"), async () => {
  let issued;
  await loading;
  const isDone = await act({
    title: t("Add a webhook"),
    text: t("It is told what happens from now on, by signed messages to its address."),
    fields: fieldsFor(),
    yes: t("Add"),
    work: async (values) => { issued = await call("POST", "/admin/webhooks", filledIn(values)); },
    done: t("The webhook is added."),
  });
  if (!isDone) return;
  isListed = false;
  goTo("webhooks", issued.id);
  await showSecret(t("The secret of {name}", {name: issued.url}), issued.secret);
});
