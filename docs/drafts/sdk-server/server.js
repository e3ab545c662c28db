// For app servers: verify a token, and keep the session of a browser in a cookie of the app's own (a BFF).

import {EncryptJWT, createRemoteJWKSet, jwtDecrypt, jwtVerify} from "jose";

const SAFE = new Set(["GET", "HEAD", "OPTIONS"]);
const REMEMBERED = 600_000; // milliseconds for which a browser that missed the newest cookie is given it again
const MAX_AGE = 34_560_000; // seconds: browsers keep no cookie for longer than 400 days
const TIMEOUT = 20_000; // milliseconds
const FORWARDED = ["Content-Type", "Accept-Language", "User-Agent"];
const TOKENS_IN = /^\/auth\/(register|login(\/.*)?|refresh-token|federation\/complete)$/;

/** Return what verifies access tokens by the service's published keys; it rejects with an error of `jose`. */
export function createVerifier({url, audience = url, issuer = url}) {
  const keys = createRemoteJWKSet(new URL("/.well-known/jwks.json", url));
  return async (token) => {
    const {payload} = await jwtVerify(token, keys, {
      audience, issuer, algorithms: ["ES256"], requiredClaims: ["sub", "sid", "exp", "iat"],
    });
    if (payload.type !== "access") throw new TypeError("This is no access token.");
    return payload;
  };
}

const problem = (status, code, title) => Response.json({type: `/problems/${code}`, status, code, title},
  {status, headers: {"Content-Type": "application/problem+json", "Cache-Control": "no-store"}});

function cookiesOf(header) {
  return new Map((header || "").split(";").map((pair) => {
    const [name, ...value] = pair.split("=");
    return [name.trim(), value.join("=").trim()];
  }));
}

