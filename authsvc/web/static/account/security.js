// Ways to sign in: password, passkeys, authenticator app, recovery codes.

import {call, createPasskey} from "/authsvc.js";
import {open} from "../ui/dialog.js";
import {confirmed} from "../ui/dialogs.js";
import {byId, make, makeButton, onPress, toast} from "../ui/dom.js";
import {deviceName, lastUse, onDay, timeAgo} from "../ui/format.js";
import {fieldError, onSubmit, resetForm} from "../ui/forms.js";
import {loadIdentities} from "./identities.js";
import {t, tParts, tn} from "../ui/language.js";
import {showCodes} from "./recovery-codes.js";
import {row} from "../ui/lists.js";
import {keeperOf} from "./passkey-names.js";
import {currentUser, loadProfile, showNeeds} from "./profile.js";
import {withRecentSignIn} from "../ui/reauthenticate.js";
import {reload} from "../ui/region.js";

const supportsPasskeys = "PublicKeyCredential" in globalThis;
const MOST = 20; // passkeys that an account can have
let count = 0; // passkeys that somebody has
let codesLeft = 0; // recovery codes that somebody has

export async function load() {
  if (!currentUser().emailVerified) await loadProfile(); // it may be confirmed by now, on another device
  const {hasPassword, required, totp, recoveryCodes, passkeys} = await call("GET", "/auth/mfa");
  codesLeft = required ? recoveryCodes.remaining : 0; // others may have been shown, but nobody said that they are saved
  byId("password-form").hidden = !hasPassword;
  byId("no-password").hidden = hasPassword;
  showTotp(totp);
  showRecoveryCodes(codesLeft, totp.enabled || passkeys.length > 0);
  byId("require-row").hidden = required || !passkeys.length;
  byId("passkeys").replaceChildren(...passkeys.map(drawPasskey));
  count = passkeys.length;
  byId("no-passkeys").hidden = passkeys.length > 0;
  byId("add-passkey").hidden = !supportsPasskeys;
  byId("passkeys-unsupported").hidden = supportsPasskeys;
  await loadIdentities();
}

function showTotp({enabled, confirmedAt}) {
  const state = enabled ? tParts("Set up on {day}", {day: onDay(confirmedAt)}) : [t("Six-digit codes from your phone")];
  byId("totp-state").replaceChildren(...state);
  setBadge("totp-badge", enabled ? t("On") : t("Off"), enabled ? "good" : "");
  byId("totp-add").hidden = enabled;
  byId("totp-remove").hidden = !enabled;
}

function showRecoveryCodes(remaining, hasFactor) {
  byId("recovery-row").hidden = !hasFactor;
  byId("recovery-state").textContent = t("In case you lose your phone or passkeys");
  setBadge("recovery-badge", tn("{count} left", "{count} left", remaining), remaining > 3 ? "good" : "warn");
}

function setBadge(id, text, kind) {
  byId(id).textContent = text;
  byId(id).className = `badge ${kind}`;
}

function drawPasskey({id, name, createdAt, lastUsedAt, backedUp}) {
  const added = make("span", {}, ...tParts("added {time}", {time: timeAgo(createdAt)}));
  const lastUsed = make("span", {}, ...lastUse(lastUsedAt));
  const remove = confirmed({
    title: t("Remove this passkey?"),
    text: t("You'll no longer be able to sign in with “{name}”. Remove it from your device too.", {name}),
    yes: t("Remove"),
  }, async () => {
    await withRecentSignIn(() => call("DELETE", `/auth/passkeys/${id}`));
    await reload("security");
    byId("add-passkey").focus();
    toast(t("Passkey removed."));
  });
  return row("passkey", name, [added, lastUsed, backedUp && t("synced")], null,
    makeButton(t("Rename"), () => rename(id, name), {kind: "quiet", label: t("Rename the passkey {name}", {name})}),
    makeButton(t("Remove"), remove, {kind: "danger", label: t("Remove the passkey {name}", {name})}));
}

/** Make recovery codes, and show them; once they are saved a second factor is asked for at every sign-in. */
async function makeCodes() {
  const {recoveryCodes} = await withRecentSignIn(() => call("POST", "/auth/mfa/recovery-codes"));
  if (await showCodes(recoveryCodes, {canWait: !codesLeft})) await requireFactor();
  await reload("security");
}

const requireFactor = () => withRecentSignIn(() => call("POST", "/auth/mfa/require"));

let onName; // what to do with the name that the dialog asks for

function askForName(title, name, work, {isNew = false} = {}) {
  byId("passkey-title").textContent = title;
  byId("passkey-elsewhere").hidden = !isNew;
  onName = work;
  const closed = open(byId("passkey-dialog"));
  byId("passkey-name").value = name;
  byId("passkey-name").select();
  return closed;
}

onSubmit(byId("passkey-form"), async ({name}) => {
  try {
    await onName(name);
  } catch (error) {
    throw inWords(error);
  }
  await reload("security");
  byId("passkey-dialog").close();
}, {passkey_failed: "name"});

