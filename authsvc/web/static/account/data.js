// A copy of the account's data, and its deletion.

import {call} from "/authsvc.js";
import {confirmed, download} from "../ui/dialogs.js";
import {byId, onPress, toast} from "../ui/dom.js";
import {t} from "../ui/language.js";
import {withRecentSignIn} from "../ui/reauthenticate.js";
import {goToSignIn} from "../ui/redirect.js";

/** Do nothing: there is nothing to load but this script. */
export async function load() {}

onPress(byId("export"), async () => {
  const data = await withRecentSignIn(() => call("GET", "/auth/me/export"));
  download(`account-${new Date().toISOString().slice(0, 10)}.json`, JSON.stringify(data, null, 2), "application/json");
  toast(t("Saved to your downloads."));
});

onPress(byId("delete"), confirmed({
  title: t("Delete your account?"), text: t("Everything in it will be gone for good."), yes: t("Delete account"),
}, async () => {
  await withRecentSignIn(() => call("DELETE", "/auth/me"));
  goToSignIn("account_deleted");
}));
