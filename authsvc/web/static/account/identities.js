// Connected accounts: those elsewhere that sign somebody in.

import {identities, unlink} from "/authsvc.js";
import {confirmed} from "./dialogs.js";
import {byId, makeButton, onPress, toast} from "./dom.js";
import {timeAgo} from "./format.js";
import {row} from "./lists.js";
import {leaveFor, makeMark, providerOf} from "./providers.js";
import {withRecentSignIn} from "./reauthenticate.js";

const card = byId("connected");
const buttons = [...card?.querySelectorAll("[data-provider]") ?? []];

/** Show which are connected, and a button for each provider of which none is. */
export async function loadIdentities() {
  if (!card) return; // nobody signs in with others here
  const connected = await identities();
  byId("identities").replaceChildren(...connected.map(drawIdentity));
  for (const button of buttons) {
    button.closest("li").hidden = connected.some(({provider}) => provider === button.dataset.provider);
  }
}

function drawIdentity({id, provider, label, email, createdAt, lastUsedAt}) {
  const added = document.createElement("span"), lastUsed = document.createElement("span");
  added.append("connected ", timeAgo(createdAt));
  lastUsed.append(...(lastUsedAt ? ["last used ", timeAgo(lastUsedAt)] : ["not used yet"]));
  const disconnect = confirmed({
    title: `Disconnect ${label}?`,
    text: `You'll no longer be able to sign in here with this account at ${label}.`,
    yes: "Disconnect",
  }, async () => {
    await withRecentSignIn(() => unlink(id));
    await loadIdentities();
    byId("security-title").focus();
    toast(`${label} is disconnected.`);
  });
  const drawn = row("key", label, [email, added, lastUsed], null,
    makeButton("Disconnect", disconnect, {kind: "danger", label: `Disconnect ${label}${email ? `, ${email}` : ""}`}));
  drawn.firstElementChild.replaceWith(makeMark(providerOf(provider)?.mark));
  return drawn;
}

for (const button of buttons) {
  onPress(button, () => withRecentSignIn(
    () => leaveFor(button.dataset.provider, {intent: "link", returnTo: "/account/#security"})));
}
