// Requests and answers.

import {AuthError} from "./errors.js";

const REQUEST_TIMEOUT = 20_000; // milliseconds; other tabs wait for the lock meanwhile
const OWN_MACHINE = /^(localhost|127\.[\d.]+|\[::1\])$|\.localhost$/;

export const isInDevelopment = () => OWN_MACHINE.test(globalThis.location?.hostname);

export const jsonRequest = (method, body, headers) => body === undefined ? {method, headers} :
  {method, headers: {"Content-Type": "application/json", ...headers}, body: JSON.stringify(body)};

export async function readAnswer(response) {
  const {ok, status, headers} = response;
  const body = status === 204 ? {} : await response.json().catch(() => null);
  if (ok && body) return body;
  throw new AuthError({code: "unexpected", ...body, status, retryAfter: +headers.get("Retry-After") || undefined});
}

/** Return what sends requests to the service; `hasCookie` says whether the refresh token is in a cookie. */
export function createWire(url, ownFetch, hasCookie) {
  let base, hasWarned;
  const rawFetch = ownFetch || ((request) => globalThis.fetch(request));
  const credentials = hasCookie ? "include" : "omit";
  // The address may be relative to the page, which is not known where a server renders it.
  const getBase = () => base ??= new URL(url, globalThis.location?.href).href.replace(/\/$/, "");

  async function send(request) {
    try {
      return await rawFetch(request);
    } catch (cause) {
      if (cause.name === "AbortError") throw cause;
      warnIfNotListed();
      throw new AuthError({code: "offline"}, cause);
    }
  }

  const post = async (path, body, headers) => readAnswer(await send(new Request(getBase() + path, {
    ...jsonRequest("POST", body, headers),
    credentials,
    keepalive: !body, // otherwise a page that is left during a refresh loses the new cookie
    signal: AbortSignal.timeout?.(REQUEST_TIMEOUT), // React Native has none
  })));

  /** A browser does not tell a service that is away from one that does not list the page; developers want to know. */
  async function warnIfNotListed() {
    if (hasWarned || !isInDevelopment() || new URL(getBase()).origin === location.origin) return;
    const {ok} = await rawFetch(new Request(`${base}/authsvc.js`, {credentials: "omit"})).catch(() => ({}));
    if (!ok || hasWarned) return;
    hasWarned = true;
    console.warn(`authsvc: ${base} does not answer ${location.origin}. Is that in its CORS_ORIGINS?`);
  }

  return {get base() { return getBase(); }, credentials, rawFetch, send, post};
}
