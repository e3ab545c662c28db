// One app, beside the list: what is registered for it, its secrets, and what can be done to it.

import {call} from "/authsvc.js";
import {byId, make, makeButton, makeIcon, onPress, toast} from "../ui/dom.js";
import {onDay, timeAgo, timeTo} from "../ui/format.js";
import {t, tParts} from "../ui/language.js";
import {row} from "../ui/lists.js";
import {act, makeField, makeTick} from "./acts.js";
import {KINDS, linesOf} from "./app-words.js";
import {fillPlace, makePlace} from "../ui/place.js";
import {showSecret} from "./secrets.js";

const panel = byId("app");
const place = make("div", {class: "place"}), placed = makePlace(place);
const NO_LETTER = t("Nobody gets a letter.");
let openKey = null, around = {};

/** Close the panel. */
export function closeApp() {
  openKey = null;
  panel.hidden = true;
  panel.replaceChildren();
}

/** Open an app, unless it is open. `close` closes it; `changed` is called after it was changed. */
export async function openApp(key, {close, changed, focus}) {
  around = {close, changed};
  if (key === openKey) return;
  openKey = key;
  panel.hidden = false;
  const title = makeTitle(t("App"));
  panel.replaceChildren(makeHead(title), place);
  if (focus) title.focus();
  await show(key);
}

const pathOf = (key) => `/admin/apps/${encodeURIComponent(key)}`;
const makeTitle = (text) => make("h2", {id: "app-name", tabindex: "-1", dir: "auto"}, text);

const show = (key) => fillPlace(placed, () => call("GET", pathOf(key)), (app) => {
  if (key === openKey) draw(app);
}, 6);

async function showAgain() {
  const key = openKey;
  try {
    const app = await call("GET", pathOf(key));
    if (key === openKey) draw(app);
  } catch (error) {
    if (key !== openKey) return;
    panel.replaceChildren(makeHead(makeTitle(t("App"))), place);
    placed.fail(error, () => show(key));
  }
  byId("app-name")?.focus();
}

function makeHead(title, ...more) {
  const close = make("button", {type: "button", class: "button quiet close", "aria-label": t("Close")}, makeIcon("close"));
  onPress(close, () => around.close());
  return make("header", {class: "side-head"}, make("div", {}, title, ...more), close);
}

function draw(app) {
  const hadFocus = panel.contains(document.activeElement), title = makeTitle(app.name);
  const badges = [app.disabledAt && [t("Disabled"), "bad"], app.trusted && [t("Trusted"), "accent"]].filter(Boolean);
  panel.replaceChildren(
    makeHead(title, make("p", {class: "muted"}, make("code", {}, app.id)), make("span", {class: "badges"},
      ...badges.map(([text, kind]) => make("span", {class: `badge ${kind}`}, text)))),
    make("div", {class: "side-body"}, factsOf(app), actsOn(app), secretsOf(app)));
  if (hadFocus) title.focus();
}

