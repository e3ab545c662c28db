// The devices that somebody is signed in on.

import {call, logout} from "/authsvc.js";
import {byId, makeButton, onPress, toast} from "./dom.js";
import {confirmed} from "./dialogs.js";
import {deviceIcon, deviceName, timeAgo} from "./format.js";
import {paged, row} from "./lists.js";
import {methodNames} from "./messages.js";
import {goToSignIn} from "./redirect.js";

export const loadSessions = paged("/auth/sessions", {
  list: "sessions-list", more: "sessions-more", limit: 20, draw: drawSession,
  onLoad: (count, next) => {
    const isOnly = count === 1 && !next;
    byId("end-others").hidden = isOnly;
    byId("only-session").hidden = !isOnly;
  },
});

function drawSession({id, app, current, lastUsedAt, ip, userAgent, methods}) {
  const name = app?.name ?? deviceName(userAgent), lastUsed = document.createElement("span");
  lastUsed.append("last used ", timeAgo(lastUsedAt));
  const used = methodNames(methods);
  const details = [app && "app", ip, lastUsed, used && `by ${used}`];
  const icon = app ? "apps" : deviceIcon(userAgent);
  if (current) return row(icon, name, details, "This device");
  return row(icon, name, details, null, makeButton("Sign out", async () => {
    await call("DELETE", `/auth/sessions/${id}`);
    await loadSessions();
    byId("sessions-title").focus();
    toast(`${name} is signed out.`);
  }, {label: `Sign out ${name}${ip ? `, ${ip}` : ""}`}));
}

onPress(byId("end-others"), confirmed({
  title: "Sign out everywhere else?", text: "Every other device, and every app, will have to sign in again.", yes: "Sign out",
}, async () => {
  await call("DELETE", "/auth/sessions?scope=others");
  await loadSessions();
  byId("sessions-title").focus();
  toast("You're signed out everywhere else.");
}));

onPress(byId("sign-out"), async () => {
  await logout();
  goToSignIn("logout");
});
