// What belongs to an account: where it is signed in, its keys, the accounts and apps it is connected to, what happened.

import {call} from "/authsvc.js";
import {make, makeIcon} from "../ui/dom.js";
import {deviceIcon, deviceName, onDay, timeAgo} from "../ui/format.js";
import {t} from "../ui/language.js";
import {row} from "../ui/lists.js";
import {methodNames} from "../ui/history.js";
import {eventText} from "./event-words.js";
import {makeListElements, makeListing} from "./listing.js";
import {makeAct} from "./person-acts.js";
import {addressOf} from "./routes.js";

const SHORT = 10; // items that a list shows at first

/** Return the lists of an account, each of which is loaded once it is opened. */
export function belongings(person, {changed}) {
  const path = `/admin/users/${person.id}`;
  return [
    section(t("Sessions"), "screen", `${path}/sessions`, drawSession, t("Not signed in anywhere."), () => []),
    section(t("Access tokens"), "key", `${path}/access-tokens`, drawToken, t("No access tokens."), revokeAll(path)),
    section(t("Connected accounts"), "user", `${path}/identities`, drawIdentity, t("No accounts elsewhere."),
      unlinkAll(path, changed)),
    section(t("What happened"), "clock", "/admin/audit", drawEvent, t("Nothing is on record."), () => [
      make("a", {href: addressOf("events", "", {user: person.id})}, t("Look at all of it"))], {user: person.id}),
  ];
}

let count = 0;

function section(title, icon, path, draw, nothing, more, query = {}) {
  const name = `belonging-${count += 1}`, {children, elements} = makeListElements(name);
  const foot = make("div", {class: "side-tools", hidden: true});
  const listing = makeListing(name, {
    draw: (item) => [draw(item)], empty: () => [nothing, icon], limit: SHORT, elements,
    onLoad: (shown) => { foot.hidden = shown === 0; },
  });
  foot.append(...more(listing));
  const details = make("details", {class: "belonging"}, make("summary", {}, makeIcon(icon), make("span", {}, title)),
    ...children, foot);
  let isLoaded = false;
  details.addEventListener("toggle", () => {
    if (!details.open || isLoaded) return;
    isLoaded = true;
    listing.load(path, query);
  });
  return details;
}

function drawSession({app, createdAt, lastUsedAt, ip, userAgent, methods}) {
  const used = make("span", {}, t("last used"), " ", timeAgo(lastUsedAt));
  const since = make("span", {}, t("since"), " ", onDay(createdAt));
  return row(app ? "apps" : deviceIcon(userAgent), app?.name ?? deviceName(userAgent),
    [ip, used, since, methodNames(methods)], null);
}

function drawToken({name, scopes, createdAt, expiresAt, lastUsedAt}) {
  const made = make("span", {}, t("made"), " ", onDay(createdAt));
  const until = expiresAt ? make("span", {}, t("until"), " ", onDay(expiresAt)) : t("never expires");
  const used = lastUsedAt ? make("span", {}, t("last used"), " ", timeAgo(lastUsedAt)) : t("never used");
  const line = row("key", name, [made, until, used], null);
  line.querySelector(".details").append(make("span", {class: "scopes"}, ...scopes.map((scope) => make("code", {}, scope))));
  return line;
}

const revokeAll = (path) => (listing) => [makeAct(t("Revoke all tokens"), {
  title: t("Revoke all access tokens?"),
  text: t("Programs that use them stop working at once."),
  letter: t("They get no letter."),
  yes: t("Revoke"), danger: true,
  work: () => call("DELETE", `${path}/access-tokens`),
  done: t("The access tokens are revoked."),
}, listing.reload)];

function drawIdentity({label, email, issuer, subject, createdAt, lastUsedAt}) {
  const used = lastUsedAt ? make("span", {}, t("last used"), " ", timeAgo(lastUsedAt)) : t("never used");
  const line = row("user", label, [email, make("span", {}, t("connected"), " ", onDay(createdAt)), used], null);
  line.querySelector(".details").append(make("span", {class: "muted"}, make("code", {}, issuer), " ", make("code", {}, subject)));
  return line;
}

const unlinkAll = (path, changed) => () => [makeAct(t("Disconnect all"), {
  title: t("Disconnect all accounts elsewhere?"),
  text: t("None of them signs in to this account any longer. Sessions go on."),
  letter: t("They get a letter for each, and a link to set a password if they have nothing else to sign in by."),
  yes: t("Disconnect"), danger: true,
  work: () => call("DELETE", `${path}/identities`),
  done: t("The accounts are disconnected."),
}, changed)];

const drawEvent = (event) => row("clock", eventText(event), [timeAgo(event.at), event.ip,
  event.userAgent && deviceName(event.userAgent)], null);
