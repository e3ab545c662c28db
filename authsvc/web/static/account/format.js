// Times and devices in words.

import {make} from "./dom.js";

const dateAndTime = new Intl.DateTimeFormat("en", {dateStyle: "medium", timeStyle: "short"});
const date = new Intl.DateTimeFormat("en", {dateStyle: "medium"});
const relative = new Intl.RelativeTimeFormat("en", {numeric: "auto"});
const UNITS = [["year", 31_536_000], ["month", 2_592_000], ["week", 604_800], ["day", 86_400], ["hour", 3600],
  ["minute", 60]]; // in seconds

/** Return how far away a time is: "5 minutes ago", "in 2 days". */
export function relativeTime(iso) {
  const seconds = (new Date(iso) - Date.now()) / 1e3;
  const [unit, length] = UNITS.find(([, least]) => Math.abs(seconds) >= least) ?? [];
  return unit ? relative.format(Math.round(seconds / length), unit) : "just now";
}

const makeTime = (iso, text) => make("time", {datetime: iso, title: dateAndTime.format(new Date(iso))}, text);

/** Make an element that tells how long ago a time was, with the time itself as its title. */
export const timeAgo = (iso) => makeTime(iso, relativeTime(iso));

/** Make an element that tells a day, with the time itself as its title. */
export const onDay = (iso) => makeTime(iso, date.format(new Date(iso)));

// In this order: most browsers also claim to be those further down.
const BROWSERS = [["Edge", /\bEdgA?\//], ["Opera", /\bOPR\//], ["Samsung Internet", /\bSamsungBrowser\//],
  ["Firefox", /\b(?:Firefox|FxiOS)\//], ["Chrome", /\b(?:Headless)?(?:Chrome|CriOS)\//], ["Safari", /\bSafari\//],
  ["curl", /^curl\//]];
const SYSTEMS = [["iPhone", /\biPhone\b/], ["iPad", /\biPad\b/], ["Android", /\bAndroid\b/], ["ChromeOS", /\bCrOS\b/],
  ["Windows", /\bWindows\b/], ["macOS", /\bMac OS X\b|\bMacintosh\b/], ["Linux", /\bLinux\b/]];
const LONGEST = 40;

/** Name a device by its User-Agent: "Firefox on Windows". */
export function deviceName(agent) {
  if (!agent) return "Unknown device";
  const firstMatch = (patterns) => patterns.find(([, pattern]) => pattern.test(agent))?.[0];
  const browser = firstMatch(BROWSERS), system = firstMatch(SYSTEMS);
  if (browser && system) return `${browser} on ${system}`;
  return browser ?? system ?? (agent.length > LONGEST ? `${agent.slice(0, LONGEST)}…` : agent);
}

/** Return the name of the icon for a device. */
export const deviceIcon = (agent) => /\bMobile\b|\biPhone\b|\bAndroid\b/.test(agent ?? "") ? "phone" : "screen";
