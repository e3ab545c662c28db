// Connected accounts: those elsewhere that sign somebody in.

import {identities, unlink} from "/authsvc.js";
import {confirmed} from "../ui/dialogs.js";
import {byId, make, makeButton, onPress, toast} from "../ui/dom.js";
import {lastUse, timeAgo} from "../ui/format.js";
import {t, tParts} from "../ui/language.js";
import {row} from "../ui/lists.js";
import {reload} from "../ui/region.js";
import {leaveFor, makeMark, providerOf} from "../ui/providers.js";
import {withRecentSignIn} from "../ui/reauthenticate.js";

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
  const added = make("span", {}, ...tParts("connected {time}", {time: timeAgo(createdAt)}));
  const lastUsed = make("span", {}, ...lastUse(lastUsedAt));
  const disconnect = confirmed({
    title: t("Disconnect {name}?", {name: label}),
    text: t("You'll no longer be able to sign in here with this account at {name}.", {name: label}),
    yes: t("Disconnect"),
  }, async () => {
    await withRecentSignIn(() => unlink(id));
    await reload("security");
    byId("security-title").focus();
    toast(t("{name} is disconnected.", {name: label}));
  });
  const drawn = row("key", label, [email, added, lastUsed], null,
    makeButton(t("Disconnect"), disconnect,
      {kind: "danger", label: t("Disconnect {name}", {name: [label, email].filter(Boolean).join(", ")})}));
  drawn.firstElementChild.replaceWith(makeMark(providerOf(provider)?.mark));
  return drawn;
}

for (const button of buttons) {
  onPress(button, () => withRecentSignIn(
    () => leaveFor(button.dataset.provider, {intent: "link", returnTo: "/account/#security"})));
}
