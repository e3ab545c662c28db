// What an app may do, in words.

import {t} from "./language.js";

/** What an app may do, by scope. */
export const SCOPES = {
  openid: t("Know that it's you"),
  profile: t("See your name"),
  email: t("See your email address"),
  offline_access: t("Stay connected when you're signed out here"),
  "profile:read": t("See your profile: name, email address and role"),
  "account:read": t("See your account, and where and how you sign in"),
  "account:write": t("Change your name"),
  "users:read": t("See everybody's account, if you're an administrator"),
  "users:write": t("Change everybody's account, if you're an administrator"),
  "apps:read": t("See all apps, if you're an administrator"),
  "apps:write": t("Register and change apps, if you're an administrator"),
  "webhooks:write": t("Manage webhooks, if you're an administrator"),
  "audit:read": t("See the audit log, if you're an administrator"),
  "tokens:introspect": t("Check whose a token is"),
};
