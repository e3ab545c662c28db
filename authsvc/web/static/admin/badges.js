// What is special about an account, as badges.

import {make} from "../ui/dom.js";
import {t} from "../ui/language.js";

/** Return the badges of an account, "" if there is nothing special. */
export function badgesOf({disabledAt, emailVerified, mfaEnabled, role}) {
  const badges = [
    role === "admin" && [t("Administrator"), "accent"],
    disabledAt && [t("Disabled"), "bad"],
    !emailVerified && [t("Not confirmed"), "warn"],
    mfaEnabled && [t("Second factor"), "good"],
  ].filter(Boolean);
  return badges.length ? make("span", {class: "badges"},
    ...badges.map(([text, kind]) => make("span", {class: `badge ${kind}`}, text))) : "";
}
