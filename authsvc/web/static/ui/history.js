// Sign-ins and sessions that ended, in words.

import {language, t} from "./language.js";

/** Why a session ended, in a list of what happened. */
export const END_LABELS = {
  logout: t("signed out"),
  logout_others: t("signed out from another device"),
  email_verified: t("address confirmed from another browser"),
  replaced: t("replaced by a newer sign-in"),
  password_changed: t("password changed"),
  password_reset: t("password reset"),
  token_reuse: t("possibly copied"),
  admin: t("by an administrator"),
  account_disabled: t("account disabled"),
  account_deleted: t("account deleted"),
  expired: t("expired"),
};

const METHODS = {pwd: t("password"), otp: t("code"), hwk: t("passkey"), swk: t("passkey"), fed: t("another provider")}; // RFC 8176

/** Name the methods of a sign-in: "password and code". */
export function methodNames(methods) {
  const names = new Set(methods.map((method) => METHODS[method]).filter(Boolean));
  return new Intl.ListFormat(language, {type: "conjunction"}).format(names);
}
