// The texts that people read: one for each code that the service answers with or that the client reports itself.

/** Problems by code. Null: the person changed their mind, and knows. */
export const PROBLEMS = {
  malformed_json: "Something went wrong on this page. Reload it and try again.",
  request_malformed: "Something went wrong on this page. Reload it and try again.",
  link_invalid: "This link no longer works. It was used already, has expired, or was replaced by a newer one.",
  user_code_invalid: "This code is wrong, was used already, or has expired. Check it, or start again on the device.",
  challenge_invalid: "That took too long. Try again.",
  token_missing: "You're not signed in.",
  token_invalid: "You're no longer signed in.",
  token_expired: "You're no longer signed in.",
  session_ended: "You're no longer signed in.",
  email_code_invalid: "This code is wrong or no longer works. Check the email, or get a new code.",
  invalid_credentials: "The email address or password is wrong.",
  mfa_token_invalid: "That took too long. Sign in again.",
  passkey_invalid: "We don't recognise this passkey. Sign in another way.",
  forbidden: "You're not allowed to do this.",
  scope_missing: "You're not allowed to do this.",
  fresh_login_required: "Confirm that it's you.",
  cross_origin_refused: "This page isn't allowed to do this. Open the service at its own address.",
  password_incorrect: "This password is wrong.",
  mfa_code_invalid: "This code is wrong or has already been used. Try another one.",
  provider_refused: "We couldn't sign you in that way. Try again, or sign in another way.",
  second_factor_required: "You need your second factor as well.",
  email_unverified: "Your email address isn't confirmed yet. Follow the link in the email we sent you.",
  account_disabled: "This account is disabled. Contact the people who run this service.",
  not_found: "This no longer exists.",
  request_gone: "This request was answered already, or has expired. Go back to the app and start again.",
  method_not_allowed: "Something went wrong on this page. Reload it and try again.",
  body_too_large: "This is too long.",
  unsupported_media_type: "Something went wrong on this page. Reload it and try again.",
  email_taken: "An account with this email address already exists.",
  passkey_known: "This device already has a passkey for an account here.",
  last_login_method: "This is your only way to sign in. Set a password or add a passkey first.",
  identity_taken: "This account is already connected to another account here. Sign in with it to disconnect it there.",
  link_confirmation_required: "Another account has this email address. Sign in to that one to connect it.",
  last_admin: "You're the last administrator. Make someone else an administrator first.",
  own_role: "You can't change your own role.",
  mfa_already_enabled: "An authenticator app is already set up.",
  mfa_not_enabled: "No second factor is set up, or setting it up took too long. Start again.",
  validation_failed: "Some of this isn't filled in correctly.",
  too_many_attempts: "Too many attempts.",
  internal_error: "Something went wrong on our side. Try again later.",
  hashing_busy: "The service is very busy right now.",
  database_unavailable: "The service isn't available right now.",
  upstream_unavailable: "The service you're signing in with isn't available right now. Try again in a moment.",
  not_ready: "The service is starting up.",
  offline: "We can't reach the service. Are you online?",
  unexpected: "Something went wrong. Try again later.",
  redirect_refused: "Something went wrong. Try again later.",
  passkey_unsupported: "This browser doesn't support passkeys.",
  passkey_failed: "Something went wrong with the passkey. Try again.",
  passkey_cancelled: "No passkey was used.",
  aborted: null,
};

/** What an app may do, by scope. */
export const SCOPES = {
  openid: "Know that it's you",
  profile: "See your name",
  email: "See your email address",
  offline_access: "Stay connected when you're signed out here",
  "profile:read": "See your profile: name, email address and role",
  "account:read": "See your account, and where and how you sign in",
  "account:write": "Change your name",
  "users:read": "See everybody's account, if you're an administrator",
  "users:write": "Change everybody's account, if you're an administrator",
  "apps:read": "See all apps, if you're an administrator",
  "apps:write": "Register and change apps, if you're an administrator",
  "audit:read": "See the audit log, if you're an administrator",
  "tokens:introspect": "Check whose a token is",
};

/** What is wrong with a field, if the service's own text is written for programs. */
export const FIELD_ERRORS = {
  required: "Fill this in.",
  wrong_type: "Fill this in.",
};

/** Why a session ended, shown at the next sign-in. */
export const END_REASONS = {
  logout: "You're signed out.",
  logout_others: "You were signed out from another device.",
  replaced: "You were signed out because you signed in again, or on too many devices.",
  password_changed: "Your password was changed. Sign in with the new one.",
  password_reset: "Your password was reset. Sign in with the new one.",
  token_reuse: "You were signed out because your session may have been copied. Sign in again.",
  admin: "An administrator signed you out.",
  account_disabled: "Your account is disabled. Contact the people who run this service.",
  account_deleted: "Your account has been deleted.",
  expired: "Your session has expired. Sign in again.",
};

