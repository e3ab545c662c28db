// The devices that somebody is signed in on.

import {call} from "/authsvc.js";
import {byId, make, makeButton, onPress, toast} from "../ui/dom.js";
import {confirmed} from "../ui/dialogs.js";
import {deviceIcon, deviceName, lastUse, makeAddress, onDay} from "../ui/format.js";
import {methodNames} from "../ui/history.js";
import {t, tParts} from "../ui/language.js";
import {paged, row} from "../ui/lists.js";
import {reload} from "../ui/region.js";

export const load = paged("/auth/sessions", {
  list: "sessions-list", more: "sessions-more", limit: 50, draw: drawSession, order: byUse,
  onLoad: (count, next) => {
    const isOnly = count === 1 && !next;
    byId("end-others").hidden = isOnly;
    byId("only-session").hidden = !isOnly;
  },
});

/** Put this device first, and then what was used last. */
function byUse(one, other) {
  return other.current - one.current || new Date(other.lastUsedAt) - new Date(one.lastUsedAt);
}

function drawSession({id, app, current, createdAt, lastUsedAt, ip, userAgent, methods}) {
  const name = app?.name ?? deviceName(userAgent), lastUsed = make("span", {}, ...lastUse(lastUsedAt));
  const day = onDay(createdAt), used = methodNames(methods);
  const since = used ? tParts("signed in on {day} by {methods}", {day, methods: used}) : tParts("signed in on {day}", {day});
  const details = [app && t("app"), ip && makeAddress(ip), lastUsed, make("span", {}, ...since)];
  const icon = app ? "apps" : deviceIcon(userAgent);
  if (current) return row(icon, name, details, t("This device"));
  return row(icon, name, details, null, makeButton(t("Sign out"), confirmed({
    title: t("Sign out {name}?", {name}),
    text: t("It will have to sign in again. If you don't know it, change your password too."),
    yes: t("Sign out"),
  }, async () => {
    await call("DELETE", `/auth/sessions/${id}`);
    await reload("sessions");
    byId("sessions-title").focus();
    toast(t("{name} is signed out.", {name}));
  }), {label: t("Sign out {name}", {name: [name, ip].filter(Boolean).join(", ")})}));
}

onPress(byId("end-others"), confirmed({
  title: t("Sign out everywhere else?"),
  text: t("Every other device, and every app, will have to sign in again."),
  yes: t("Sign out"),
}, async () => {
  await call("DELETE", "/auth/sessions?scope=others");
  await reload("sessions");
  byId("sessions-title").focus();
  toast(t("You're signed out everywhere else."));
}));
