// The apps that somebody has allowed to sign them in.

import {call} from "/authsvc.js";
import {confirmed} from "./dialogs.js";
import {byId, make, makeButton, toast} from "./dom.js";
import {onDay, timeAgo} from "./format.js";
import {paged, row} from "./lists.js";
import {SCOPES} from "./messages.js";

export const loadApps = paged("/auth/grants", {
  list: "apps-list", more: "apps-more", limit: 20, draw: drawGrant,
  onLoad: (count) => {
    byId("no-apps").hidden = count > 0;
  },
});

function drawGrant({id, app, scopes, createdAt, lastUsedAt}) {
  const since = make("span", {}, "connected since ", onDay(createdAt)), used = document.createElement("span");
  used.append(...(lastUsedAt ? ["last used ", timeAgo(lastUsedAt)] : ["not used yet"]));
  const disconnect = confirmed({
    title: `Disconnect ${app.name}?`,
    text: `You'll be signed out of ${app.name} where you signed in with this account, and it will have to ask you again.`,
    yes: "Disconnect",
  }, async () => {
    await call("DELETE", `/auth/grants/${id}`);
    await loadApps();
    byId("apps-title").focus();
    toast(`${app.name} is disconnected.`);
  });
  const drawn = row("apps", app.name, [since, used], null,
    makeButton("Disconnect", disconnect, {kind: "danger", label: `Disconnect ${app.name}`}));
  const allowed = scopes.map((scope) => make("li", {}, SCOPES[scope] ?? scope));
  drawn.querySelector(".details").append(make("ul", {class: "permissions small"}, ...allowed));
  return drawn;
}
