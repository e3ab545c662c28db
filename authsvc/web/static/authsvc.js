// The client for browsers. authsvc.d.ts describes what it exports, and `make client` minifies it to authsvc.min.js,
// which is served. The access token is only in memory, the refresh token only in a cookie that no script can read.

/** The origin of the service: this module was loaded from it. */
export const service = new URL(import.meta.url).origin;

const SHARED_NAME = `authsvc ${service}`; // of the lock, the channel and the lease that all tabs of an origin share
const TOKEN_OR_SESSION = /^(token|session)_/; // problem codes that say that the session is over
const REQUEST_TIMEOUT = 20_000; // milliseconds; other tabs wait for the lock meanwhile
const LEASE_LIFETIME = 45_000; // milliseconds; longer than the two requests of a logout
const ANNOUNCEMENT_WAIT = 250; // milliseconds in which what another tab has announced arrives
const LONGEST_TIMER = 2e9; // browsers take a longer delay for none

const {locks} = navigator; // undefined in insecure contexts
const channel = new BroadcastChannel(SHARED_NAME);
const listeners = new Set();
const audiences = new Set([service]);

let session; // {token, user, expires, due}, times in milliseconds; null: signed out; undefined: not known yet
let stateTime = 0; // when `session` was announced; an older announcement comes too late
let refreshing; // the promise of the refresh under way
let onStateChange; // called on the next change of state, while a refresh waits for one
let lastNotified; // what the listeners were last called with, as JSON
let refreshTimer;
let lastMfaToken; // of the last sign-in that needs a second factor
let lastChallengeId; // of the last code that was sent
let passkeyRequest; // the AbortController of the question to the browser that is open

export class AuthError extends Error {
  constructor(facts, cause) {
    super(facts.title || facts.code, {cause});
    Object.assign(this, facts, {name: "AuthError"});
  }
}

// Requests

async function send(request) {
  try {
    return await globalThis.fetch(request);
  } catch (cause) {
    throw cause.name === "AbortError" ? cause : new AuthError({code: "offline"}, cause);
  }
}

async function readAnswer(response) {
  const {ok, status, headers} = response;
  const body = status === 204 ? {} : await response.json().catch(() => null);
  if (ok && body) return body;
  throw new AuthError({code: "unexpected", ...body, status, retryAfter: +headers.get("Retry-After") || undefined});
}

const jsonRequest = (method, body, headers) => body === undefined ? {method, headers} :
  {method, headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)};
const authorization = () => `Bearer ${session.token}`;

const post = async (path, body, headers) => readAnswer(await send(new Request(service + path, {
  ...jsonRequest("POST", body, headers),
  credentials: "include",
  keepalive: !body, // otherwise a page that is left during a refresh loses the new cookie
  signal: AbortSignal.timeout(REQUEST_TIMEOUT),
})));

// One tab at a time may change the cookie: if answers overtook each other, an old refresh token would be sent later,
// and the service would take that for a theft. `work` learns whether it had to wait for another tab.

function oneTabAtATime(work) {
  if (!locks) return withLease(work);
  return locks.request(SHARED_NAME, {ifAvailable: true}, (lock) => lock && work().then((value) => ({value})))
    .then((result) => result ? result.value : locks.request(SHARED_NAME, () => work(true)));
}

/** Do the same without Web Locks: take a lease in the storage, "<owner> <time of expiry>", and see whether it stays. */
async function withLease(work) {
  const owner = String(Math.random());
  const readLease = () => (localStorage[SHARED_NAME] || "").split(" ");
  let hasWaited;
  while (readLease()[0] !== owner) {
    if (readLease()[1] > Date.now()) hasWaited = true;
    else localStorage[SHARED_NAME] = `${owner} ${Date.now() + LEASE_LIFETIME}`;
    await new Promise((resolve) => setTimeout(resolve, 20 + 40 * Math.random()));
  }
  return work(hasWaited).finally(() => delete localStorage[SHARED_NAME]);
}

// The session, as all tabs of an origin know it

const currentUser = () => session && session.user;
const notify = (listener) => Promise.resolve(currentUser()).then(listener);

function setState(newSession, time) {
  [session, stateTime] = [newSession, time];
  onStateChange?.();
  scheduleRefresh();
  const user = JSON.stringify(currentUser());
  if (user !== lastNotified) listeners.forEach(notify);
  lastNotified = user;
}

