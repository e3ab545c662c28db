// Access tokens for scripts, and what somebody takes along or leaves for good.

import {call} from "/authsvc.js";
import {byId, make, makeButton, onPress, toast} from "./dom.js";
import {confirmed, download, fresh, showToken} from "./dialogs.js";
import {onSend, reset} from "./forms.js";
import {signIn} from "./return.js";
import {onDay, paged, tableRow, when} from "./shown.js";

export const tokens = paged("/auth/access-tokens", {
  list: "tokens-list", more: "tokens-more", limit: 50, draw: drawToken,
  done: (count) => {
    byId("tokens-table").hidden = !count;
    byId("no-tokens").hidden = count > 0;
  },
});

function drawToken({id, name, scopes, lastUsedAt, expiresAt}) {
  const revoke = confirmed({
    title: "Revoke the token?", text: `Whatever uses “${name}” stops working at once.`, yes: "Revoke",
  }, async () => {
    await call("DELETE", `/auth/access-tokens/${id}`);
    await tokens();
    byId("tokens-title").focus();
    toast("Token revoked.");
  });
  return tableRow(
    ["", make("strong", {}, name)],
    ["Scopes", make("span", {class: "scopes"}, ...scopes.map((scope) => make("code", {}, scope)))],
    ["Last used", lastUsedAt ? when(lastUsedAt) : "never"],
    ["Expires", expiresAt ? onDay(expiresAt) : "never"],
    ["", makeButton("Revoke", revoke, {kind: "danger", more: `Revoke the token ${name}`})],
  );
}

onSend(byId("token-form"), async ({name, expiresInDays}, form) => {
  const scopes = [...form.querySelectorAll("[name=scopes]:checked")].map((box) => box.value);
  if (!scopes.length) throw {errors: [{pointer: "/scopes", detail: "Choose at least one."}]};
  const wanted = {name, scopes, ...(expiresInDays && {expiresInDays: Number(expiresInDays)})};
  const {token} = await fresh(() => call("POST", "/auth/access-tokens", wanted));
  reset(form);
  await showToken(token);
  await tokens();
});

onPress(byId("export"), async () => {
  const data = await fresh(() => call("GET", "/auth/me/export"));
  download(`account-${new Date().toISOString().slice(0, 10)}.json`, JSON.stringify(data, null, 2), "application/json");
  toast("Saved to your downloads.");
});

onPress(byId("delete"), confirmed({
  title: "Delete your account?", text: "Everything in it is gone for good.", yes: "Delete account",
}, async () => {
  await fresh(() => call("DELETE", "/auth/me"));
  signIn("account_deleted");
}));
