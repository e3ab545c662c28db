// Ways to sign in: password, passkeys, authenticator app, recovery codes.

import {call, createPasskey} from "/authsvc.js";
import {open} from "./dialog.js";
import {confirmed, showCodes} from "./dialogs.js";
import {byId, makeButton, onPress, toast} from "./dom.js";
import {deviceName, onDay, timeAgo} from "./format.js";
import {onSubmit, resetForm} from "./forms.js";
import {loadIdentities} from "./identities.js";
import {row} from "./lists.js";
import {withRecentSignIn} from "./reauthenticate.js";

const supportsPasskeys = "PublicKeyCredential" in globalThis;

export async function loadSecurity() {
  const {hasPassword, totp, recoveryCodes, passkeys} = await call("GET", "/auth/mfa");
  byId("password-form").hidden = !hasPassword;
  byId("no-password").hidden = hasPassword;
  showTotp(totp);
  showRecoveryCodes(recoveryCodes.remaining, totp.enabled || passkeys.length > 0);
  byId("passkeys").replaceChildren(...passkeys.map(drawPasskey));
  byId("no-passkeys").hidden = passkeys.length > 0;
  byId("add-passkey").hidden = !supportsPasskeys;
  byId("passkeys-unsupported").hidden = supportsPasskeys;
  await loadIdentities();
}

function showTotp({enabled, confirmedAt}) {
  const state = enabled ? ["Set up on ", onDay(confirmedAt)] : ["Six-digit codes from your phone"];
  byId("totp-state").replaceChildren(...state);
  setBadge("totp-badge", enabled ? "On" : "Off", enabled ? "good" : "");
  byId("totp-add").hidden = enabled;
  byId("totp-remove").hidden = !enabled;
}

function showRecoveryCodes(remaining, hasFactor) {
  byId("recovery-row").hidden = !hasFactor;
  byId("recovery-state").textContent = "In case you lose your phone or passkeys";
  setBadge("recovery-badge", `${remaining} left`, remaining > 3 ? "good" : "warn");
}

function setBadge(id, text, kind) {
  byId(id).textContent = text;
  byId(id).className = `badge ${kind}`;
}

function drawPasskey({id, name, createdAt, lastUsedAt, backedUp}) {
  const added = document.createElement("span"), lastUsed = document.createElement("span");
  added.append("added ", timeAgo(createdAt));
  lastUsed.append(...(lastUsedAt ? ["last used ", timeAgo(lastUsedAt)] : ["not used yet"]));
  const remove = confirmed({
    title: "Remove this passkey?",
    text: `You'll no longer be able to sign in with “${name}”. Remove it from your device too.`,
    yes: "Remove",
  }, async () => {
    await withRecentSignIn(() => call("DELETE", `/auth/passkeys/${id}`));
    await loadSecurity();
    byId("add-passkey").focus();
    toast("Passkey removed.");
  });
  return row("passkey", name, [added, lastUsed, backedUp && "synced"], null,
    makeButton("Rename", () => rename(id, name), {kind: "quiet", label: `Rename the passkey ${name}`}),
    makeButton("Remove", remove, {kind: "danger", label: `Remove the passkey ${name}`}));
}

let onName; // what to do with the name that the dialog asks for

function askForName(title, name, work) {
  byId("passkey-title").textContent = title;
  onName = work;
  const closed = open(byId("passkey-dialog"));
  byId("passkey-name").value = name;
  byId("passkey-name").select();
  return closed;
}

onSubmit(byId("passkey-form"), async ({name}) => {
  await onName(name);
  await loadSecurity();
  byId("passkey-dialog").close();
}, {passkey_failed: "name"});

const rename = (id, oldName) => askForName("Rename the passkey", oldName, async (name) => {
  await call("PATCH", `/auth/passkeys/${id}`, {name});
  toast("Passkey renamed.");
});

onPress(byId("add-passkey"), () => askForName("Add a passkey", deviceName(navigator.userAgent), async (name) => {
  const {challengeId, publicKey} = await withRecentSignIn(() => call("POST", "/auth/passkeys/options"));
  const credential = await createPasskey(publicKey);
  await call("POST", "/auth/passkeys", {challengeId, name, credential});
  toast("Passkey added.");
}));

onSubmit(byId("password-form"), async ({currentPassword, newPassword}, form) => {
  await call("POST", "/auth/me/password", {currentPassword, newPassword});
  resetForm(form);
  toast("Password changed. You're signed out everywhere else.");
}, {password_incorrect: "currentPassword"});

onSubmit(byId("no-password"), async ({newPassword}, form) => {
  await withRecentSignIn(() => call("POST", "/auth/me/password", {newPassword}));
  resetForm(form);
  await loadSecurity();
  byId("current-password").focus();
  toast("Password set.");
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
  await showCodes(recoveryCodes);
  await loadSecurity();
  byId("totp-remove").focus(); // the button that opened the dialog is gone
  toast("Authenticator app set up.");
}, {mfa_code_invalid: "code"});

onPress(byId("totp-remove"), confirmed({
  title: "Remove the authenticator app?",
  text: "You'll no longer be asked for its codes when you sign in.",
  yes: "Remove",
}, async () => {
  await withRecentSignIn(() => call("DELETE", "/auth/mfa/totp"));
  await loadSecurity();
  byId("totp-add").focus();
  toast("Authenticator app removed.");
}));

onPress(byId("recovery-make"), confirmed({
  title: "Create new recovery codes?",
  text: "Your current codes will stop working.",
  yes: "Create new codes",
  danger: false,
}, async () => {
  const {recoveryCodes} = await withRecentSignIn(() => call("POST", "/auth/mfa/recovery-codes"));
  await showCodes(recoveryCodes);
  await loadSecurity();
}));
