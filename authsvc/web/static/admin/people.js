// Accounts: looking for them, and inviting somebody. The account that is open stands beside the list.

import {call} from "/authsvc.js";
import {byId, make, makeButton, onPress} from "../ui/dom.js";
import {timeAgo} from "../ui/format.js";
import {t, tn} from "../ui/language.js";
import {tableRow} from "../ui/lists.js";
import {act, makeField} from "./acts.js";
import {badgesOf} from "./badges.js";
import {makeListing, goByKeys, onFilter, showFilters} from "./listing.js";
import {closePerson, openPerson} from "./person.js";
import {addressOf, goTo} from "./routes.js";

const form = byId("people-filters"), split = byId("people-split"), list = byId("people-list");
let query = {}, openId = "", listed = null;

const listing = makeListing("people", {
  draw: drawPerson,
  empty: () => Object.values(query).some(Boolean)
    ? [t("Nobody fits these filters."), "users", makeButton(t("Show everybody"), () => goTo("people", openId, {}))]
    : [t("There are no accounts yet."), "users"],
  onLoad: (count, next) => {
    byId("people-count").textContent = next ? t("The first {count} accounts are shown.", {count})
      : tn("{count} account", "{count} accounts", count);
    markOpen();
  },
});

/** Show the accounts that fit the filters, and the one that is open. */
export async function showPeople(route) {
  const {id} = route, wasOpen = openId;
  query = route.query;
  openId = id;
  showFilters(form, query);
  split.classList.toggle("is-open", Boolean(id));
  const key = JSON.stringify(query);
  const work = listed === key ? null : listing.load("/admin/users", query);
  listed = key;
  markOpen();
  if (id) await openPerson(id, {close: () => goTo("people", "", query), changed: listing.reload, focus: id !== wasOpen});
  else closePerson();
  await work;
  if (!id && wasOpen) (rowOf(wasOpen) ?? byId("people-title")).focus();
}

const rowOf = (id) => list.querySelector(`[data-row="${CSS.escape(id)}"]`);

function markOpen() {
  for (const link of list.querySelectorAll("[aria-current]")) link.removeAttribute("aria-current");
  if (openId) rowOf(openId)?.setAttribute("aria-current", "true");
}

function drawPerson(person) {
  const link = make("a", {href: addressOf("people", person.id, query), "data-row": person.id, class: "row-link", dir: "auto"},
    person.name || person.email);
  const row = tableRow(
    ["", link, make("span", {class: "muted", dir: "auto"}, person.email), badgesOf(person)],
    [t("Role"), person.role],
    [t("Last seen"), seenAt(person)],
    [t("Made"), person.createdAt ? timeAgo(person.createdAt) : t("not known")],
  );
  row.addEventListener("click", ({target}) => target.closest("a") || goTo("people", person.id, query));
  return [row];
}

const seenAt = ({lastSeenAt, lastLoginAt}) => lastSeenAt ?? lastLoginAt ? timeAgo(lastSeenAt ?? lastLoginAt) : t("not lately");

onFilter(form, (filters) => goTo("people", openId, filters, {replace: true}));
goByKeys(list);
form.elements.q.addEventListener("keydown", (event) => {
  if (event.key !== "ArrowDown") return;
  event.preventDefault();
  list.querySelector("[data-row]")?.focus();
});

onPress(byId("invite"), async () => {
  const roles = [...form.elements.role.options].map(({value}) => value).filter(Boolean);
  let invited;
  const isDone = await act({
    title: t("Invite someone"),
    text: t("An account without a password is made."),
    letter: t("They get the letter “Invitation”, with a link to set a password. It works for seven days."),
    fields: [makeField("name", t("Name"), {required: true}), makeField("email", t("Email"), {type: "email", required: true}),
      makeField("role", t("Role"), {options: roles, value: "user"})],
    yes: t("Send invitation"),
    work: async ({name, email, role}) => { invited = await call("POST", "/admin/users", {name, email, role}); },
    done: t("The invitation is on its way."),
  });
  if (!isDone) return;
  listed = null;
  goTo("people", invited.id, query);
});
