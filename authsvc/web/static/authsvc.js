// See authsvc.d.ts. The access token is in memory alone, the refresh token in a cookie.

/** Where this module came from. */
export const service = new URL(import.meta.url).origin;

const NAME = `authsvc ${service}`;
const REFUSED = /^(token|session)_/;
const {locks} = navigator;
const channel = new BroadcastChannel(NAME);
const listeners = new Set();
const audiences = new Set([service]);

let session; // {token, user, expires, due}; null: signed out; undefined: not known yet
let stamp = 0; // of the newest announcement: an older one comes too late
let refreshing, heard, told, timer, ticket, asking;

export class AuthError extends Error {
  constructor(facts, cause) {
    super(facts.title || facts.code, {cause});
    Object.assign(this, facts, {name: "AuthError"});
  }
}

async function reach(request) {
  try {
    return await globalThis.fetch(request);
  } catch (cause) {
    throw cause.name === "AbortError" ? cause : new AuthError({code: "offline"}, cause);
  }
}

async function read(response) {
  const {ok, status, headers} = response;
  const said = status === 204 ? {} : await response.json().catch(() => null);
  if (ok && said) return said;
  throw new AuthError({code: "unexpected", ...said, status, retryAfter: +headers.get("Retry-After") || undefined});
}

const json = (method, body, headers) => body === undefined ? {method, headers} :
  {method, headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)};
const bearer = () => `Bearer ${session.token}`;

const post = async (path, body, headers) => read(await reach(new Request(service + path, {
  ...json("POST", body, headers),
  credentials: "include",
  keepalive: !body, // else a page that is left loses the new cookie
  signal: AbortSignal.timeout(2e4), // others wait
})));

// One tab at a time: cookies must not overtake each other, and a token shown late is a theft.
const inTurn = (work) => !locks ? leased(work) :
  locks.request(NAME, {ifAvailable: true}, (lock) => lock && work().then((value) => ({value})))
    .then((done) => done ? done.value : locks.request(NAME, () => work(true)));

async function leased(work) { // insecure contexts have no Web Locks
  const own = String(Math.random());
  const lease = () => (localStorage[NAME] || "").split(" ");
  let waited;
  while (lease()[0] !== own) {
    if (lease()[1] > Date.now()) waited = true;
    else localStorage[NAME] = `${own} ${Date.now() + 45e3}`;
    await new Promise((done) => setTimeout(done, 20 + 40 * Math.random()));
  }
  return work(waited).finally(() => delete localStorage[NAME]);
}

const known = () => session && session.user;
const tell = (listener) => Promise.resolve(known()).then(listener);

function settle(next, at) {
  [session, stamp] = [next, at];
  heard?.();
  schedule();
  const now = JSON.stringify(known());
  if (now !== told) listeners.forEach(tell);
  told = now;
}

channel.onmessage = ({data}) => data.at > stamp && settle(data.session, data.at);

function announce(next) {
  settle(next, Math.max(Date.now(), stamp + 1));
  channel.postMessage({session: next, at: stamp});
}

function begin({accessToken: token, expiresIn, user}, asked) {
  const expires = asked + expiresIn * 1e3;
  announce({token, user, expires, due: expires - Math.min(9e4, expiresIn * 375)});
}

// Replace the session, unless that was done since it was `stale`.
const renew = (stale) => refreshing ??= inTurn(async (waited) => {
  if (waited && session === stale) await new Promise((done) => { heard = done; setTimeout(done, 250); });
  if (session !== stale) return;
  const asked = Date.now();
  try {
    const answer = await post("/auth/refresh-token");
    if (session === stale) begin(answer, asked);
  } catch (error) {
    if (error.status !== 401 || !REFUSED.test(error.code)) throw error; // it decides nothing
    if (session === stale) announce(null);
  }
}).finally(() => { refreshing = null; });

const later = ({due, expires}) => due + (expires - due) * Math.random() / 2 - Date.now(); // not all tabs at once

function schedule(delay = session ? later(session) : 0) {
  clearTimeout(timer);
  if (session !== null && !document.hidden) timer = setTimeout(tick, Math.min(delay, 2e9));
}

const tick = () => renew(session).catch(({retryAfter = 5}) => schedule(1e3 * retryAfter * (1 + Math.random())));

for (const event of ["online", "visibilitychange", "pageshow"]) {
  addEventListener(event, ({persisted}) => {
    if (persisted) session = undefined; // it missed the news
    schedule();
  });
}
tick();

/** Let `fetch` show the token to further origins. */
export const configure = ({audiences: more = []}) => more.forEach((one) => audiences.add(new URL(one).origin));

/** Resolve to who is signed in, or null. */
export async function user() {
  if (session === undefined) await renew();
  return known();
}

