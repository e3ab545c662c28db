// The texts that people read, one for each code of the service and of the client.

import {language, t, tn} from "./language.js";

const RELOAD = t("Something went wrong on this page. Reload it and try again.");
const SIGNED_OUT = t("You're no longer signed in.");
const NOT_ALLOWED = t("You're not allowed to do this.");
const LATER = t("Something went wrong. Try again later.");
const UNAVAILABLE = t("The service isn't available right now.");

/** Problems by code. Null: the person changed their mind, and knows. */
export const PROBLEMS = {
  malformed_json: RELOAD,
  request_malformed: RELOAD,
  link_invalid: t("This link no longer works. It was used already, has expired, or was replaced by a newer one."),
  user_code_invalid: t("This code is wrong, was used already, or has expired. Check it, or start again on the device."),
  challenge_invalid: t("That took too long. Try again."),
  token_missing: t("You're not signed in."),
  token_invalid: SIGNED_OUT,
  token_expired: SIGNED_OUT,
  session_ended: SIGNED_OUT,
  email_code_invalid: t("This code is wrong or no longer works. Check the email, or get a new code."),
  invalid_credentials: t("The email address or password is wrong."),
  mfa_token_invalid: t("That took too long. Sign in again."),
  passkey_invalid: t("We don't recognise this passkey. Sign in another way."),
  forbidden: NOT_ALLOWED,
  scope_missing: NOT_ALLOWED,
  fresh_login_required: t("Confirm that it's you."),
  cross_origin_refused: t("This page isn't allowed to do this. Open the service at its own address."),
  password_incorrect: t("This password is wrong."),
  mfa_code_invalid: t("This code is wrong or has already been used. Try another one."),
  provider_refused: t("We couldn't sign you in that way. Try again, or sign in another way."),
  hook_refused: NOT_ALLOWED,
  second_factor_required: t("You need your second factor as well."),
  email_unverified: t("Your email address isn't confirmed yet. Follow the link in the email we sent you."),
  account_disabled: t("This account is disabled. Contact the people who run this service."),
  not_found: t("This no longer exists."),
  request_gone: t("This request was answered already, or has expired. Go back to the app and start again."),
  method_not_allowed: RELOAD,
  body_too_large: t("This is too long."),
  unsupported_media_type: RELOAD,
  email_taken: t("An account with this email address already exists."),
  passkey_known: t("This device already has a passkey for an account here."),
  last_login_method: t("This is your only way to sign in. Set a password or add a passkey first."),
  identity_taken: t("This account is already connected to another account here. Sign in with it to disconnect it there."),
  link_confirmation_required: t("Another account has this email address. Sign in to that one to connect it."),
  last_admin: t("You're the last administrator. Make someone else an administrator first."),
  own_role: t("You can't change your own role."),
  mfa_already_enabled: t("An authenticator app is already set up."),
  mfa_not_enabled: t("No second factor is set up, or setting it up took too long. Start again."),
  validation_failed: t("Some of this isn't filled in correctly."),
  too_many_attempts: t("Too many attempts."),
  internal_error: t("Something went wrong on our side. Try again later."),
  hashing_busy: t("The service is very busy right now."),
  database_unavailable: UNAVAILABLE,
  upstream_unavailable: t("The service you're signing in with isn't available right now. Try again in a moment."),
  hook_failed: UNAVAILABLE,
  not_ready: t("The service is starting up."),
  offline: t("We can't reach the service. Are you online?"),
  unexpected: LATER,
  redirect_refused: LATER,
  passkey_unsupported: t("This browser doesn't support passkeys."),
  passkey_failed: t("Something went wrong with the passkey. Try again."),
  passkey_cancelled: t("No passkey was used."),
  aborted: null,
};

/** What is wrong with a field, where the service's own texts are for programs. */
export const FIELD_ERRORS = {
  required: t("Fill this in."),
  wrong_type: t("Fill this in."),
};

// In other languages than English.
const FIELD_FAULTS = {
  unknown_field: t("This isn't expected here."),
  too_short: t("This is too short."),
  too_long: t("This is too long."),
  bad_format: t("This isn't written as it should be."),
  not_ascii: t("Only plain letters without accents are possible here."),
  not_allowed: t("This isn't possible here."),
  password_too_common: t("This password is too common, so it is easy to guess."),
  password_like_account: t("A password must not be made up of your name or email address."),
};

/** Return what is wrong with a field. */
export const faultText = ({code, detail}) =>
  FIELD_ERRORS[code] ?? (language === "en" ? detail : FIELD_FAULTS[code] ?? detail);

function retryText(seconds) {
  if (!seconds) return t("Try again later.");
  if (seconds < 90) return tn("Try again in {count} second.", "Try again in {count} seconds.", seconds);
  if (seconds <= 7200) return tn("Try again in {count} minute.", "Try again in {count} minutes.", Math.ceil(seconds / 60));
  return tn("Try again in {count} hour.", "Try again in {count} hours.", Math.ceil(seconds / 3600));
}

/** Return the text for an error, null if there is none. */
export function errorText(error) {
  const {code, reason, status} = error;
  if (!code) console.error(error); // a bug in these scripts
  if (code === "hook_refused" && reason) return t("You can't have an account here: {reason}", {reason});
  const text = code in PROBLEMS ? PROBLEMS[code] : error.detail ?? LATER;
  return text && [429, 503].includes(status) ? `${text} ${retryText(error.retryAfter)}` : text;
}
