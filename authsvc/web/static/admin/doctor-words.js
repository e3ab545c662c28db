// What the service examines, in words.

import {t} from "../ui/language.js";

/** What each is called. */
export const AREAS = {
  environment: t("Environment"),
  former_names: t("Names of settings"),
  cookies: t("Cookies"),
  proxies: t("Proxies"),
  origins: t("Listed pages"),
  hashing: t("Password hashing"),
  workers: t("Workers"),
  options: t("Address of the database"),
  mail: t("Mail server"),
  passkeys: t("Passkeys"),
  password_grant: t("Password grant"),
  documents: t("Documents of apps"),
  providers: t("Other providers"),
  hooks: t("Hooks"),
  kind: t("Kind of database"),
  server: t("Database server"),
  rights: t("Database rights"),
  indexes: t("Indexes"),
  expired: t("Expired entries"),
  keys: t("Signing keys"),
  issuer: t("Issuer of tokens"),
  outbox: t("Outbox"),
  webhooks: t("Webhooks"),
  accounts: t("Accounts"),
  apps: t("Apps"),
  account_pages: t("Account pages"),
};