function factsOf(app) {
  const listOf = (items) => items.length ? make("ul", {class: "plain"}, ...items.map((item) => make("li", {}, make("code", {}, item))))
    : t("None");
  const facts = [
    [t("Kind"), KINDS[app.kind] ?? app.kind],
    [t("State"), app.disabledAt ? make("span", {}, t("Disabled"), " · ", timeAgo(app.disabledAt)) : t("Active")],
    [t("Redirect addresses"), listOf(app.redirectUris)],
    [t("After signing out"), listOf(app.logoutUris)],
    [t("Told of sign-outs at"), app.backchannelUri ? make("code", {}, app.backchannelUri) : t("Nowhere")],
    [t("May ask for"), listOf(app.scopes)],
    [t("Ways"), listOf(app.grantTypes)],
    [t("Shows who it is by"), make("code", {}, app.authMethod)],
    [t("PKCE"), app.requiresPkce ? t("Required") : t("Not required")],
    [t("Made"), onDay(app.createdAt)],
    app.document && [t("Document read"), timeAgo(app.document.fetchedAt)],
  ].filter(Boolean);
  return make("dl", {class: "facts"}, ...facts.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

const WATCHED = ["name", "disabledAt", "trusted", "redirectUris", "scopes", "secrets"];

function actsOn(app) {
  const path = pathOf(app.key);
  async function perform({after = async () => Promise.all([showAgain(), around.changed()]), ...question}) {
    const now = await call("GET", path);
    if (WATCHED.some((name) => JSON.stringify(now[name]) !== JSON.stringify(app[name]))) {
      await showAgain();
      return toast(t("This app was changed by somebody else. Look at it again first."));
    }
    if (await act({letter: NO_LETTER, ...question})) await after();
  }
  const buttons = actionsFor(app, path).filter(Boolean).map(({name, icon, danger, ...question}) => {
    const button = make("button", {type: "button", class: `act${danger ? " danger" : ""}`}, makeIcon(icon), make("span", {}, name));
    onPress(button, () => perform({danger, ...question}));
    return button;
  });
  return make("section", {class: "acts", "aria-label": t("What you can do")}, ...buttons);
}

function actionsFor(app, path) {
  const isOwn = !app.document;
  return [
    isOwn && change(app, path),
    isOwn && app.secrets.length > 0 && addSecret(app, path),
    app.disabledAt ? {
      name: t("Enable"), icon: "check", title: t("Enable this app?"), text: t("People can sign in to it again."), yes: t("Enable"),
      work: () => call("PATCH", path, {disabled: false}), done: t("The app is enabled."),
    } : {
      name: t("Disable"), icon: "pause", danger: true, title: t("Disable this app?"),
      text: t("Everybody is signed out of it at once, and nobody can sign in to it. You can enable it again."), yes: t("Disable"),
      work: () => call("PATCH", path, {disabled: true}), done: t("The app is disabled."),
    },
    isOwn && {
      name: t("Delete"), icon: "bin", danger: true, title: t("Delete this app?"),
      text: t("Everybody is signed out of it at once. This can't be undone."), typed: app.name, yes: t("Delete for good"),
      work: () => call("DELETE", path), done: t("The app is deleted."),
      after: async () => {
        around.close();
        await around.changed();
      },
    },
  ];
}

const change = (app, path) => ({
  name: t("Change"), icon: "pencil", title: t("Change this app"),
  text: t("If it may do less than before, everybody is signed out of it at once."),
  fields: [
    makeField("name", t("Name"), {value: app.name, required: true}),
    makeField("redirectUris", t("Redirect addresses"), {value: app.redirectUris.join("\n"), lines: 3, hint: t("One on each line.")}),
    makeField("logoutUris", t("Addresses after signing out"), {value: app.logoutUris.join("\n"), lines: 2, hint: t("One on each line.")}),
    makeField("scopes", t("What it may ask for"), {value: app.scopes.join("\n"), lines: 3, hint: t("One on each line.")}),
    makeTick("trusted", t("Trusted"), t("It is yours: people are not asked whether they allow it."), app.trusted),
  ],
  yes: t("Save"),
  work: (values) => call("PATCH", path, changesOf(app, values)),
  done: t("The app is changed."),
});

/** Return what somebody has changed, and nothing else. */
function changesOf(app, {name, redirectUris, logoutUris, scopes, trusted}) {
  const wanted = {name, redirectUris: linesOf(redirectUris), logoutUris: linesOf(logoutUris), scopes: linesOf(scopes), trusted};
  return Object.fromEntries(Object.entries(wanted).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(app[key])));
}

function addSecret(app, path) {
  let secret;
  return {
    name: t("New secret"), icon: "key", title: t("Make a new secret?"),
    text: t("The one before it works for another 24 hours, so that you can replace it in the app."), yes: t("Make a secret"),
    work: async () => { ({secret} = await call("POST", `${path}/secrets`)); },
    after: async () => {
      await showSecret(t("The secret of {name}", {name: app.name}), secret);
      await showAgain();
    },
  };
}

function secretsOf(app) {
  if (!app.secrets.length) return "";
  const rows = app.secrets.map(({id, createdAt, expiresAt}) => {
    const until = expiresAt ? make("span", {}, ...tParts("until {time}", {time: timeTo(expiresAt)})) : t("no end");
    const button = makeButton(t("Remove"), async () => {
      const isDone = await act({
        title: t("Remove this secret?"), text: t("It stops working at once."), letter: NO_LETTER, yes: t("Remove"), danger: true,
        work: () => call("DELETE", `${pathOf(app.key)}/secrets/${id}`), done: t("The secret is removed."),
      });
      if (isDone) await showAgain();
    }, {label: t("{action}: secret {id}", {action: t("Remove"), id: id.slice(-6)})});
    return row("key", `…${id.slice(-6)}`, [make("span", {}, ...tParts("made {day}", {day: onDay(createdAt)})), until], null, button);
  });
  return make("section", {class: "belonging"}, make("h3", {}, t("Secrets")), make("ul", {class: "rows small"}, ...rows));
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || panel.hidden || panel.closest(".screen").hidden) return;
  if (document.querySelector("dialog[open]") || event.target.matches("input, select, textarea")) return;
  event.preventDefault();
  around.close();
});