/** Call back with the user or null, once known and on every change in any tab. */
export function onChange(listener) {
  listeners.add(listener);
  if (session !== undefined) tell(listener);
  return () => listeners.delete(listener);
}

/** Get a new token, and the user as they are now. */
export const refresh = () => renew(session).then(known);

const signIn = (path, body) => inTurn(async () => {
  const asked = Date.now();
  const answer = await post(path, {...body, transport: "cookie"});
  ticket = answer.mfaToken;
  if (!answer.user) return answer;
  begin(answer, asked);
  return {user: answer.user};
});

export const register = (fields) => signIn("/auth/register", fields)
  .then((answer) => answer.user ? answer : {verificationRequired: true});

export const login = (credentials) => signIn("/auth/login", credentials);

export async function completeMfa({mfaToken = ticket, passkey, signal, ...proof}) {
  if (passkey) proof = await prove({mfaToken}, {signal});
  return signIn("/auth/login/mfa", {mfaToken, ...proof});
}

export async function loginWithPasskey({conditional, signal} = {}) {
  if (conditional && !await globalThis.PublicKeyCredential?.isConditionalMediationAvailable?.()) {
    throw new AuthError({code: "passkey_unsupported"});
  }
  return signIn("/auth/login/passkey", await prove(undefined, {signal, mediation: conditional ? "conditional" : undefined}));
}

/** Sign out in all tabs, or reject and stay signed in. */
export const logout = () => inTurn(async () => {
  const unlessOut = (error) => { if (error.status !== 401) throw error; };
  await post("/auth/logout").catch((error) => {
    unlessOut(error); // the cookie is gone, but the token names the session too
    return session && post("/auth/logout", undefined, {Authorization: bearer()}).catch(unlessOut);
  });
  announce(null);
});

/** `fetch` with the token, for the service and the audiences; once more if it is refused. */
export async function fetch(input, init) {
  const make = () => new Request(input instanceof Request ? input.clone() : input, init);
  let request = make();
  const {origin} = new URL(request.url);
  if (!audiences.has(origin) || request.headers.has("Authorization")) return globalThis.fetch(request);
  const send = async () => {
    if (session) request.headers.set("Authorization", bearer());
    const credentials = origin === service ? "include" : request.credentials;
    const response = await reach(new Request(request, {credentials, redirect: "manual"}));
    if (response.type === "opaqueredirect") throw new AuthError({code: "redirect_refused"}); // to where?
    return response;
  };
  if (session === undefined || session?.expires <= Date.now()) await renew(session);
  const first = session, response = await send();
  if (response.status !== 401 || !first || init?.body instanceof ReadableStream) return response;
  const said = await response.clone().json().catch(() => null);
  if (said?.code && !REFUSED.test(said.code)) return response;
  if (session === first) await renew(first);
  if (session?.user.id !== first.user.id) return response; // never in another's name
  request = make();
  return send();
}

/** Resolve to what a route of the service answers. */
export const call = async (method, path, body) => read(await fetch(service + path, json(method, body)));

// Passkeys: base64url is bytes to the browser.
const bytes = (text) => Uint8Array.from(atob(text.replace(/[-_]/g, (c) => c < "_" ? "+" : "/")), (c) => c.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
  .replace(/[+/=]/g, (c) => ({"+": "-", "/": "_"})[c] || "");
const withBytes = (one) => one && {...one, id: bytes(one.id)};

async function ask(verb, {challenge, user, allowCredentials, excludeCredentials, ...rest}, {signal, mediation} = {}) {
  asking?.abort(); // browsers answer one question at a time
  const {signal: own} = asking = new AbortController();
  const publicKey = {
    ...rest, challenge: bytes(challenge), user: withBytes(user),
    allowCredentials: allowCredentials?.map(withBytes), excludeCredentials: excludeCredentials?.map(withBytes),
  };
  try {
    signal = signal ? AbortSignal.any([signal, own]) : own;
    const {id, type, response} = await navigator.credentials[verb]({publicKey, signal, mediation});
    const members = {transports: response.getTransports?.()};
    for (const name in response) {
      if (response[name] instanceof ArrayBuffer) members[name] = text(response[name]);
    }
    return {id, rawId: id, type, response: members, clientExtensionResults: {}};
  } catch (cause) {
    const code = {AbortError: "aborted", NotAllowedError: "passkey_cancelled"}[cause.name] || "passkey_failed";
    throw new AuthError({code, title: cause.message}, cause);
  }
}

export const createPasskey = (publicKey, options) => ask("create", publicKey, options);
export const getPasskey = (publicKey, options) => ask("get", publicKey, options);

const prove = async (body, options) => {
  const {challengeId, publicKey} = await post("/auth/login/passkey/options", body);
  return {challengeId, credential: await getPasskey(publicKey, options)};
};
