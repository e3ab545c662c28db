// Apps in words.

import {t} from "../ui/language.js";

/** The kinds of apps. */
export const KINDS = {
  web: t("Web server"),
  spa: t("Single-page app"),
  native: t("Phone or desktop"),
  device: t("Device without a browser"),
  service: t("Service, without people"),
};

/** Return the lines of a text that are not empty. */
export const linesOf = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);
