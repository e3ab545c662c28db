// Which requests of a browser are let through to the service, and what is said of the others.

const SAFE = ["GET", "HEAD", "OPTIONS"];
const PATHS = /^\/auth(\/[\w-]+)+$/; // nothing that a proxy would decode to another path
const LARGEST_BODY = 1_000_000; // bytes; the service refuses less

export function problem(status, code, title, more) {
  const headers = new Headers({"Content-Type": "application/problem+json", "Cache-Control": "no-store"});
  if (more?.retryAfter) headers.set("Retry-After", more.retryAfter);
  return new Response(JSON.stringify({type: "about:blank", title, status, code, ...more}), {status, headers});
}

/** Return the problem that an `AuthError` is. */
export const toProblem = ({status = 503, code, title = "The service can't be reached", detail, reason, requestId, retryAfter}) =>
  problem(status, code, title, {detail, reason, requestId, retryAfter});

/** Whether a request that changes something comes from another site: by what browsers say of it, else by its origin. */
export function isFromElsewhere({method, headers}, origin) {
  if (SAFE.includes(method)) return false;
  const site = headers.get("Sec-Fetch-Site"), from = headers.get("Origin");
  return site ? site !== "same-origin" && site !== "none" : from !== null && from !== origin;
}

/** Return the path at the service that a request is for, or null. */
export function pathOf({url}, basePath) {
  const {pathname} = new URL(url);
  const path = pathname.startsWith(`${basePath}/`) ? pathname.slice(basePath.length) : "";
  return PATHS.test(path) ? path : null;
}

/** Resolve to the body, undefined if there is none, or null if it is too large. */
export async function readBody(request) {
  if (SAFE.includes(request.method)) return undefined;
  const parts = [];
  let size = 0;
  for await (const part of request.body ?? []) {
    size += part.byteLength;
    if (size > LARGEST_BODY) return null;
    parts.push(part);
  }
  return size ? new Blob(parts).text() : undefined;
}
