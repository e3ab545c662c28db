// Times and devices in words.

import {make} from "./dom.js";
import {language, t, tParts} from "./language.js";

const dateAndTime = new Intl.DateTimeFormat(language, {dateStyle: "medium", timeStyle: "short"});
const date = new Intl.DateTimeFormat(language, {dateStyle: "medium"});
const relative = new Intl.RelativeTimeFormat(language, {numeric: "auto"});
const UNITS = [["year", 31_536_000], ["month", 2_592_000], ["week", 604_800], ["day", 86_400], ["hour", 3600],
  ["minute", 60]]; // in seconds

/** Return how far away a time is: "5 minutes ago", "in 2 days". */
export function relativeTime(iso) {
  const seconds = (new Date(iso) - Date.now()) / 1e3;
  const [unit, length] = UNITS.find(([, least]) => Math.abs(seconds) >= least) ?? [];
  return unit ? relative.format(Math.round(seconds / length), unit) : t("just now");
}

const makeTime = (iso, text) => make("time", {datetime: iso, title: dateAndTime.format(new Date(iso))}, text);

/** Return a time as exactly as somebody may want it. */
export const exactTime = (iso) => dateAndTime.format(new Date(iso));

/** Make an element that tells how long ago a time was, with the time itself as its title. */
export const timeAgo = (iso) => makeTime(iso, new Date(iso) < Date.now() ? relativeTime(iso) : t("just now")); // by a slow clock

/** Make an element that tells how soon a time comes, with the time itself as its title. */
export const timeTo = (iso) => makeTime(iso, new Date(iso) - Date.now() < 60e3 ? t("in a moment") : relativeTime(iso));

/** Make an element that tells a day, with the time itself as its title. */
export const onDay = (iso) => makeTime(iso, date.format(new Date(iso)));

/** Make an element with a network address, which is written from left to right everywhere. */
export const makeAddress = (ip) => make("bdi", {dir: "ltr"}, ip);

/** Return in words, with the time, when something was last used. */
export const lastUse = (iso) => iso ? tParts("last used {time}", {time: timeAgo(iso)}) : [t("not used yet")];

// In this order: most browsers also claim to be those further down.
const BROWSERS = [["Edge", /\bEdgA?\//], ["Opera", /\bOPR\//], ["Samsung Internet", /\bSamsungBrowser\//],
  ["Firefox", /\b(?:Firefox|FxiOS)\//], ["Chrome", /\b(?:Headless)?(?:Chrome|CriOS)\//], ["Safari", /\bSafari\//],
  ["curl", /^curl\//]];
const SYSTEMS = [["iPhone", /\biPhone\b/], ["iPad", /\biPad\b/], ["Android", /\bAndroid\b/], ["ChromeOS", /\bCrOS\b/],
  ["Windows", /\bWindows\b/], ["macOS", /\bMac OS X\b|\bMacintosh\b/], ["Linux", /\bLinux\b/]];
const LONGEST = 40;

/** Name a device by its User-Agent: "Firefox on Windows". */
export function deviceName(agent) {
  if (!agent) return t("Unknown device");
  const firstMatch = (patterns) => patterns.find(([, pattern]) => pattern.test(agent))?.[0];
  const browser = firstMatch(BROWSERS), system = firstMatch(SYSTEMS);
  if (browser && system) return t("{browser} on {system}", {browser, system});
  const program = /^[^\s/()]+(?=\/)/.exec(agent)?.[0] ?? agent; // "okhttp" of "okhttp/4.12.0" (RFC 9110 section 10.1.5)
  return browser ?? system ?? (program.length > LONGEST ? `${program.slice(0, LONGEST)}…` : program);
}

/** Return the name of the icon for a device. */
export function deviceIcon(agent) {
  const isMobile = /\bMobile\b/.test(agent ?? "");
  if (/\biPad\b|\bTablet\b/.test(agent ?? "") || /\bAndroid\b/.test(agent ?? "") && !isMobile) return "tablet"; // as Android says
  return isMobile || /\biPhone\b/.test(agent ?? "") ? "phone" : "screen";
}
