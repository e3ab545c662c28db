// What people are told: a sentence for every code that the service answers with, or that the client finds by itself.

/** Problems by their code. Null: the person has changed their mind, and knows. */
export const PROBLEMS = {
  malformed_json: "Something went wrong on this page. Load it again.",
  link_invalid: "This link works no more: it was used, is too old, or a newer one has taken its place.",
  challenge_invalid: "That took too long. Try again.",
  token_missing: "You are not signed in.",
  token_invalid: "You are not signed in any more.",
  token_expired: "You are not signed in any more.",
  session_ended: "You are not signed in any more.",
  invalid_credentials: "The address or the password is wrong.",
  mfa_token_invalid: "That took too long. Sign in again.",
  passkey_invalid: "This passkey is not known here. Sign in another way.",
  forbidden: "You may not do this.",
  scope_missing: "You may not do this.",
  fresh_login_required: "Show once more that it is you.",
  cross_origin_refused: "This page may not do this. Open it at the address of the service.",
  password_incorrect: "This is not your password.",
  mfa_code_invalid: "This code is not right, or was used already. Take the next one.",
  second_factor_required: "Your second step is needed too.",
  email_unverified: "Your address is not confirmed yet. Follow the link in the letter that you got.",
  account_disabled: "This account is disabled. Write to those who run the service.",
  not_found: "It is not there any more.",
  method_not_allowed: "Something went wrong on this page. Load it again.",
  body_too_large: "This is too long.",
  unsupported_media_type: "Something went wrong on this page. Load it again.",
  email_taken: "There is an account with this address already.",
  passkey_known: "This device has a passkey of your account already.",
  last_login_method: "This is the last way to sign in. Set a password, or add another passkey first.",
  mfa_already_enabled: "An authenticator app is set up already.",
  mfa_not_enabled: "There is no second step, or its set-up took too long. Begin again.",
  validation_failed: "Something is not filled in right.",
  too_many_attempts: "Too many attempts.",
  internal_error: "That is our fault. Try again later.",
  hashing_busy: "There is much going on at the moment.",
  database_unavailable: "The service can't do this at the moment.",
  not_ready: "The service is starting.",
  offline: "The service can't be reached. Are you online?",
  unexpected: "That did not work. Try again later.",
  redirect_refused: "That did not work. Try again later.",
  passkey_unsupported: "This browser can't use passkeys.",
  passkey_failed: "The passkey could not be used.",
  passkey_cancelled: "No passkey was used.",
  aborted: null,
};

/** What is wrong with a field, where the service's own words are too short for its reader. */
export const FIELDS = {
  required: "Fill this in.",
  wrong_type: "Fill this in.",
};

/** Why a session ended, told at the next sign-in. */
export const ENDED = {
  logout: "You are signed out.",
  logout_others: "You were signed out from another device.",
  replaced: "You were signed out, since you signed in anew or in too many places.",
  password_changed: "Your password was changed. Sign in with the new one.",
  password_reset: "Your password was set anew. Sign in with it.",
  token_reuse: "You were signed out, since your session may have been copied. Sign in again.",
  admin: "You were signed out by those who run the service.",
  account_disabled: "Your account is disabled. Write to those who run the service.",
  account_deleted: "Your account is deleted.",
  expired: "You have not been here for long. Sign in again.",
};

const ACTIONS = {
  "account.registered": "You signed up",
  "account.registration_repeated": "Somebody wanted to sign up with your address",
  "account.disabled": "Your account was disabled",
  "account.exported": "You downloaded your data",
  "profile.changed": "You changed your name",
  "password.changed": "You changed your password",
  "password.incorrect": "A wrong password was given",
  "password.reset_requested": "A link to set a password was asked for",
  "password.reset": "Your password was set by a link",
  "email.verified": "Your address was confirmed",
  "email.change_requested": "You asked for another address",
  "email.changed": "Your address was changed",
  "email.change_reverted": "The change of your address was taken back",
  "email.verification_requested": "A link to confirm your address was asked for",
  "session.reauthenticated": "You showed once more that it is you",
  "login.succeeded": "You signed in",
  "login.failed": "A sign-in failed",
  "login.second_factor_asked": "The password was right, the second step was asked for",
  "attempts.throttled": "Too many attempts were refused",
  "session.ended": "A session ended",
  "refresh_token.reused": "A session was ended, since it may have been copied",
  "access_token.issued": "You made an access token",
  "access_token.revoked": "An access token was revoked",
  "second_factor.failed": "A second step failed",
  "totp.enabled": "You set up an authenticator app",
  "totp.disabled": "You removed the authenticator app",
  "recovery_codes.replaced": "You made new recovery codes",
  "recovery_code.used": "A recovery code was used",
  "passkey.added": "You added a passkey",
  "passkey.renamed": "You renamed a passkey",
  "passkey.removed": "You removed a passkey",
  "passkey.copied": "A passkey may have been copied",
  "second_factors.reset": "Your second steps were removed by those who run the service",
};

const METHODS = {pwd: "password", otp: "code", hwk: "passkey", swk: "passkey"};

export const action = (name) => ACTIONS[name] ?? name;

/** Name the ways somebody signed in by: "password and code". */
export function methods(names) {
  const known = new Set(names.map((name) => METHODS[name]).filter(Boolean));
  return new Intl.ListFormat("en", {type: "conjunction"}).format(known);
}

/** Say in how long it may be tried again. */
function later(seconds) {
  if (!seconds) return "Try again later.";
  if (seconds < 90) return `Try again in ${seconds} ${seconds === 1 ? "second" : "seconds"}.`;
  return `Try again in ${Math.ceil(seconds / 60)} minutes.`;
}

/** Return the sentence for an error, null where there is nothing to tell. */
export function sentence(error) {
  if (!error.code) console.error(error); // a mistake of ours
  const said = error.code in PROBLEMS ? PROBLEMS[error.code] : error.detail ?? PROBLEMS.unexpected;
  const waits = error.status === 429 || error.status === 503;
  return said && waits ? `${said} ${later(error.retryAfter)}` : said;
}
