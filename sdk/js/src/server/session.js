// The session of a browser, in a sealed cookie of the app's own: the app's server stands before the service.

import {createCookie, createSeal, parseCookies, writeCookies} from "./cookies.js";
import {isFromElsewhere, pathOf, problem, readBody, toProblem} from "./gate.js";
import {createEndings, createReplacement} from "./memory.js";
import {createUpstream, toError, toResponse, withoutTokens} from "./upstream.js";

const SIGN_INS = /^\/auth\/(register|login|login\/(email\/code|email\/link|mfa|passkey))$/;
const MARGIN = 5_000; // milliseconds for which a page needs a token

const isOver = ({status, code}) => status === 401 && /^(token|session)_/.test(code);

/** Have the service answer with a cookie, as to a browser; what is no JSON object is for the service to refuse. */
function withCookieTransport(text = "{}") {
  try {
    const body = JSON.parse(text);
    return body && typeof body === "object" && !Array.isArray(body) ? JSON.stringify({...body, transport: "cookie"}) : text;
  } catch {
    return text;
  }
}

/** Return what keeps the session of each request fresh, and asks the service in its name. */
function createKeeper({url, secret, fetch, cache, addressOf, cookieName}) {
  const {seal, open} = createSeal(secret);
  const replace = createReplacement({seal, open}, cache);
  const ask = createUpstream({url, fetch, addressOf}), endings = createEndings(cache);
  const read = ({headers}) => open(parseCookies(headers.get("Cookie")).get(cookieName));

  /** Resolve to the session that replaces another. Rejects with what the service says if that is over. */
  async function renew(session, request) {
    const next = await replace(session, async () => {
      const said = await ask(request, "POST", "/auth/refresh-token", {cookie: session.cookie});
      if (said.session) return said.session;
      throw toError(said);
    });
    return next.expires > Date.now() ? next : renew(next, request); // it may have been replaced by now too
  }

  /** Resolve to a session with a token that is good now. */
  async function keepFresh(session, request, dueAt = session.due) {
    if (dueAt > Date.now()) return session;
    return renew(session, request).catch((error) => {
      if (!isOver(error) && session.expires > Date.now()) return session; // and the next request tries again
      throw error;
    });
  }

  /** Ask with the token of a session; resolve to `{said, session}`, as the session may be another afterwards. */
  async function askAs(session, request, method, path, body) {
    const said = await ask(request, method, path, {token: session?.accessToken, body});
    if (!session || said.body?.code !== "token_expired") return {said, session};
    const fresh = await renew(session, request); // the clocks differ
    return {said: await ask(request, method, path, {token: fresh.accessToken, body}), session: fresh};
  }

  return {seal, ask, read, keepFresh, askAs, endings};
}

