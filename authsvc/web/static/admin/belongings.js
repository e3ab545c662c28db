// What belongs to an account: where it is signed in, its keys, the accounts and apps it is connected to, what happened.

import {call} from "/authsvc.js";
import {make, makeIcon} from "../ui/dom.js";
import {deviceIcon, deviceName, onDay, timeAgo} from "../ui/format.js";
import {t, tParts, tn} from "../ui/language.js";
import {row} from "../ui/lists.js";
import {methodNames} from "../ui/history.js";
import {eventText} from "./event-words.js";
import {callPage, makeListElements, makeListing} from "./listing.js";
import {makeNetwork} from "./networks.js";
import {makeAct} from "./person-acts.js";
import {addressOf} from "./routes.js";

const SHORT = 10; // items that a list shows at first

/** Return the lists of an account, each of which is loaded once it is opened. */
export function belongings(person, {changed}) {
  const path = `/admin/users/${person.id}`;
  return [
    section(t("Sessions"), "screen", `${path}/sessions`, drawSession, t("Not signed in anywhere."), () => []),
    section(t("Second factors"), "shield", `${path}/mfa`, (factor) => factor, t("No second factor is set up."), () => [], {},
      fetchFactors),
    section(t("Access tokens"), "key", `${path}/access-tokens`, drawToken, t("No access tokens."), revokeAll(path)),
    section(t("Connected accounts"), "user", `${path}/identities`, drawIdentity, t("No accounts elsewhere."),
      unlinkAll(path, changed)),
    section(t("What happened"), "clock", "/admin/audit", drawEvent, t("Nothing is on record."), () => [
      make("a", {href: addressOf("events", "", {user: person.id})}, t("Look at all of it"))], {user: person.id}),
  ];
}

let count = 0;

function section(title, icon, path, draw, nothing, more, query = {}, fetchPage = callPage) {
  const name = `belonging-${count += 1}`, {children, elements} = makeListElements(name);
  const foot = make("div", {class: "side-tools", hidden: true});
  const listing = makeListing(name, {
    draw: (item) => [draw(item)], empty: () => [nothing, icon], limit: SHORT, elements, fetchPage,
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
  const used = make("span", {}, ...tParts("last used {time}", {time: timeAgo(lastUsedAt)}));
  const since = make("span", {}, ...tParts("since {day}", {day: onDay(createdAt)}));
  return row(app ? "apps" : deviceIcon(userAgent), app?.name ?? deviceName(userAgent),
    [ip && makeNetwork(ip), used, since, methodNames(methods)], null);
}

/** Return the second factors of an account as a list of rows. */
async function fetchFactors(path) {
  const {totp, passkeys, recoveryCodes} = await call("GET", path);
  const app = totp.enabled ? [row("phone", t("Authenticator app"), [totp.confirmedAt && setUpOn(totp.confirmedAt)], null)] : [];
  const codes = recoveryCodes.remaining ? [row("lifebuoy", t("Recovery codes"),
    [tn("{count} code left", "{count} codes left", recoveryCodes.remaining)], null)] : [];
  return {items: [...passkeys.map(drawPasskey), ...app, ...codes], next: null};
}

const setUpOn = (iso) => make("span", {}, ...tParts("set up {day}", {day: onDay(iso)}));

function drawPasskey({name, createdAt, lastUsedAt, backedUp}) {
  const used = lastUsedAt ? make("span", {}, ...tParts("last used {time}", {time: timeAgo(lastUsedAt)})) : t("never used");
  return row("passkey", name, [t("Passkey"), setUpOn(createdAt), used, backedUp && t("synced")], null);
}

function drawToken({name, scopes, createdAt, expiresAt, lastUsedAt}) {
  const made = make("span", {}, ...tParts("made {day}", {day: onDay(createdAt)}));
  const until = expiresAt ? make("span", {}, ...tParts("until {day}", {day: onDay(expiresAt)})) : t("never expires");
  const used = lastUsedAt ? make("span", {}, ...tParts("last used {time}", {time: timeAgo(lastUsedAt)})) : t("never used");
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
  const used = lastUsedAt ? make("span", {}, ...tParts("last used {time}", {time: timeAgo(lastUsedAt)})) : t("never used");
  const line = row("user", label, [email, make("span", {}, ...tParts("connected {day}", {day: onDay(createdAt)})), used], null);
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

const drawEvent = (event) => row("clock", eventText(event), [timeAgo(event.at), event.ip && makeNetwork(event.ip),
  event.userAgent && deviceName(event.userAgent)], null);
