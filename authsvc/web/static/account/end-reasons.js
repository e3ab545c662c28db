// Why a session ended, in words.

import {t} from "../ui/language.js";

/** Why a session ended, shown at the next sign-in. */
export const END_REASONS = {
  logout: t("You're signed out."),
  logout_others: t("You were signed out from another device."),
  email_verified: t("Your address was confirmed from another browser. Sign in once more."),
  replaced: t("You were signed out because you signed in again, or on too many devices."),
  password_changed: t("Your password was changed. Sign in with the new one."),
  password_reset: t("Your password was reset. Sign in with the new one."),
  token_reuse: t("You were signed out because your session may have been copied. Sign in again."),
  admin: t("An administrator signed you out."),
  account_disabled: t("Your account is disabled. Contact the people who run this service."),
  account_deleted: t("Your account has been deleted."),
  expired: t("Your session has expired. Sign in again."),
};
