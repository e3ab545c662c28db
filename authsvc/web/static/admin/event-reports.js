// Events as a whole: counted in groups, and exported to a file.

import {download} from "../ui/dialogs.js";
import {callPage} from "./listing.js";

const MOST_COUNTED = 2000;
const MOST_EXPORTED = 50_000;
const GROUPS = {network: ({ip}) => ip, action: ({action}) => action, user: ({target, actor}) => target ?? actor};
const COLUMNS = ["at", "action", "outcome", "actor", "target", "ip", "userAgent", "requestId", "details", "id"];

/** Return a page of events. */
export const fetchEvents = (parameters) => callPage("/admin/audit", parameters);

/** Return events page by page, at most so many; tell how many there are so far. */
async function readAll(parameters, most, tell = () => {}) {
  const items = [];
  let cursor = null;
  do {
    const page = await fetchEvents({...parameters, limit: 100, cursor});
    items.push(...page.items);
    cursor = page.next;
    tell(items.length);
  } while (cursor && items.length < most);
  return {items, isCut: Boolean(cursor)};
}

/** Count events by `network`, `action` or `user`, most first. */
export async function groupEvents(parameters, by) {
  const {items, isCut} = await readAll(parameters, MOST_COUNTED), counts = new Map();
  const group = Object.hasOwn(GROUPS, by) ? GROUPS[by] : GROUPS.action;
  for (const event of items) {
    const value = group(event) ?? null;
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  const groups = [...counts].map(([value, count]) => ({value, count})).sort((a, b) => b.count - a.count);
  return {items: groups, isCut, read: items.length};
}

/** Let the browser save all events that fit, as CSV or JSON; return how many. */
export async function exportEvents(parameters, kind, tell) {
  const {items} = parameters === null ? {items: []} : await readAll(parameters, MOST_EXPORTED, tell);
  const name = `events-${new Date().toISOString().slice(0, 10)}.${kind}`;
  if (kind === "json") download(name, `${JSON.stringify(items, null, 2)}\n`, "application/json");
  else download(name, toCsv(items), "text/csv;charset=utf-8");
  return items.length;
}

/** Return events as CSV (RFC 4180), with a mark by which spreadsheets know that it is UTF-8. */
function toCsv(events) {
  const lines = events.map((event) => COLUMNS.map((name) => toCell(event[name])).join(","));
  return `\ufeff${[COLUMNS.join(","), ...lines].join("\r\n")}\r\n`;
}

function toCell(value) {
  const text = value === null || value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value);
  // A spreadsheet takes a cell that begins like this for a formula: somebody else may have chosen what it holds.
  const harmless = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
