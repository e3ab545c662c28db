// The apps that somebody has allowed to sign them in.

import {call} from "/authsvc.js";
import {confirmed} from "../ui/dialogs.js";
import {byId, make, makeButton, toast} from "../ui/dom.js";
import {lastUse, onDay} from "../ui/format.js";
import {t, tParts} from "../ui/language.js";
import {paged, row} from "../ui/lists.js";
import {reload} from "../ui/region.js";
import {SCOPES} from "../ui/scopes.js";

export const load = paged("/auth/grants", {
  list: "apps-list", more: "apps-more", limit: 20, draw: drawGrant,
  onLoad: (count) => {
    byId("no-apps").hidden = count > 0;
  },
});

function drawGrant({id, app, scopes, createdAt, lastUsedAt}) {
  const since = make("span", {}, ...tParts("connected since {day}", {day: onDay(createdAt)}));
  const used = make("span", {}, ...lastUse(lastUsedAt));
  const disconnect = confirmed({
    title: t("Disconnect {name}?", {name: app.name}),
    text: t("You'll be signed out of {name} where you signed in with this account, and it will have to ask you again.",
      {name: app.name}),
    yes: t("Disconnect"),
  }, async () => {
    await call("DELETE", `/auth/grants/${id}`);
    await reload("apps");
    byId("apps-title").focus();
    toast(t("{name} is disconnected.", {name: app.name}));
  });
  const drawn = row("apps", app.name, [since, used], null,
    makeButton(t("Disconnect"), disconnect, {kind: "danger", label: t("Disconnect {name}", {name: app.name})}));
  const allowed = scopes.map((scope) => make("li", {}, SCOPES[scope] ?? scope));
  drawn.querySelector(".details").append(make("ul", {class: "permissions small"}, ...allowed));
  return drawn;
}