/** Return what answers the client of the browser: `handle`. */
function createHandler({ask, read, keepFresh, askAs, seal, endings}, cookie, basePath, origin) {
  /**
   * `session` is what the cookie has from now on; null: nothing; undefined: what it has. An answer to a request of before
   * (`old`) may come late: then somebody has signed in or out in that browser meanwhile, and that cookie stays.
   */
  async function respond(response, session, old) {
    if (old && session !== undefined && await isLate(old, session)) return response;
    if (session) response.headers.append("Set-Cookie", cookie.set(await seal(session)));
    else if (session === null) response.headers.append("Set-Cookie", cookie.clear());
    return response;
  }

  const isLate = async (old, session) => await endings.has(old) || Boolean(session) && endings.has(session);
  const onlyNew = (session, old) => session?.cookie === old?.cookie ? undefined : session;

  /** Say who is signed in at this moment. */
  async function refresh(request, old) {
    if (!old) return problem(401, "token_missing", "Nobody is signed in");
    const {said, session} = await askAs(await keepFresh(old, request), request, "GET", "/auth/me");
    if (!said.answer.ok) throw toError(said);
    const expiresIn = Math.max(1, Math.floor((session.expires - Date.now()) / 1000));
    const body = JSON.stringify(withoutTokens({tokenType: "Bearer", expiresIn, user: said.body}));
    const headers = {"Content-Type": "application/json", "Cache-Control": "no-store"};
    return respond(new Response(body, {headers}), onlyNew(session, old), old);
  }

  async function logout(request, old) {
    if (!old) return problem(401, "token_missing", "Nobody is signed in");
    const said = await ask(request, "POST", "/auth/logout", {cookie: old.cookie});
    const isOut = said.answer.ok || said.answer.status === 401;
    const response = await respond(toResponse(said, basePath), isOut ? null : undefined); // whoever signs out has no cookie, late or not
    if (isOut) await endings.note(old);
    return response;
  }

  /** Sign in. The service is shown the session that the new one replaces, and ends it. */
  async function signIn(request, old, path, text) {
    const said = await ask(request, "POST", path, {cookie: old?.cookie, body: withCookieTransport(text)});
    if (old && said.session) await endings.note(old);
    return respond(toResponse(said, basePath), said.session);
  }

  async function forward(request, old, path, text) {
    const fresh = old && await keepFresh(old, request);
    const {said, session} = await askAs(fresh, request, request.method, path + new URL(request.url).search, text);
    return respond(toResponse(said, basePath), said.session === undefined ? onlyNew(session, old) : said.session, old);
  }

  async function route(request, path, old) {
    const text = await readBody(request), isPost = request.method === "POST";
    if (text === null) return problem(413, "body_too_large", "The body is too large");
    if (isPost && path === "/auth/refresh-token") return refresh(request, old);
    if (path === "/auth/logout" && request.method !== "GET") return logout(request, old);
    if (isPost && SIGN_INS.test(path)) return signIn(request, old, path, text);
    // A provider leads back to the service, which does not know this browser.
    if (path.startsWith("/auth/federation/")) return problem(400, "cookie_required", "This needs a cookie of the service");
    return forward(request, old, path, text);
  }

  return async function handle(request) {
    if (isFromElsewhere(request, origin)) return problem(403, "cross_origin_refused", "This comes from another site");
    const path = pathOf(request, basePath);
    if (!path) return problem(404, "not_found", "Not found");
    const old = await read(request);
    return route(request, path, old).catch((error) => {
      if (error.name !== "AuthError") throw error;
      // Another tab may have signed in meanwhile: only who asks for the session itself is told to forget it.
      return respond(toProblem(error), isOver(error) && path === "/auth/refresh-token" ? null : undefined, old);
    });
  };
}

/** Return the sessions of an app: what reads them, and what answers `createClient({url: basePath})`. */
export function createAppSession({url, origin, secret, basePath = "/api", fetch, cache, addressOf}) {
  const cookie = createCookie(origin);
  const keeper = createKeeper({url, secret, fetch, cache, addressOf, cookieName: cookie.name});
  const {seal, read, keepFresh, askAs, endings} = keeper;
  const orNull = (error) => { if (isOver(error)) return null; throw error; };

  async function getSession(request) {
    const header = request.headers.get("Cookie") ?? "", old = await read(request);
    const session = old && await keepFresh(old, request).catch(orNull);
    const accessToken = session ? session.accessToken : null;
    const isSame = !session || session.cookie === old.cookie;
    if (isSame || await endings.has(old)) return {accessToken, cookie: header};
    const sealed = await seal(session);
    return {accessToken, cookie: writeCookies(parseCookies(header).set(cookie.name, sealed)), setCookie: cookie.set(sealed)};
  }

  async function getUser(request) {
    const old = await read(request);
    // A page that is rendered can't set the cookie: it goes on with the old token as long as it can.
    const session = old && await keepFresh(old, request, old.expires - MARGIN).catch(orNull);
    if (!session) return null;
    const {said} = await askAs(session, request, "GET", "/auth/me");
    return said.answer.ok ? said.body : orNull(toError(said));
  }

  const handle = createHandler(keeper, cookie, basePath.replace(/\/$/, ""), new URL(origin).origin);
  return {handle, getSession, getUser};
}
