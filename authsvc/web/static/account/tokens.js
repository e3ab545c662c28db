// Access tokens for scripts.

import {call} from "/authsvc.js";
import {confirmed, showToken} from "../ui/dialogs.js";
import {byId, make, makeButton, toast} from "../ui/dom.js";
import {onDay, timeAgo} from "../ui/format.js";
import {onSubmit, resetForm} from "../ui/forms.js";
import {t} from "../ui/language.js";
import {paged, tableRow} from "../ui/lists.js";
import {withRecentSignIn} from "../ui/reauthenticate.js";
import {reload} from "../ui/region.js";

export const load = paged("/auth/access-tokens", {
  list: "tokens-list", more: "tokens-more", limit: 50, draw: drawToken,
  onLoad: (count) => {
    byId("tokens-table").hidden = !count;
    byId("no-tokens").hidden = count > 0;
  },
});

function drawToken({id, name, scopes, lastUsedAt, expiresAt}) {
  const revoke = confirmed({
    title: t("Revoke this token?"),
    text: t("Anything that uses “{name}” will stop working at once.", {name}),
    yes: t("Revoke"),
  }, async () => {
    await call("DELETE", `/auth/access-tokens/${id}`);
    await reload("tokens");
    byId("tokens-title").focus();
    toast(t("Token revoked."));
  });
  return tableRow(
    ["", make("strong", {}, name)],
    [t("Scopes"), make("span", {class: "scopes"}, ...scopes.map((scope) => make("code", {}, scope)))],
    [t("Last used"), lastUsedAt ? timeAgo(lastUsedAt) : t("never")],
    [t("Expires"), expiresAt ? onDay(expiresAt) : t("never")],
    ["", makeButton(t("Revoke"), revoke, {kind: "danger", label: t("Revoke the token {name}", {name})})],
  );
}

const scopesOf = (form) => [...form.querySelectorAll("[name=scopes]:checked")].map((box) => box.value);

onSubmit(byId("token-form"), async ({name, expiresInDays}, form) => {
  const scopes = scopesOf(form);
  const body = {name, scopes, ...(expiresInDays && {expiresInDays: Number(expiresInDays)})};
  const {token} = await withRecentSignIn(() => call("POST", "/auth/access-tokens", body));
  resetForm(form);
  await showToken(token);
  await reload("tokens");
}, {}, (form) => scopesOf(form).length ? [] : [["scopes", t("Choose at least one.")]]);
