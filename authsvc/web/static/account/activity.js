// What happened to the account.

import {call} from "/authsvc.js";
import {actionText} from "./actions.js";
import {confirmed} from "../ui/dialogs.js";
import {byId, make, onPress, toast} from "../ui/dom.js";
import {deviceName, makeAddress, timeAgo} from "../ui/format.js";
import {END_LABELS, methodNames} from "../ui/history.js";
import {t} from "../ui/language.js";
import {paged, tableRow} from "../ui/lists.js";
import {reload} from "../ui/region.js";

const about = byId("activity-about");

export const load = paged("/auth/me/activity", {
  list: "activity-list", more: "activity-more", limit: 20, draw: drawEvent,
  query: () => about.value ? {about: about.value} : {},
  onLoad: (count) => {
    byId("activity-table").hidden = !count;
    byId("no-activity").hidden = count > 0;
  },
});

about.addEventListener("change", () => reload("activity"));

onPress(byId("not-me"), confirmed({
  title: t("Was somebody else in your account?"),
  text: t("Sign out everywhere else first. Then change your password, and remove passkeys and apps that you don't know."),
  yes: t("Sign out everywhere else"),
}, async () => {
  await call("DELETE", "/auth/sessions?scope=others");
  location.hash = "security";
  toast(t("You're signed out everywhere else. Now change your password."));
}));

function drawEvent({action, at, ip, userAgent, details}) {
  const detail = detailOf(action, details);
  return tableRow(
    ["", make("strong", {}, actionText(action)), detail ? make("span", {class: "muted"}, detail) : null],
    [t("When"), timeAgo(at)],
    [t("From"), userAgent ? deviceName(userAgent) : "", make("span", {class: "muted"}, ip ? makeAddress(ip) : "")],
  );
}

function detailOf(action, {reason, methods}) {
  if (action === "session.ended" && reason in END_LABELS) return END_LABELS[reason];
  const names = Array.isArray(methods) ? methodNames(methods) : "";
  return names && t("by {methods}", {methods: names});
}
