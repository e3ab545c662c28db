// Recovery codes, which are shown once.

import {open} from "../ui/dialog.js";
import {download, holdPage, keepOpen, linesOf} from "../ui/dialogs.js";
import {byId, make} from "../ui/dom.js";
import {t} from "../ui/language.js";

const dialog = byId("codes-dialog");

/**
 * Show recovery codes, which are never shown again; resolve once the dialog is closed to whether they are saved. That
 * can wait if nothing depends on them yet.
 */
export async function showCodes(codes, {canWait = false} = {}) {
  byId("codes").replaceChildren(...codes.map((code) => make("li", {}, code)));
  byId("codes-later").hidden = !canWait;
  const release = holdPage();
  const closed = open(dialog);
  byId("codes-title").focus();
  const answer = await closed;
  release();
  byId("codes").replaceChildren();
  return answer === "saved";
}

keepOpen(dialog);
byId("codes-saved").addEventListener("click", () => dialog.close("saved"));
byId("codes-print").addEventListener("click", () => print());
byId("codes-download").addEventListener("click", () => {
  const title = t("Recovery codes for {host}", {host: location.host});
  download("recovery-codes.txt", `${title}\n\n${linesOf(byId("codes"))}\n`, "text/plain");
  dialog.querySelector(".message").textContent = t("Saved to your downloads."); // a toast would be hidden
});
