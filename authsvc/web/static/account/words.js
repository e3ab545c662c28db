// What people are told: a sentence for every code that the service answers with, or that the client finds by itself.

/** Problems by their code. Null: the person has changed their mind, and knows. */
export const PROBLEMS = {
  malformed_json: "Something went wrong on this page. Load it again.",
  link_invalid: "This link no longer works: it was used, is too old, or a newer one has taken its place.",
  challenge_invalid: "That took too long. Try again.",
  token_missing: "You are not signed in.",
  token_invalid: "You are no longer signed in.",
  token_expired: "You are no longer signed in.",
  session_ended: "You are no longer signed in.",
  invalid_credentials: "The address or the password is wrong.",
  mfa_token_invalid: "That took too long. Sign in again.",
  passkey_invalid: "This passkey is not known here. Sign in another way.",
  forbidden: "You are not allowed to do this.",
  scope_missing: "You are not allowed to do this.",
  fresh_login_required: "Confirm that it's you.",
  cross_origin_refused: "This page is not allowed to do this. Open it at the address of the service.",
  password_incorrect: "This is not your password.",
  mfa_code_invalid: "This code is wrong, or was used already. Try the next one.",
  second_factor_required: "Your second factor is needed too.",
  email_unverified: "Your address is not confirmed yet. Follow the link in the email that you got.",
  account_disabled: "This account is disabled. Contact whoever runs the service.",
  not_found: "This is no longer there.",
  method_not_allowed: "Something went wrong on this page. Load it again.",
  body_too_large: "This is too long.",
  unsupported_media_type: "Something went wrong on this page. Load it again.",
  email_taken: "There is already an account with this address.",
  passkey_known: "This device already has a passkey for an account here.",
  last_login_method: "This is the last way to sign in. Set a password, or add another passkey first.",
  last_admin: "You are the last administrator. Make somebody else one first.",
  own_role: "Somebody else has to change your role.",
  mfa_already_enabled: "An authenticator app is already set up.",
  mfa_not_enabled: "There is no second factor, or its set-up took too long. Start again.",
  validation_failed: "Something is not filled in correctly.",
  too_many_attempts: "Too many attempts.",
  internal_error: "That is our fault. Try again later.",
  hashing_busy: "The service is very busy at the moment.",
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
  replaced: "You were signed out, because you signed in again or in too many places.",
  password_changed: "Your password was changed. Sign in with the new one.",
  password_reset: "Your password was reset. Sign in with the new one.",
  token_reuse: "You were signed out, because your session may have been copied. Sign in again.",
  admin: "You were signed out by an administrator.",
  account_disabled: "Your account is disabled. Contact whoever runs the service.",
  account_deleted: "Your account is deleted.",
  expired: "Your session expired. Sign in again.",
};

const ACTIONS = {
  "account.registered": "You signed up",
  "account.registration_repeated": "Somebody tried to sign up with your address",
  "account.created": "Your account was created",
  "account.invited": "You were invited",
  "account.disabled": "Your account was disabled",
  "account.enabled": "Your account was enabled again",
  "role.changed": "Your role was changed",
  "account.exported": "You downloaded your data",
  "profile.changed": "You changed your name",
  "password.changed": "You changed your password",
  "password.incorrect": "A wrong password was given",
  "password.reset_requested": "A link to set a password was asked for",
  "password.reset": "Your password was reset by a link",
  "email.verified": "Your address was confirmed",
  "email.change_requested": "You asked to change your address",
  "email.changed": "Your address was changed",
  "email.change_reverted": "The change of your address was taken back",
  "email.verification_requested": "A link to confirm your address was asked for",
  "session.reauthenticated": "You confirmed that it's you",
  "login.succeeded": "You signed in",
  "login.failed": "A sign-in failed",
  "login.second_factor_asked": "The password was right, a second factor was asked for",
  "attempts.throttled": "Too many attempts were refused",
  "session.ended": "A session ended",
  "refresh_token.reused": "A session was ended, because it may have been copied",
  "access_token.issued": "You created an access token",
  "access_token.revoked": "An access token was revoked",
  "second_factor.failed": "A second factor was wrong",
  "totp.enabled": "You set up an authenticator app",
  "totp.disabled": "You removed the authenticator app",
  "recovery_codes.replaced": "You created new recovery codes",
  "recovery_code.used": "A recovery code was used",
  "passkey.added": "You added a passkey",
  "passkey.renamed": "You renamed a passkey",
  "passkey.removed": "You removed a passkey",
  "passkey.copied": "A passkey may have been copied",
  "second_factors.reset": "Your second factors were removed by an administrator",
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
  if (seconds <= 7200) return `Try again in ${Math.ceil(seconds / 60)} minutes.`;
  return `Try again in ${Math.ceil(seconds / 3600)} hours.`;
}

/** Return the sentence for an error, null where there is nothing to tell. */
export function sentence(error) {
  if (!error.code) console.error(error); // a mistake of ours
  const said = error.code in PROBLEMS ? PROBLEMS[error.code] : error.detail ?? PROBLEMS.unexpected;
  const waits = error.status === 429 || error.status === 503;
  return said && waits ? `${said} ${later(error.retryAfter)}` : said;
}