async function keyOf(secret) {
  if (!secret || secret.length < 32) throw new TypeError("`secret` must have 32 characters or more.");
  const bytes = new TextEncoder().encode(`authsvc session cookie ${secret}`);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

/** A request that changes something must come from a page of the app: by what browsers say, else by the origin. */
function isFromElsewhere(request, origin) {
  if (SAFE.has(request.method)) return false;
  const site = request.headers.get("Sec-Fetch-Site"), from = request.headers.get("Origin");
  if (site) return site !== "same-origin" && site !== "none";
  return from !== null && from !== origin;
}

/**
 * Return the session of the app's own: `origin` is the app's address, `basePath` is where `handle` is mounted, and
 * `secret` seals the cookie. `cache` remembers what an old token was replaced with: share it among processes.
 */
export function createAppSession({url, origin, secret, basePath = "/api", fetch = globalThis.fetch, cache, addressOf}) {
  const isSecure = origin.startsWith("https:");
  const name = isSecure ? "__Host-session" : "session";
  const refreshing = new Map(); // the refreshes under way, by the token that they replace
  const successors = cache || createCache();
  let key;

  const seal = async (session) => new EncryptJWT(session).setProtectedHeader({alg: "dir", enc: "A256GCM"})
    .encrypt(await (key ??= keyOf(secret)));
  const open = async (sealed) => {
    try {
      return (await jwtDecrypt(sealed, await (key ??= keyOf(secret)))).payload;
    } catch {
      return null; // forged, or of another secret: nobody is signed in
    }
  };
  const toCookie = (value, maxAge = MAX_AGE) =>
    `${name}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${maxAge}${isSecure ? "; Secure" : ""}`;

  const ask = (path, {request, token, body, method = "POST"}) => {
    const headers = new Headers();
    for (const one of FORWARDED) if (request.headers.get(one)) headers.set(one, request.headers.get(one));
    const device = /(?:^|; )((?:__Secure-)?device=[^;]+)/.exec(request.headers.get("Cookie"));
    if (device) headers.set("Cookie", device[1]);
    if (addressOf) headers.set("X-Forwarded-For", addressOf(request));
    if (token) headers.set("Authorization", `Bearer ${token}`);
    if (body !== undefined) headers.set("Content-Type", "application/json");
    const sent = body === undefined ? undefined : JSON.stringify(body);
    return fetch(url + path, {method, headers, body: sent, redirect: "manual", signal: AbortSignal.timeout(TIMEOUT)});
  };

  const toSession = ({accessToken, refreshToken, expiresIn, user}) =>
    ({accessToken, refreshToken, user, due: Date.now() + expiresIn * 750, expires: Date.now() + expiresIn * 1000});

  /** Refresh once for all requests that show the same token, also for one that comes later with the old cookie. */
  async function renew(session, request) {
    const old = session.refreshToken;
    const known = await successors.get(old);
    if (known) return known.due > Date.now() ? known : renew(known, request);
    if (!refreshing.has(old)) {
      const work = async () => {
        const answer = await ask("/auth/refresh-token", {request, body: {refreshToken: old}});
        const body = await answer.json().catch(() => ({}));
        if (answer.status === 401 && /^(token|session)_/.test(body.code)) return null;
        if (!answer.ok) throw Object.assign(new Error(body.title || "The service does not answer."), body);
        const next = toSession(body);
        await successors.set(old, next, REMEMBERED);
        return next;
      };
      refreshing.set(old, work().finally(() => refreshing.delete(old)));
    }
    return refreshing.get(old);
  }

  /**
   * Resolve to `{user, accessToken, setCookie, cookie}`: `setCookie`, if any, goes to the browser with the answer, and
   * `cookie` is the request's header with it. Without anybody signed in, `user` and `accessToken` are null.
   */
  async function getSession(request) {
    const header = request.headers.get("Cookie"), sealed = cookiesOf(header).get(name);
    const session = sealed ? await open(sealed) : null;
    if (!session) return {user: null, accessToken: null, cookie: header ?? ""};
    const fresh = session.due > Date.now() ? session : await renew(session, request);
    const {user = null, accessToken = null} = fresh || {};
    if (fresh === session) return {user, accessToken, session, cookie: header};
    const value = fresh ? await seal(fresh) : "";
    const others = [...cookiesOf(header)].filter(([one]) => one !== name).map((pair) => pair.join("="));
    const cookie = [...others, ...fresh ? [`${name}=${value}`] : []].join("; ");
    return {user, accessToken, session: fresh, cookie, setCookie: fresh ? toCookie(value) : toCookie("", 0)};
  }

  /** Ask the service who is signed in at this moment; null if nobody is (signed out elsewhere, disabled …). */
  async function getUser(request) {
    const {accessToken} = await getSession(request);
    if (!accessToken) return null;
    const answer = await ask("/auth/me", {request, token: accessToken, method: "GET"});
    if (answer.status === 401) return null;
    if (!answer.ok) throw new Error(`The service answers ${answer.status}.`);
    return answer.json();
  }

  const relay = async (answer, setCookie) => {
    const headers = new Headers({"Cache-Control": "no-store"});
    for (const one of ["Content-Type", "Retry-After", "WWW-Authenticate", "X-Request-ID"]) {
      if (answer.headers.get(one)) headers.set(one, answer.headers.get(one));
    }
    for (const one of answer.headers.getSetCookie()) { // that the device is known to the account
      if (/^(__Secure-)?device=/.test(one)) headers.append("Set-Cookie", one.replace("Path=/auth", `Path=${basePath}/auth`));
    }
    if (setCookie) headers.append("Set-Cookie", setCookie);
    return new Response(answer.status === 204 ? null : await answer.arrayBuffer(), {status: answer.status, headers});
  };

  /** What the browser is shown of an answer with tokens: none of them. Its own requests bring the cookie. */
  const withoutTokens = (body) => ({...body, accessToken: "in-the-cookie", refreshToken: undefined});

  async function handleTokens(request, path) {
    if (path === "/auth/refresh-token") {
      const {session, setCookie} = await getSession(request);
      if (!session) return withCookie(problem(401, "token_missing", "Nobody is signed in"), setCookie);
      const expiresIn = Math.max(1, Math.round((session.expires - Date.now()) / 1000));
      return withCookie(Response.json(withoutTokens({tokenType: "Bearer", expiresIn, user: session.user})), setCookie);
    }
    const {refreshToken: _, ...body} = await request.json().catch(() => ({}));
    const answer = await ask(path, {request, body: {...body, transport: "body"}});
    const said = answer.ok ? await answer.clone().json() : {};
    if (!said.refreshToken) return relay(answer);
    const setCookie = toCookie(await seal(toSession(said)));
    const shown = Response.json(withoutTokens(said), {status: answer.status, headers: answer.headers});
    shown.headers.delete("Content-Length");
    shown.headers.delete("Content-Encoding");
    return relay(shown, setCookie);
  }

  async function handleRest(request, path) {
    const {accessToken, setCookie} = await getSession(request);
    const body = SAFE.has(request.method) ? undefined : await request.json().catch(() => undefined);
    const {search, pathname} = new URL(request.url);
    if (pathname.includes("..") || !path.startsWith("/auth/")) return problem(404, "not_found", "Not found");
    const answer = await ask(path + search, {request, token: accessToken, body, method: request.method});
    return relay(answer, path === "/auth/logout" && (answer.ok || answer.status === 401) ? toCookie("", 0) : setCookie);
  }

  /** Answer what `createClient({url: basePath})` asks, by the service, with the session of the cookie. */
  async function handle(request) {
    if (isFromElsewhere(request, origin)) return problem(403, "cross_origin_refused", "This comes from another site");
    const path = new URL(request.url).pathname.slice(basePath.length);
    try {
      return await (TOKENS_IN.test(path) && request.method === "POST" && !path.endsWith("/options") &&
        path !== "/auth/login/email" ? handleTokens(request, path) : handleRest(request, path));
    } catch {
      return problem(503, "upstream_unavailable", "The service can not be reached");
    }
  }

  return {handle, getSession, getUser};
}

const withCookie = (response, setCookie) => {
  response.headers.set("Cache-Control", "no-store");
  if (setCookie) response.headers.append("Set-Cookie", setCookie);
  return response;
};

/** Remember in this process, and forget when the next value is set late enough: no timer keeps anything alive. */
function createCache() {
  const values = new Map();
  return {
    get: (name) => values.get(name)?.value,
    set(name, value, life) {
      const now = Date.now();
      for (const [old, {until}] of values) if (until < now) values.delete(old);
      values.set(name, {value, until: now + life});
    },
  };
}