channel.onmessage = ({data}) => data.at > stateTime && setState(data.session, data.at);

function announce(newSession) {
  setState(newSession, Math.max(Date.now(), stateTime + 1));
  channel.postMessage({session: newSession, at: stateTime});
}

/** Announce the session of an answer that was asked for at `askedAt`. It is due to be refreshed before it expires. */
function startSession({accessToken: token, expiresIn, user}, askedAt) {
  const expires = askedAt + expiresIn * 1000;
  announce({token, user, expires, due: expires - Math.min(90_000, expiresIn * 375)});
}

/** Refresh the session, unless it has changed since it was `stale`. */
function renew(stale) {
  return refreshing ??= oneTabAtATime(async (hasWaited) => {
    if (hasWaited && session === stale) { // the other tab has probably refreshed it, and its announcement is on the way
      await new Promise((resolve) => {
        onStateChange = resolve;
        setTimeout(resolve, ANNOUNCEMENT_WAIT);
      });
    }
    if (session !== stale) return;
    const askedAt = Date.now();
    try {
      const answer = await post("/auth/refresh-token");
      if (session === stale) startSession(answer, askedAt);
    } catch (error) {
      if (error.status !== 401 || !TOKEN_OR_SESSION.test(error.code)) throw error; // it doesn't say who is signed in
      if (session === stale) announce(null);
    }
  }).finally(() => { refreshing = null; });
}

// A random part of the time that is left, so that not all tabs refresh at once.
const delayToRefresh = ({due, expires}) => due + (expires - due) * Math.random() / 2 - Date.now();

function scheduleRefresh(delay = session ? delayToRefresh(session) : 0) {
  clearTimeout(refreshTimer);
  if (session !== null && !document.hidden) refreshTimer = setTimeout(refreshQuietly, Math.min(delay, LONGEST_TIMER));
}

function refreshQuietly() {
  return renew(session).catch(({retryAfter = 5}) => scheduleRefresh(1000 * retryAfter * (1 + Math.random())));
}

for (const event of ["online", "visibilitychange", "pageshow"]) {
  addEventListener(event, ({persisted}) => {
    if (persisted) session = undefined; // back from the browser's cache, where it missed all announcements
    scheduleRefresh();
  });
}
refreshQuietly();

// What pages use

export const configure = ({audiences: more = []}) => more.forEach((one) => audiences.add(new URL(one).origin));

export async function user() {
  if (session === undefined) await renew();
  return currentUser();
}

export function onChange(listener) {
  listeners.add(listener);
  if (session !== undefined) notify(listener);
  return () => listeners.delete(listener);
}

export const refresh = () => renew(session).then(currentUser);

export const signIn = (path, body) => oneTabAtATime(async () => {
  const askedAt = Date.now();
  const answer = await post(path, {...body, transport: "cookie"});
  lastMfaToken = answer.mfaToken;
  if (!answer.user) return answer;
  startSession(answer, askedAt);
  const {user: owner, returnTo, emailChallenge} = answer;
  return {user: owner, returnTo, emailChallenge};
});

export const register = (fields) => signIn("/auth/register", fields)
  .then((answer) => answer.user ? answer : {...answer, verificationRequired: true});

export const login = (credentials) => signIn("/auth/login", credentials);

export async function completeMfa({mfaToken = lastMfaToken, passkey, signal, ...proof}) {
  const sent = passkey ? await provePasskey({mfaToken}, {signal}) : proof;
  return signIn("/auth/login/mfa", {mfaToken, ...sent});
}

export async function loginWithPasskey({conditional, signal} = {}) {
  if (conditional && !await globalThis.PublicKeyCredential?.isConditionalMediationAvailable?.()) {
    throw new AuthError({code: "passkey_unsupported"});
  }
  const mediation = conditional ? "conditional" : undefined;
  return signIn("/auth/login/passkey", await provePasskey(undefined, {signal, mediation}));
}

export async function requestCode(fields) {
  const answer = await post("/auth/login/email", fields);
  lastChallengeId = answer.challengeId;
  return answer;
}

export const loginWithCode = ({challengeId = lastChallengeId, code}) =>
  signIn("/auth/login/email/code", {challengeId, code});

