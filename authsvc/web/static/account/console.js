// The way to the console, for administrators: they come here first if they have no second factor.

import {byId} from "../ui/dom.js";
import {recall} from "../ui/storage.js";

/** Show an administrator the way to the console, if there is one. */
export function showWayToConsole({role, mfaEnabled}) {
  const link = byId("to-console");
  if (!link) return;
  link.hidden = role !== "admin";
  const {address} = recall("authsvc console"); // where the console was left for a second factor
  byId("for-console").hidden = role !== "admin" || !address;
  byId("console-factor").hidden = mfaEnabled;
  byId("console-ready").hidden = !mfaEnabled;
  if (address) byId("console-link").href = new URL(address, location.origin).pathname + new URL(address, location.origin).hash;
}
