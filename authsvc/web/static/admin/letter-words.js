// Letters in words.

import {t} from "../ui/language.js";

/** The kinds of letter. */
export const LETTERS = {
  access_token_made: t("Access token created"),
  account_deleted: t("Account deleted"),
  change: t("Confirm a new email address"),
  email_change_requested: t("Change of address requested"),
  email_changed: t("Address changed"),
  email_restored: t("Change of address undone"),
  email_taken_back: t("Address taken back"),
  factor_added: t("Second factor added"),
  factor_removed: t("Second factor removed"),
  factors_reset: t("Second factors removed by an administrator"),
  identity_linked: t("Account elsewhere connected"),
  identity_unlinked: t("Account elsewhere disconnected"),
  invitation: t("Invitation"),
  known: t("Sign-up with a known address"),
  new_sign_in: t("New sign-in"),
  passkey_copied: t("Passkey was possibly copied"),
  password_changed: t("Password changed"),
  password_known: t("Password known to others"),
  password_set: t("Password set"),
  reauthentication: t("Code to confirm a sign-in"),
  recovery_code_used: t("Recovery code used"),
  recovery_codes_replaced: t("New recovery codes"),
  reset: t("Reset your password"),
  session_stolen: t("Session was possibly copied"),
  sign_in: t("Code to sign in"),
  sign_in_stopped: t("Sign-in stopped"),
  sign_up: t("Code to sign up"),
  taken: t("Address in use already"),
  verify: t("Confirm your email address"),
  webhook_disabled: t("Webhook switched off"),
};

/** Return what a letter is called; one of a newer kind by its name. */
export const letterName = (kind) => (Object.hasOwn(LETTERS, kind) ? LETTERS[kind] : kind);
