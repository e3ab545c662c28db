// A copy of the account's data, and its deletion.

import {call} from "/authsvc.js";
import {confirmed, download} from "./dialogs.js";
import {byId, onPress, toast} from "./dom.js";
import {withRecentSignIn} from "./reauthenticate.js";
import {goToSignIn} from "./redirect.js";

onPress(byId("export"), async () => {
  const data = await withRecentSignIn(() => call("GET", "/auth/me/export"));
  download(`account-${new Date().toISOString().slice(0, 10)}.json`, JSON.stringify(data, null, 2), "application/json");
  toast("Saved to your downloads.");
});

onPress(byId("delete"), confirmed({
  title: "Delete your account?", text: "Everything in it will be gone for good.", yes: "Delete account",
}, async () => {
  await withRecentSignIn(() => call("DELETE", "/auth/me"));
  goToSignIn("account_deleted");
}));
