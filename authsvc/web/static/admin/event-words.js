// What happened, in the words of somebody who looks at it from outside.

import {END_LABELS, methodNames} from "../ui/history.js";
import {t} from "../ui/language.js";

/** What can happen, by the name under which it is recorded. */
export const EVENTS = {
  "account.registered": t("Signed up"),
  "account.registration_repeated": t("Somebody tried to sign up with a known address"),
  "account.invited": t("Invited"),
  "account.created": t("Account created"),
  "account.disabled": t("Account disabled"),
  "account.enabled": t("Account enabled"),
  "account.deleted": t("Account deleted"),
  "account.exported": t("Data downloaded"),
  "identity.linked": t("Account elsewhere connected"),
  "identity.unlinked": t("Account elsewhere disconnected"),
  "app.created": t("App registered"),
  "app.changed": t("App changed"),
  "app.disabled": t("App disabled"),
  "app.enabled": t("App enabled"),
  "app.secret_added": t("Secret of an app added"),
  "app.secret_removed": t("Secret of an app removed"),
  "app.deleted": t("App deleted"),
  "app.signed_in": t("Signed in to an app"),
  "app.code_reused": t("Sign-in to an app was possibly copied"),
  "grant.given": t("App allowed"),
  "grant.revoked": t("App disconnected"),
  "role.changed": t("Role changed"),
  "profile.changed": t("Name changed"),
  "password.changed": t("Password changed"),
  "password.set": t("Password set"),
  "password.incorrect": t("Wrong password"),
  "password.reset_requested": t("Password link requested"),
  "password.reset": t("Password reset"),
  "email.verified": t("Address confirmed"),
  "email.change_requested": t("Change of address requested"),
  "email.change_cancelled": t("Change of address called off"),
  "email.changed": t("Address changed"),
  "email.change_reverted": t("Change of address undone"),
  "email.verification_requested": t("Confirmation of the address requested"),
  "email_code.failed": t("Wrong code from a letter"),
  "session.reauthenticated": t("Sign-in confirmed"),
  "login.succeeded": t("Signed in"),
  "login.code_requested": t("Code to sign in requested"),
  "login.failed": t("Sign-in failed"),
  "login.second_factor_asked": t("Second factor asked for"),
  "attempts.throttled": t("Attempts blocked"),
  "session.ended": t("Session ended"),
  "session.outdated": t("Session ended because older data was restored"),
  "refresh_token.reused": t("Session was possibly copied"),
  "access_token.issued": t("Access token created"),
  "access_token.revoked": t("Access token revoked"),
  "second_factor.failed": t("Wrong second factor"),
  "totp.enabled": t("Authenticator app set up"),
  "totp.disabled": t("Authenticator app removed"),
  "recovery_codes.replaced": t("New recovery codes"),
  "recovery_code.used": t("Recovery code used"),
  "passkey.added": t("Passkey added"),
  "passkey.renamed": t("Passkey renamed"),
  "passkey.removed": t("Passkey removed"),
  "passkey.copied": t("Passkey was possibly copied"),
  "second_factor.required": t("Second factor required at every sign-in"),
  "second_factors.reset": t("Second factors removed by an administrator"),
  "signing_key.rotated": t("Signing key published"),
  "signing_key.retired": t("Signing key retired"),
  "database.backed_up": t("Backup made"),
  "signing_keys.resealed": t("Signing keys encrypted again"),
  "signing_keys.reset": t("Signing keys replaced"),
  "letter.retried": t("Letter sent again"),
  "letter.dropped": t("Letter deleted"),
  "users.imported": t("Accounts imported"),
  "users.exported": t("Accounts exported"),
  "webhook.created": t("Webhook added"),
  "webhook.changed": t("Webhook changed"),
  "webhook.secret_added": t("Secret of a webhook replaced"),
  "webhook.disabled": t("Webhook disabled"),
  "webhook.enabled": t("Webhook enabled"),
  "webhook.deleted": t("Webhook deleted"),
  "webhook.delivery_retried": t("Webhook delivery tried again"),
};

/** Return what happened; a kind that is newer than this page by its name. */
export const eventText = ({action}) => (Object.hasOwn(EVENTS, action) ? EVENTS[action] : action);

/** Return what more is worth knowing at a glance, "" if nothing. */
export function detailText({action, details}) {
  const {reason, methods} = details;
  if (action === "session.ended" && Object.hasOwn(END_LABELS, reason)) return END_LABELS[reason];
  if (Array.isArray(methods) && methods.length) return methodNames(methods);
  return typeof reason === "string" ? reason : "";
}
