// The devices that somebody is signed in on.

import {call} from "/authsvc.js";
import {byId, make, makeButton, onPress, toast} from "../ui/dom.js";
import {confirmed} from "../ui/dialogs.js";
import {deviceIcon, deviceName, lastUse} from "../ui/format.js";
import {methodNames} from "../ui/history.js";
import {t} from "../ui/language.js";
import {paged, row} from "../ui/lists.js";
import {reload} from "../ui/region.js";

export const load = paged("/auth/sessions", {
  list: "sessions-list", more: "sessions-more", limit: 20, draw: drawSession,
  onLoad: (count, next) => {
    const isOnly = count === 1 && !next;
    byId("end-others").hidden = isOnly;
    byId("only-session").hidden = !isOnly;
  },
});

function drawSession({id, app, current, lastUsedAt, ip, userAgent, methods}) {
  const name = app?.name ?? deviceName(userAgent), lastUsed = make("span", {}, ...lastUse(lastUsedAt));
  const used = methodNames(methods);
  const details = [app && t("app"), ip, lastUsed, used && t("by {methods}", {methods: used})];
  const icon = app ? "apps" : deviceIcon(userAgent);
  if (current) return row(icon, name, details, t("This device"));
  return row(icon, name, details, null, makeButton(t("Sign out"), async () => {
    await call("DELETE", `/auth/sessions/${id}`);
    await reload("sessions");
    byId("sessions-title").focus();
    toast(t("{name} is signed out.", {name}));
  }, {label: t("Sign out {name}", {name: [name, ip].filter(Boolean).join(", ")})}));
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
