// Requests to the service in a browser's name, and what of the answers is for the browser.

import {AuthError} from "../errors.js";
import {parseCookies, parseSetCookie, writeCookies} from "./cookies.js";

const TIMEOUT = 20_000; // milliseconds
const TOLD = ["Accept-Language", "User-Agent"]; // for letters, and for the list of sessions
const SHOWN = ["Content-Type", "Retry-After", "WWW-Authenticate", "X-Request-ID"];
const PASSED = /^(__Secure-|__Host-)?(device|email_code)$/; // cookies by which a browser is known; none signs in
const SESSION = /^(__Secure-)?refresh_token$/;

/** Return what asks the service. `addressOf` tells the address of the browser. */
export function createUpstream({url, fetch, addressOf}) {
  const base = url.replace(/\/$/, "");

  function headersFor(request, {token, cookie, body}) {
    const from = request.headers, headers = new Headers();
    for (const name of TOLD) if (from.get(name)) headers.set(name, from.get(name));
    const passed = writeCookies([...parseCookies(from.get("Cookie"))].filter(([name]) => PASSED.test(name)));
    const cookies = [cookie, passed].filter(Boolean).join("; ");
    if (cookies) headers.set("Cookie", cookies);
    const address = addressOf?.(request);
    if (address) headers.set("X-Forwarded-For", address);
    if (token) headers.set("Authorization", `Bearer ${token}`);
    if (body !== undefined) headers.set("Content-Type", from.get("Content-Type") ?? "application/json");
    return headers;
  }

  async function send(request, method, path, content) {
    try {
      const answer = await (fetch ?? globalThis.fetch)(base + path, {
        method,
        headers: headersFor(request, content),
        body: content.body,
        redirect: "manual",
        cache: "no-store", // some frameworks keep answers otherwise
        signal: AbortSignal.timeout(TIMEOUT),
      });
      return {answer, text: await answer.text()};
    } catch (cause) {
      throw new AuthError({code: "offline", title: "The service can't be reached"}, cause);
    }
  }

  /** Resolve to `{answer, text, body, session}`: of JSON the body, and the session if one was opened (null: ended). */
  return async function ask(request, method, path, content = {}) {
    const {answer, text} = await send(request, method, path, content);
    const body = text && /\bjson\b/.test(answer.headers.get("Content-Type")) ? parse(text) : undefined;
    return {answer, text, body, session: sessionOf(answer, body)};
  };
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch (cause) { // something between us and the service has cut it off
    throw new AuthError({code: "offline", title: "The service can't be understood"}, cause);
  }
}

function sessionOf(answer, body) {
  const set = answer.headers.getSetCookie().map(parseSetCookie).filter(({name}) => SESSION.test(name));
  const opened = set.find(({value}) => value);
  if (!opened) return set.length ? null : undefined;
  const {accessToken, expiresIn} = body, now = Date.now();
  return {accessToken, cookie: `${opened.name}=${opened.value}`, due: now + expiresIn * 750, expires: now + expiresIn * 1000};
}

/** Return the error that an answer is. */
export const toError = ({answer, body}) => new AuthError({
  code: "unexpected", ...body, status: answer.status, retryAfter: +answer.headers.get("Retry-After") || undefined,
});

/** Return the answer for the browser, without tokens; `basePath` is where the app stands before the service. */
export function toResponse({answer, text, body}, basePath) {
  const {status} = answer, headers = new Headers({"Cache-Control": "no-store"});
  for (const name of SHOWN) if (answer.headers.get(name)) headers.set(name, answer.headers.get(name));
  for (const one of answer.headers.getSetCookie()) {
    const {name} = parseSetCookie(one);
    if (PASSED.test(name)) headers.append("Set-Cookie", one.replace(/Path=\/auth\b/i, `Path=${basePath}/auth`));
  }
  const shown = body?.accessToken ? JSON.stringify(withoutTokens(body)) : text;
  return new Response(status === 204 ? null : shown, {status, headers});
}

/** What stands for the token says so. The client sends it back, and here nobody reads it. */
export const withoutTokens = (body) => ({...body, refreshToken: undefined, accessToken: "in-the-cookie"});
