// Where to go after a sign-in: `?return=` is written by whoever made the link, so it counts only if it is known.

const HOME = "/account/";

/**
 * Return the address that `text` stands for, null where it is none to go to: a path of the own origin `here`, or an
 * address at one of `origins`. Browsers read `//evil`, `/\evil`, `https:evil` and tabs within as other hosts.
 */
export function allowed(text, origins, here) {
  if (typeof text !== "string" || /[\u0000-\u0020\u007f-\u00a0\\]/.test(text)) return null;
  if (!/^(?:\/(?!\/)|https?:\/\/[^/])/.test(text)) return null;
  if (!URL.canParse(text, here)) return null;
  const url = new URL(text, here);
  if (url.username || url.password || ![here, ...origins].includes(url.origin)) return null;
  return text[0] === "/" && url.origin !== here ? null : url.href;
}

const wanted = () => new URLSearchParams(location.search).get("return");
const origins = () => document.body.dataset.returns.split(" ").filter(Boolean);

/** Leave for where the sign-in was asked for, else for the account. */
export function goOn() {
  location.replace(allowed(wanted(), origins(), location.origin) ?? HOME);
}

/** Let the links to the other pages know where to return to. */
export function keepReturn() {
  const target = allowed(wanted(), origins(), location.origin);
  if (!target) return;
  for (const link of document.querySelectorAll("a[data-keep]")) link.search = new URLSearchParams({return: target});
}

let left = false;

/** Leave for the sign-in, and come back from there, unless one left of oneself; `ended` is why a session did. */
export function signIn(ended) {
  if (left) return;
  left = true;
  const here = location.pathname.replace(/^\/account$/, HOME) + location.hash;
  const comesBack = here !== HOME && !["logout", "account_deleted"].includes(ended);
  const query = new URLSearchParams({...(comesBack && {return: here}), ...(ended && {ended})});
  location.replace(`/account/sign-in${query.size ? "?" : ""}${query}`);
}