/** Why a session ended, in a list of what happened. */
export const END_LABELS = {
  logout: "signed out",
  logout_others: "signed out from another device",
  replaced: "replaced by a newer sign-in",
  password_changed: "password changed",
  password_reset: "password reset",
  token_reuse: "possibly copied",
  admin: "by an administrator",
  account_disabled: "account disabled",
  account_deleted: "account deleted",
  expired: "expired",
};

/** What can happen to an account, and to the service, by the name under which it is recorded. */
export const ACTIONS = {
  "account.registered": "You signed up",
  "account.registration_repeated": "Someone tried to sign up with your email address",
  "account.invited": "You were invited",
  "account.created": "Your account was created",
  "account.disabled": "Your account was disabled",
  "account.enabled": "Your account was enabled again",
  "account.deleted": "Your account was deleted",
  "account.exported": "You downloaded your data",
  "identity.linked": "You connected an account of another provider",
  "identity.unlinked": "You disconnected an account of another provider",
  "app.created": "An app was registered",
  "app.changed": "An app was changed",
  "app.disabled": "An app was disabled",
  "app.enabled": "An app was enabled again",
  "app.secret_added": "An app got a secret",
  "app.secret_removed": "A secret of an app was removed",
  "app.deleted": "An app was deleted",
  "app.signed_in": "You signed in to an app",
  "app.code_reused": "You were signed out of an app, because someone may have copied its sign-in",
  "grant.given": "You allowed an app to sign you in",
  "grant.revoked": "You disconnected an app",
  "role.changed": "Your role was changed",
  "profile.changed": "You changed your name",
  "password.changed": "You changed your password",
  "password.set": "You set a password",
  "password.incorrect": "A wrong password was entered",
  "password.reset_requested": "A link to set a new password was requested",
  "password.reset": "Your password was reset",
  "email.verified": "Your email address was confirmed",
  "email.change_requested": "You asked to change your email address",
  "email.changed": "Your email address was changed",
  "email.change_reverted": "The change of your email address was undone",
  "email.verification_requested": "A link to confirm your email address was requested",
  "email_code.failed": "A code from an email was wrong",
  "session.reauthenticated": "You confirmed that it was you",
  "login.succeeded": "You signed in",
  "login.code_requested": "A code to sign in was requested",
  "login.failed": "A sign-in failed",
  "login.second_factor_asked": "A first step of signing in was right, and a second factor was requested",
  "attempts.throttled": "Too many attempts were blocked",
  "session.ended": "A session ended",
  "session.outdated": "A session ended because older data was restored",
  "refresh_token.reused": "A session was ended because it may have been copied",
  "access_token.issued": "You created an access token",
  "access_token.revoked": "An access token was revoked",
  "second_factor.failed": "A second factor was wrong",
  "totp.enabled": "You set up an authenticator app",
  "totp.disabled": "You removed your authenticator app",
  "recovery_codes.replaced": "You created new recovery codes",
  "recovery_code.used": "A recovery code was used",
  "passkey.added": "You added a passkey",
  "passkey.renamed": "You renamed a passkey",
  "passkey.removed": "You removed a passkey",
  "passkey.copied": "A passkey may have been copied",
  "second_factors.reset": "An administrator removed your second factors",
  "signing_key.rotated": "A new signing key was published",
  "signing_key.retired": "A signing key was retired",
  "signing_keys.resealed": "The signing keys were encrypted again",
  "signing_keys.reset": "The signing keys were replaced",
  "letter.retried": "An undelivered email was sent again",
  "letter.dropped": "An undelivered email was deleted",
  "users.imported": "Accounts were imported",
  "users.exported": "Accounts were exported",
};

const METHODS = {pwd: "password", otp: "code", hwk: "passkey", swk: "passkey", fed: "another provider"}; // RFC 8176

export const actionText = (action) => ACTIONS[action] ?? action;

/** Name the methods of a sign-in: "password and code". */
export function methodNames(methods) {
  const names = new Set(methods.map((method) => METHODS[method]).filter(Boolean));
  return new Intl.ListFormat("en", {type: "conjunction"}).format(names);
}

function retryText(seconds) {
  if (!seconds) return "Try again later.";
  if (seconds < 90) return `Try again in ${seconds} ${seconds === 1 ? "second" : "seconds"}.`;
  if (seconds <= 7200) return `Try again in ${Math.ceil(seconds / 60)} minutes.`;
  return `Try again in ${Math.ceil(seconds / 3600)} hours.`;
}

/** Return the text for an error, or null if there is nothing to say. */
export function errorText(error) {
  if (!error.code) console.error(error); // a bug in these scripts
  const text = error.code in PROBLEMS ? PROBLEMS[error.code] : error.detail ?? PROBLEMS.unexpected;
  const isTemporary = error.status === 429 || error.status === 503;
  return text && isTemporary ? `${text} ${retryText(error.retryAfter)}` : text;
}
