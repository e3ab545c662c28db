// After a sign-in by password a passkey is offered, where there is none: the next time it is quicker. Whoever doesn't want
// one is not asked again for a while.

import {call} from "/authsvc.js";
import {byId, onPress} from "../ui/dom.js";
import {forgetWay, wasPassword} from "./way-in.js";

const DECLINED = "authsvc passkey declined"; // in the storage of this browser: when, and not by whom
const PAUSE = 90 * 864e5; // milliseconds
const banner = byId("passkey-offer");
const isAmongPasskeys = () => location.hash === "#security"; // which the section itself offers
let isAsked = false;

/** Return the storage; a browser that keeps none asks again the next time. */
function storage() {
  try {
    return localStorage;
  } catch {
    return {};
  }
}

async function isWanted() {
  if (Date.now() - (storage()[DECLINED] ?? 0) < PAUSE) return false;
  if (!await globalThis.PublicKeyCredential?.isUserVerifyingPlatformAuthenticatorAvailable?.()) return false;
  return (await call("GET", "/auth/mfa")).passkeys.length === 0;
}

/** Offer a passkey to somebody who may add one, if they have typed a password in this tab. */
export async function offerPasskey({emailVerified}) {
  if (isAsked || !emailVerified || !wasPassword() || isAmongPasskeys()) return;
  isAsked = true;
  const isOffered = await isWanted().catch(() => false); // nobody has asked for it
  banner.hidden = !isOffered || isAmongPasskeys();
}

addEventListener("hashchange", () => {
  if (isAmongPasskeys()) banner.hidden = true;
});

function close() {
  banner.hidden = true;
  forgetWay();
}

onPress(byId("offer-add"), async () => {
  close();
  location.hash = "#security";
  const {addPasskey} = await import("./security.js");
  await addPasskey();
});

onPress(byId("offer-later"), async () => {
  storage()[DECLINED] = Date.now();
  close();
  byId("main").focus(); // the button is gone
});