export async function signInWith(provider, {intent = "sign_in", returnTo = location.href, ...more} = {}) {
  const answer = await call("POST", `/auth/federation/${encodeURIComponent(provider)}`, {intent, returnTo, ...more});
  location.assign(answer.location);
}

export const logout = () => oneTabAtATime(async () => {
  const unlessSignedOut = (error) => { if (error.status !== 401) throw error; };
  await post("/auth/logout").catch((error) => {
    unlessSignedOut(error); // the cookie is gone, but the access token names the session too
    return session && post("/auth/logout", undefined, {Authorization: authorization()}).catch(unlessSignedOut);
  });
  announce(null);
});

export async function fetch(input, init) {
  const makeRequest = () => new Request(input instanceof Request ? input.clone() : input, init);
  let request = makeRequest();
  const {origin} = new URL(request.url);
  if (!audiences.has(origin) || request.headers.has("Authorization")) return globalThis.fetch(request);
  const sendWithToken = async () => {
    if (session) request.headers.set("Authorization", authorization());
    const credentials = origin === service ? "include" : request.credentials;
    const response = await send(new Request(request, {credentials, redirect: "manual"}));
    // A redirect could take the token to another host.
    if (response.type === "opaqueredirect") throw new AuthError({code: "redirect_refused"});
    return response;
  };
  if (session === undefined || session?.expires <= Date.now()) await renew(session);
  const first = session, response = await sendWithToken();
  if (response.status !== 401 || !first || init?.body instanceof ReadableStream) return response;
  const problem = await response.clone().json().catch(() => null);
  if (problem?.code && !TOKEN_OR_SESSION.test(problem.code)) return response;
  if (session === first) await renew(first);
  if (session?.user.id !== first.user.id) return response; // never in another user's name
  request = makeRequest();
  return sendWithToken();
}

export const call = async (method, path, body) => readAnswer(await fetch(service + path, jsonRequest(method, body)));

export const identities = async () => (await call("GET", "/auth/identities")).items;
export const unlink = (id) => call("DELETE", `/auth/identities/${id}`).then(() => {});

// Passkeys: the service writes bytes as base64url, and the browser wants buffers.

const toBytes = (base64url) => Uint8Array.from(
  atob(base64url.replace(/[-_]/g, (char) => char === "-" ? "+" : "/")), (char) => char.charCodeAt(0));
const toBase64url = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
  .replace(/[+/=]/g, (char) => ({"+": "-", "/": "_"})[char] || "");
const withIdAsBytes = (entity) => entity && {...entity, id: toBytes(entity.id)};

/** Create or get a credential; resolve to what the service takes, with buffers as base64url. */
async function askBrowser(verb, options, {signal, mediation} = {}) {
  passkeyRequest?.abort(); // browsers answer one question at a time
  passkeyRequest = new AbortController();
  const ownSignal = passkeyRequest.signal;
  const {challenge, user: owner, allowCredentials, excludeCredentials} = options;
  const publicKey = {
    ...options,
    challenge: toBytes(challenge),
    user: withIdAsBytes(owner),
    allowCredentials: allowCredentials?.map(withIdAsBytes),
    excludeCredentials: excludeCredentials?.map(withIdAsBytes),
  };
  try {
    const eitherSignal = signal ? AbortSignal.any([signal, ownSignal]) : ownSignal;
    const {id, type, response} = await navigator.credentials[verb]({publicKey, signal: eitherSignal, mediation});
    const members = {transports: response.getTransports?.()};
    for (const name in response) {
      if (response[name] instanceof ArrayBuffer) members[name] = toBase64url(response[name]);
    }
    return {id, rawId: id, type, response: members, clientExtensionResults: {}};
  } catch (cause) {
    const code = {AbortError: "aborted", NotAllowedError: "passkey_cancelled"}[cause.name] || "passkey_failed";
    throw new AuthError({code, title: cause.message}, cause);
  }
}

export const createPasskey = (publicKey, options) => askBrowser("create", publicKey, options);
export const getPasskey = (publicKey, options) => askBrowser("get", publicKey, options);

/** Prove a passkey for a sign-in; `body` may name the sign-in that it completes. */
async function provePasskey(body, options) {
  const {challengeId, publicKey} = await post("/auth/login/passkey/options", body);
  return {challengeId, credential: await getPasskey(publicKey, options)};
}
