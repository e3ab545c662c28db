// What can be done to an account. Each act says before it is done what follows, and which letter the person gets.

import {call} from "/authsvc.js";
import {make, makeButton, makeIcon, onPress} from "../ui/dom.js";
import {t} from "../ui/language.js";
import {act, makeField} from "./acts.js";
import {showSecret} from "./secrets.js";

const NO_LETTER = () => t("They get no letter.");
const WATCHED = ["name", "email", "role", "disabledAt", "emailVerified", "mfaEnabled", "hasPassword"];

/** Return the buttons for an account. `changed`, `gone` and `overtaken` are called after it. */
export function actsOn(person, {changed, gone, overtaken}) {
  const path = `/admin/users/${person.id}`;

  /** Ask and do, unless somebody else has changed the account since it was shown. */
  async function perform(question) {
    const now = await call("GET", path);
    if (WATCHED.some((name) => now[name] !== person[name])) return overtaken();
    if (await act(question)) await (question.after ?? changed)();
  }

  const buttons = actionsFor(person, path, {changed, gone}).map(({name, icon, danger, ...question}) => {
    const button = make("button", {type: "button", class: `act${danger ? " danger" : ""}`}, makeIcon(icon), make("span", {}, name));
    onPress(button, () => perform({danger, ...question}));
    return button;
  });
  return make("section", {class: "acts", "aria-label": t("What you can do")}, ...buttons);
}

function actionsFor(person, path, {changed, gone}) {
  return [
    !person.emailVerified && !person.disabledAt && confirmAddress(person, path),
    sendPasswordLink(person, path),
    makePasswordLink(person, path, changed),
    rename(person, path),
    changeRole(person, path),
    person.mfaEnabled && removeFactors(person, path),
    signOut(person, path),
    person.disabledAt ? enable(person, path) : disable(person, path),
    remove(person, path, gone),
  ].filter(Boolean);
}

const sendPasswordLink = ({email, disabledAt}, path) => !disabledAt && ({
  name: t("Send a password link"), icon: "mail",
  title: t("Send a link to set a password?"),
  text: t("It goes to {email} and works for an hour. The present password works until then.", {email}),
  letter: t("They get the letter “Reset your password”, with the link."),
  yes: t("Send the link"),
  work: () => call("POST", `${path}/password-reset`),
  done: t("The link is on its way."),
});

const confirmAddress = ({email}, path) => ({
  name: t("Confirm the address"), icon: "check",
  title: t("Confirm the address by hand?"),
  text: t("You vouch that {email} is theirs. Nothing else about the account changes.", {email}),
  letter: NO_LETTER(),
  yes: t("Confirm the address"),
  work: () => call("POST", `${path}/verify-email`),
  done: t("The address is confirmed."),
});

function makePasswordLink({email, name, disabledAt}, path, changed) {
  let link;
  return !disabledAt && {
    name: t("Make a password link"), icon: "key",
    title: t("Make a link to set a password?"),
    text: t("For somebody whom no letter reaches. It works once, for an hour, for anyone who has it: give it to {email} alone. The address counts as confirmed then.", {email}),
    letter: t("They get no letter now. Once the link is used, they get “Your password was changed”."),
    yes: t("Make the link"),
    work: async () => { ({link} = await call("POST", `${path}/reset-link`)); },
    after: async () => {
      await showSecret(t("The password link of {name}", {name: name || email}), link);
      await changed();
    },
  };
}

const rename = ({name}, path) => ({
  name: t("Rename"), icon: "pencil",
  title: t("Rename this account"),
  text: t("The name is what letters and apps call them."),
  letter: NO_LETTER(),
  fields: [makeField("name", t("Name"), {value: name ?? "", required: true})],
  yes: t("Rename"),
  work: (values) => call("PATCH", path, {name: values.name}),
  done: t("The account is renamed."),
});

const changeRole = ({role}, path) => ({
  name: t("Change the role"), icon: "users",
  title: t("Change the role"),
  text: t("It counts at once, in every session. An administrator can open this console, and every account."),
  letter: NO_LETTER(),
  fields: [makeField("role", t("Role"), {options: rolesOf(role), value: role})],
  yes: t("Change the role"),
  work: (values) => call("PATCH", path, {role: values.role}),
  done: t("The role is changed."),
});

/** Return the roles that there are; one that the service no longer knows stays on the list while somebody has it. */
function rolesOf(role) {
  const roles = [...document.querySelectorAll("#role-filter option")].map(({value}) => value).filter(Boolean);
  return roles.includes(role) ? roles : [role, ...roles];
}

const removeFactors = ({email}, path) => ({
  name: t("Remove second factors"), icon: "shield", danger: true,
  title: t("Remove all second factors?"),
  text: t("Passkeys, the authenticator app and recovery codes stop working, and a password is enough again. Make sure that it is {email} who asked for it.", {email}),
  letter: t("They get the letter “Your second factors were removed”, and a link to set a password if they have nothing else to sign in by."),
  typed: email,
  yes: t("Remove second factors"),
  work: () => call("DELETE", `${path}/mfa`),
  done: t("The second factors are removed."),
});

const signOut = (person, path) => ({
  name: t("Sign out everywhere"), icon: "leave",
  title: t("Sign them out everywhere?"),
  text: t("Every device and every app has to sign in again. Access tokens stay."),
  letter: NO_LETTER(),
  yes: t("Sign out"),
  work: () => call("DELETE", `${path}/sessions`),
  done: t("They are signed out everywhere."),
});

const disable = (person, path) => ({
  name: t("Disable"), icon: "pause", danger: true,
  title: t("Disable this account?"),
  text: t("They are signed out at once and can't sign in, and their access tokens stop working. You can enable it again."),
  letter: NO_LETTER(),
  yes: t("Disable"),
  work: () => call("PATCH", path, {disabled: true}),
  done: t("The account is disabled."),
});

const enable = (person, path) => ({
  name: t("Enable"), icon: "check",
  title: t("Enable this account?"),
  text: t("They can sign in again. Sessions and access tokens that were ended stay ended."),
  letter: NO_LETTER(),
  yes: t("Enable"),
  work: () => call("PATCH", path, {disabled: false}),
  done: t("The account is enabled."),
});

const remove = ({email}, path, gone) => ({
  name: t("Delete"), icon: "bin", danger: true,
  title: t("Delete this account?"),
  text: t("Everything that belongs to it goes with it: sessions, tokens, passkeys, connected accounts. This can't be undone."),
  letter: t("They get the letter “Your account was deleted”."),
  typed: email,
  yes: t("Delete for good"),
  work: () => call("DELETE", path),
  done: t("The account is deleted."),
  after: gone,
});

/** Make a button that asks and does something else to an account, in one of its lists. */
export const makeAct = (label, question, changed) => makeButton(label, async () => {
  if (await act(question)) await changed();
}, {kind: question.danger ? "danger" : ""});
