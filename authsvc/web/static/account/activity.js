// What happened to the account.

import {actionText} from "./actions.js";
import {make} from "../ui/dom.js";
import {deviceName, timeAgo} from "../ui/format.js";
import {END_LABELS, methodNames} from "../ui/history.js";
import {t} from "../ui/language.js";
import {paged, tableRow} from "../ui/lists.js";

export const load = paged("/auth/me/activity", {
  list: "activity-list", more: "activity-more", limit: 20, draw: drawEvent,
});

function drawEvent({action, at, ip, userAgent, details}) {
  const detail = detailOf(action, details);
  return tableRow(
    ["", make("strong", {}, actionText(action)), detail ? make("span", {class: "muted"}, detail) : null],
    [t("When"), timeAgo(at)],
    [t("From"), userAgent ? deviceName(userAgent) : "", make("span", {class: "muted"}, ip ?? "")],
  );
}

function detailOf(action, {reason, methods}) {
  if (action === "session.ended" && reason in END_LABELS) return END_LABELS[reason];
  const names = Array.isArray(methods) ? methodNames(methods) : "";
  return names && t("by {methods}", {methods: names});
}
