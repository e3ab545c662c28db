// What happened to the account.

import {make} from "./dom.js";
import {deviceName, timeAgo} from "./format.js";
import {paged, tableRow} from "./lists.js";
import {END_LABELS, actionText, methodNames} from "./messages.js";

export const loadActivity = paged("/auth/me/activity", {
  list: "activity-list", more: "activity-more", limit: 20, draw: drawEvent,
});

function drawEvent({action, at, ip, userAgent, details}) {
  const detail = detailOf(action, details);
  return tableRow(
    ["", make("strong", {}, actionText(action)), detail ? make("span", {class: "muted"}, detail) : null],
    ["When", timeAgo(at)],
    ["From", userAgent ? deviceName(userAgent) : "", make("span", {class: "muted"}, ip ?? "")],
  );
}

function detailOf(action, {reason, methods}) {
  if (action === "session.ended" && reason in END_LABELS) return END_LABELS[reason];
  const names = Array.isArray(methods) ? methodNames(methods) : "";
  return names && `by ${names}`;
}
