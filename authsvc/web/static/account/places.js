// Where somebody is signed in, and what happened to the account.

import {call, logout} from "/authsvc.js";
import {byId, makeButton, make, onPress, toast} from "./dom.js";
import {confirmed} from "./dialogs.js";
import {signIn} from "./return.js";
import {device, deviceIcon, paged, row, tableRow, when} from "./shown.js";
import {ENDED, action, methods} from "./words.js";

const FEW = 20;
let others = 0;

const loadSessions = paged("/auth/sessions", {
  list: "sessions-list", more: "sessions-more", limit: FEW, draw: drawSession,
  done: (count, items, next) => {
    others = count - 1;
    byId("end-others").hidden = !others && !next;
    byId("only-session").hidden = Boolean(others || next);
  },
});

function drawSession({id, current, lastUsedAt, ip, userAgent, methods: used}) {
  const name = device(userAgent), seen = document.createElement("span");
  seen.append("last used ", when(lastUsedAt));
  const by = methods(used);
  const facts = [ip, seen, by && `by ${by}`];
  if (current) return row(deviceIcon(userAgent), name, facts, "This device");
  return row(deviceIcon(userAgent), name, facts, null, makeButton("Sign out", async () => {
    await call("DELETE", `/auth/sessions/${id}`);
    await sessions();
    byId("sessions-title").focus();
    toast(`${name} is signed out.`);
  }, {more: `Sign out ${name}${ip ? `, ${ip}` : ""}`}));
}

export const sessions = loadSessions;

onPress(byId("end-others"), confirmed({
  title: "Sign out everywhere else?", text: "Every device but this one has to sign in again.", yes: "Sign out",
}, async () => {
  await call("DELETE", "/auth/sessions?scope=others");
  await sessions();
  byId("sessions-title").focus();
  toast("You are signed out everywhere else.");
}));

export const activity = paged("/auth/me/activity", {
  list: "activity-list", more: "activity-more", limit: FEW,
  draw: ({action: name, at, ip, userAgent, details}) => {
    const by = Array.isArray(details.methods) ? methods(details.methods) : "";
    const known = name === "session.ended" && details.reason in ENDED ? details.reason.replaceAll("_", " ") : by && `by ${by}`;
    return tableRow(
      ["", make("strong", {}, action(name)), known ? make("span", {class: "soft"}, known) : null],
      ["When", when(at)],
      ["From", userAgent ? device(userAgent) : "", make("span", {class: "soft"}, ip ?? "")],
    );
  },
});

onPress(byId("sign-out"), async () => {
  await logout();
  signIn("logout");
});
