// A copy of the account's data, and its deletion.

import {call} from "/authsvc.js";
import {open} from "../ui/dialog.js";
import {download} from "../ui/dialogs.js";
import {byId, onPress, toast} from "../ui/dom.js";
import {fieldError, onSubmit} from "../ui/forms.js";
import {t} from "../ui/language.js";
import {currentUser} from "./profile.js";
import {withRecentSignIn} from "../ui/reauthenticate.js";
import {goToSignIn} from "../ui/redirect.js";

/** Do nothing: there is nothing to load but this script. */
export async function load() {}

const dialog = byId("delete-dialog");

async function saveData() {
  const data = await withRecentSignIn(() => call("GET", "/auth/me/export"));
  download(`account-${new Date().toISOString().slice(0, 10)}.json`, JSON.stringify(data, null, 2), "application/json");
}

onPress(byId("export"), async () => {
  await saveData();
  toast(t("Saved to your downloads."));
});

onPress(byId("delete-export"), async () => {
  await saveData();
  dialog.querySelector(".message").textContent = t("Saved to your downloads."); // a toast would be hidden
});

onPress(byId("delete"), async () => {
  const closed = open(dialog);
  byId("delete-address").focus();
  await closed;
});

onSubmit(byId("delete-form"), async ({address}) => {
  const {email} = currentUser();
  if (address.toLowerCase() !== email.toLowerCase()) throw fieldError("address", t("This isn't your email address."));
  await withRecentSignIn(() => call("DELETE", "/auth/me"));
  goToSignIn("account_deleted");
});
