// How somebody signs in: password, passkeys, authenticator app, recovery codes.

import {call, createPasskey} from "/authsvc.js";
import {byId, makeButton, onPress, toast} from "./dom.js";
import {confirmed, fresh, open, showCodes} from "./dialogs.js";
import {onSend, reset} from "./forms.js";
import {user} from "./profile.js";
import {device, onDay, row, when} from "./shown.js";

const canMake = "PublicKeyCredential" in globalThis;

export async function enter() {
  const {hasPassword, totp, recoveryCodes, passkeys} = await call("GET", "/auth/mfa");
  byId("password-form").hidden = !hasPassword;
  byId("no-password").hidden = hasPassword;
  showTotp(totp);
  showRecovery(recoveryCodes.remaining, totp.enabled || passkeys.length > 0);
  byId("passkeys").replaceChildren(...passkeys.map(drawPasskey));
  byId("no-passkeys").hidden = passkeys.length > 0;
  byId("add-passkey").hidden = !canMake;
  byId("passkeys-unsupported").hidden = canMake;
}

function showTotp({enabled, confirmedAt}) {
  byId("totp-state").replaceChildren(...(enabled ? ["Set up on ", onDay(confirmedAt)] : ["Six-digit codes from your phone"]));
  badge("totp-badge", enabled ? "On" : "Off", enabled ? "good" : "");
  byId("totp-add").hidden = enabled;
  byId("totp-remove").hidden = !enabled;
}

function showRecovery(remaining, needed) {
  byId("recovery-row").hidden = !needed;
  byId("recovery-state").textContent = "If you lose your phone or passkeys";
  badge("recovery-badge", `${remaining} left`, remaining > 3 ? "good" : "warn");
}

function badge(id, text, kind) {
  byId(id).textContent = text;
  byId(id).className = `badge ${kind}`;
}

function drawPasskey({id, name, createdAt, lastUsedAt, backedUp}) {
  const made = document.createElement("span"), used = document.createElement("span");
  made.append("added ", when(createdAt));
  used.append(...(lastUsedAt ? ["last used ", when(lastUsedAt)] : ["not used yet"]));
  const remove = confirmed({
    title: "Remove the passkey?", text: `You can no longer sign in with “${name}”. Remove it from your device too.`, yes: "Remove",
  }, async () => {
    await fresh(() => call("DELETE", `/auth/passkeys/${id}`));
    await enter();
    byId("add-passkey").focus();
    toast("Passkey removed.");
  });
  return row("passkey", name, [made, used, backedUp && "synced"], null,
    makeButton("Rename", () => rename(id, name), {kind: "quiet", more: `Rename the passkey ${name}`}),
    makeButton("Remove", remove, {kind: "danger", more: `Remove the passkey ${name}`}));
}

let named; // what is done with the name that the dialog asks for

function askName(title, name, work) {
  byId("passkey-title").textContent = title;
  named = work;
  const closed = open(byId("passkey-dialog"));
  byId("passkey-name").value = name;
  byId("passkey-name").select();
  return closed;
}

onSend(byId("passkey-form"), async ({name}) => {
  await named(name);
  await enter();
  byId("passkey-dialog").close();
}, {passkey_failed: "name"});

const rename = (id, name) => askName("Rename the passkey", name, async (given) => {
  await call("PATCH", `/auth/passkeys/${id}`, {name: given});
  toast("Passkey renamed.");
});

onPress(byId("add-passkey"), () => askName("Add a passkey", device(navigator.userAgent), async (name) => {
  const {challengeId, publicKey} = await fresh(() => call("POST", "/auth/passkeys/options"));
  const credential = await createPasskey(publicKey);
  await call("POST", "/auth/passkeys", {challengeId, name, credential});
  toast("Passkey added.");
}));

onSend(byId("password-form"), async ({currentPassword, newPassword}, form) => {
  await call("POST", "/auth/me/password", {currentPassword, newPassword});
  reset(form);
  toast("Password changed. You are signed out everywhere else.");
}, {password_incorrect: "currentPassword"});

onPress(byId("ask-password"), async () => {
  await call("POST", "/auth/password/forgot", {email: user().email});
  toast("An email with a link is on its way.");
});

onPress(byId("totp-add"), async () => {
  const {secret, uri, qrSvg} = await fresh(() => call("POST", "/auth/mfa/totp"));
  // A picture runs no script and names no other host; markup put into the page could.
  const picture = qrSvg.includes("xmlns=") ? qrSvg : qrSvg.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"');
  byId("totp-qr").src = `data:image/svg+xml,${encodeURIComponent(picture)}`;
  byId("totp-secret").textContent = secret.match(/.{1,4}/g).join(" ");
  byId("totp-uri").href = uri;
  const closed = open(byId("totp-dialog"));
  byId("totp-code").focus({preventScroll: true});
  await closed;
  byId("totp-qr").removeAttribute("src");
  byId("totp-uri").removeAttribute("href");
  byId("totp-secret").textContent = "";
});

onSend(byId("totp-form"), async ({code}) => {
  const {recoveryCodes} = await call("POST", "/auth/mfa/totp/confirm", {code});
  byId("totp-dialog").close();
  await showCodes(recoveryCodes);
  await enter();
  byId("totp-remove").focus(); // what opened the dialog is gone
  toast("Authenticator app set up.");
}, {mfa_code_invalid: "code"});

onPress(byId("totp-remove"), confirmed({
  title: "Remove the authenticator app?", text: "You will no longer be asked for its codes when you sign in.", yes: "Remove",
}, async () => {
  await fresh(() => call("DELETE", "/auth/mfa/totp"));
  await enter();
  byId("totp-add").focus();
  toast("Authenticator app removed.");
}));

onPress(byId("recovery-make"), confirmed({
  title: "Create new recovery codes?", text: "The codes that you have stop working.", yes: "Create new codes", danger: false,
}, async () => {
  const {recoveryCodes} = await fresh(() => call("POST", "/auth/mfa/recovery-codes"));
  await showCodes(recoveryCodes);
  await enter();
}));
