// Apps that people sign in to, and registering one. The app that is open stands beside the list.

import {call} from "/authsvc.js";
import {byId, make, onPress} from "../ui/dom.js";
import {onDay} from "../ui/format.js";
import {t} from "../ui/language.js";
import {tableRow} from "../ui/lists.js";
import {act, makeField, makeTick} from "./acts.js";
import {closeApp, openApp} from "./app.js";
import {KINDS, linesOf} from "./app-words.js";
import {goByKeys, makeListing, onFilter, showFilters} from "./listing.js";
import {addressOf, goTo} from "./routes.js";
import {showSecret} from "./secrets.js";

const form = byId("apps-filters"), list = byId("apps-list");
let query = {}, openKey = "", listed = null;
form.elements.source.dataset.usual = "registered";

const listing = makeListing("apps", {
  draw: drawApp,
  empty: () => [query.source === "document" ? t("Nobody has allowed such an app.") : t("No app is registered."), "apps"],
  onLoad: markOpen,
});

/** Show the apps, and the one that is open. */
export async function showApps(route) {
  const {id} = route, wasOpen = openKey;
  query = route.query;
  openKey = id;
  showFilters(form, query);
  byId("apps-split").classList.toggle("is-open", Boolean(id));
  const key = JSON.stringify(query), work = listed === key ? null : listing.load("/admin/apps", query);
  listed = key;
  markOpen();
  if (id) await openApp(id, {close: () => goTo("apps", "", query), changed: listing.reload, focus: id !== wasOpen});
  else closeApp();
  await work;
  if (!id && wasOpen) (list.querySelector(`[data-row="${CSS.escape(wasOpen)}"]`) ?? byId("apps-title")).focus();
}

function markOpen() {
  for (const link of list.querySelectorAll("[data-row]")) {
    if (link.dataset.row === openKey) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

function drawApp(app) {
  const link = make("a", {href: addressOf("apps", app.key, query), "data-row": app.key, class: "row-link", dir: "auto"}, app.name);
  const badges = [app.disabledAt && [t("Disabled"), "bad"], app.trusted && [t("Trusted"), "accent"]].filter(Boolean);
  const row = tableRow(
    ["", link, make("span", {class: "muted"}, app.id), badges.length ? make("span", {class: "badges"},
      ...badges.map(([text, kind]) => make("span", {class: `badge ${kind}`}, text))) : ""],
    [t("Kind"), KINDS[app.kind] ?? app.kind],
    [t("Made"), onDay(app.createdAt)],
  );
  row.addEventListener("click", ({target}) => target.closest("a") || goTo("apps", app.key, query));
  return [row];
}

onFilter(form, ({source}) => goTo("apps", "", source === "registered" ? {} : {source}, {replace: true}));
goByKeys(list);

onPress(byId("new-app"), async () => {
  let issued;
  const isDone = await act({
    title: t("Register an app"),
    text: t("People can sign in to it with their account here. Its kind can't be changed later."),
    fields: [
      makeField("name", t("Name"), {required: true, hint: t("People see it when the app asks to sign them in.")}),
      makeField("kind", t("Kind"), {options: Object.entries(KINDS), value: "web"}),
      makeField("redirectUris", t("Redirect addresses"), {lines: 3, hint: t("One on each line. Devices and services need none.")}),
      makeTick("trusted", t("Trusted"), t("It is yours: people are not asked whether they allow it.")),
    ],
    yes: t("Register"),
    work: async ({name, kind, redirectUris, trusted}) => {
      const addresses = linesOf(redirectUris);
      issued = await call("POST", "/admin/apps",
        {name, kind, ...(addresses.length && {redirectUris: addresses}), ...(trusted && {trusted})});
    },
    done: t("The app is registered."),
  });
  if (!isDone) return;
  listed = null;
  goTo("apps", issued.key, query);
  if (issued.secret) await showSecret(t("The secret of {name}", {name: issued.name}), issued.secret);
});
