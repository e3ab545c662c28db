// What is as it should be, by the name under which the service examines it.

import {t} from "../ui/language.js";

/** What is said of each, if nothing is wrong. */
export const SOUND = {
  environment: t("The service runs as in production."),
  former_names: t("No setting has a former name."),
  cookies: t("Cookies are sent over TLS."),
  proxies: t("Proxies in front are counted right."),
  origins: t("Listed pages can reach the service."),
  hashing: t("Hashing a password takes the right time."),
  workers: t("There are enough workers."),
  options: t("The address of the database has the right options."),
  mail: t("The mail server can be reached."),
  password_grant: t("No app signs people in by their passwords."),
  documents: t("Documents of apps can be read."),
  providers: t("Other providers can be reached."),
  server: t("The database server is fit for it."),
  rights: t("The database lets the service write."),
  indexes: t("All indexes are there."),
  keys: t("All signing keys can be decrypted."),
  issuer: t("Tokens name the same issuer as before."),
  outbox: t("Letters are delivered."),
  accounts: t("Accounts are whole."),
  apps: t("Apps are registered as they should be."),
  account_pages: t("There is a page to sign in on."),
};