/** Return an error about a passkey in words for people: what the browser and the service say of one is for programs. */
function inWords(error) {
  if (error.cause?.name === "InvalidStateError") { // WebAuthn section 5.1.3: one of `excludeCredentials`
    return fieldError("name", t("This device already has a passkey for your account."));
  }
  if (error.cause?.name === "SecurityError") return fieldError("name", t("Passkeys can't be used at this address."));
  if (!error.errors?.some(({pointer}) => pointer === "/credential")) return error;
  if (count < MOST) return fieldError("name", t("This passkey can't be used here. Try again, or use another device."));
  return fieldError("name", t("You have {count} passkeys, and there can't be more. Remove one first.", {count}));
}

/** Return a text without what isolates the names in it: nobody could type or see that. */
const asName = (text) => text.replace(/[\u2068\u2069]/g, "");

const rename = (id, oldName) => askForName(t("Rename the passkey"), oldName, async (name) => {
  await call("PATCH", `/auth/passkeys/${id}`, {name});
  toast(t("Passkey renamed."));
});

/** Ask for a name, and add a passkey; the first one brings recovery codes. */
export async function addPasskey() {
  const suggestion = asName(deviceName(navigator.userAgent));
  let isAdded = false;
  await askForName(t("Add a passkey"), suggestion, async (chosen) => {
    const {challengeId, publicKey} = await withRecentSignIn(() => call("POST", "/auth/passkeys/options"));
    const credential = await createPasskey(publicKey);
    const name = chosen === suggestion ? keeperOf(credential) ?? chosen : chosen; // it may be on another device than this
    await call("POST", "/auth/passkeys", {challengeId, name, credential});
    isAdded = true;
    byId("passkey-offer").hidden = true;
    toast(t("Passkey added."));
  }, {isNew: true});
  if (!isAdded || codesLeft) return;
  await makeCodes();
  byId("add-passkey").focus();
}

onPress(byId("add-passkey"), addPasskey);

onPress(byId("require-factor"), confirmed({
  title: t("Require it at sign-in?"),
  text: t("Your password alone will no longer sign you in. If you lose your passkeys, only recovery codes let you in."),
  yes: t("Require it"),
  danger: false,
}, async () => {
  await requireFactor();
  await reload("security");
  byId("recovery-make").focus();
  toast(t("Your passkey is now required beside your password."));
}));

onSubmit(byId("password-form"), async ({currentPassword, newPassword}, form) => {
  await call("POST", "/auth/me/password", {currentPassword, newPassword});
  resetForm(form);
  toast(t("Password changed. You're signed out everywhere else."));
}, {password_incorrect: "currentPassword"});

onSubmit(byId("no-password"), async ({newPassword}, form) => {
  await withRecentSignIn(() => call("POST", "/auth/me/password", {newPassword}));
  resetForm(form);
  await reload("security");
  byId("current-password").focus();
  toast(t("Password set."));
});

onPress(byId("totp-add"), async () => {
  const {secret, uri, qrSvg} = await withRecentSignIn(() => call("POST", "/auth/mfa/totp"));
  // As an image it can't run scripts or load anything; as markup in the page it could.
  const svg = qrSvg.includes("xmlns=") ? qrSvg : qrSvg.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"');
  byId("totp-qr").src = `data:image/svg+xml,${encodeURIComponent(svg)}`;
  byId("totp-secret").textContent = secret.match(/.{1,4}/g).join(" ");
  byId("totp-uri").href = uri;
  const closed = open(byId("totp-dialog"));
  byId("totp-code").focus({preventScroll: true});
  await closed;
  byId("totp-qr").removeAttribute("src");
  byId("totp-uri").removeAttribute("href");
  byId("totp-secret").textContent = "";
});

onSubmit(byId("totp-form"), async ({code}) => {
  const {recoveryCodes} = await call("POST", "/auth/mfa/totp/confirm", {code});
  byId("totp-dialog").close();
  const hasNewCodes = recoveryCodes.length > 0;
  if (hasNewCodes) await showCodes(recoveryCodes);
  await reload("security");
  byId("totp-remove").focus(); // the button that opened the dialog is gone
  toast(hasNewCodes ? t("Authenticator app set up.") : t("Authenticator app set up. Your recovery codes stay the same."));
}, {mfa_code_invalid: "code"});

onPress(byId("totp-remove"), confirmed({
  title: t("Remove the authenticator app?"),
  text: t("You'll no longer be asked for its codes when you sign in."),
  yes: t("Remove"),
}, async () => {
  await withRecentSignIn(() => call("DELETE", "/auth/mfa/totp"));
  await reload("security");
  byId("totp-add").focus();
  toast(t("Authenticator app removed."));
}));

const replaceCodes = confirmed({
  title: t("Create new recovery codes?"),
  text: t("They replace the codes you have, which will stop working."),
  yes: t("Create new codes"),
  danger: false,
}, makeCodes);

onPress(byId("recovery-make"), () => codesLeft ? replaceCodes() : makeCodes());

showNeeds(); // after the buttons above began to work
