// Access tokens for scripts.

import {call} from "/authsvc.js";
import {confirmed, showToken} from "./dialogs.js";
import {byId, make, makeButton, toast} from "./dom.js";
import {onDay, timeAgo} from "./format.js";
import {fieldError, onSubmit, resetForm} from "./forms.js";
import {paged, tableRow} from "./lists.js";
import {withRecentSignIn} from "./reauthenticate.js";

export const loadTokens = paged("/auth/access-tokens", {
  list: "tokens-list", more: "tokens-more", limit: 50, draw: drawToken,
  onLoad: (count) => {
    byId("tokens-table").hidden = !count;
    byId("no-tokens").hidden = count > 0;
  },
});

function drawToken({id, name, scopes, lastUsedAt, expiresAt}) {
  const revoke = confirmed({
    title: "Revoke this token?", text: `Anything that uses “${name}” will stop working at once.`, yes: "Revoke",
  }, async () => {
    await call("DELETE", `/auth/access-tokens/${id}`);
    await loadTokens();
    byId("tokens-title").focus();
    toast("Token revoked.");
  });
  return tableRow(
    ["", make("strong", {}, name)],
    ["Scopes", make("span", {class: "scopes"}, ...scopes.map((scope) => make("code", {}, scope)))],
    ["Last used", lastUsedAt ? timeAgo(lastUsedAt) : "never"],
    ["Expires", expiresAt ? onDay(expiresAt) : "never"],
    ["", makeButton("Revoke", revoke, {kind: "danger", label: `Revoke the token ${name}`})],
  );
}

onSubmit(byId("token-form"), async ({name, expiresInDays}, form) => {
  const scopes = [...form.querySelectorAll("[name=scopes]:checked")].map((box) => box.value);
  if (!scopes.length) throw fieldError("scopes", "Choose at least one.");
  const body = {name, scopes, ...(expiresInDays && {expiresInDays: Number(expiresInDays)})};
  const {token} = await withRecentSignIn(() => call("POST", "/auth/access-tokens", body));
  resetForm(form);
  await showToken(token);
  await loadTokens();
});
