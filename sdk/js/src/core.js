// What every client has: the session, the ways in, and `fetch`. The calls about an account come on top.

import {AuthError} from "./errors.js";
import {createPasskey, getPasskey} from "./passkeys.js";
import {createSession, isOver} from "./session.js";
import {jsonRequest, readAnswer} from "./wire.js";

/** `fetch` with the token of whoever is signed in, for the service and the audiences. */
function createFetch(session, wire, audiences) {
  return async function fetch(input, init) {
    const makeRequest = () => new Request(input instanceof Request ? input.clone() : input, init);
    const service = new URL(wire.base).origin;
    let request = makeRequest();
    const {origin} = new URL(request.url);
    if (origin !== service && !audiences.has(origin) || request.headers.has("Authorization")) return wire.rawFetch(request);
    const sendWithToken = async () => {
      if (session.state) request.headers.set("Authorization", `Bearer ${session.state.token}`);
      const credentials = origin === service ? wire.credentials : request.credentials;
      const response = await wire.send(new Request(request, {credentials, redirect: "manual"}));
      // A redirect could take the token to another host. Node shows the answer that leads on, browsers do not.
      const leadsOn = response.type === "opaqueredirect" || response.status > 300 && response.headers.has("Location");
      if (leadsOn) throw new AuthError({code: "redirect_refused"});
      return response;
    };
    const first = await session.ready(), response = await sendWithToken();
    if (response.status !== 401 || !first || init?.body?.getReader) return response;
    const problem = await response.clone().json().catch(() => null);
    if (problem?.code && !isOver(problem)) return response;
    if (session.state === first) await session.renew(first);
    if (session.state?.user.id !== first.user.id) return response; // never in another user's name
    request = makeRequest();
    return sendWithToken();
  };
}

/** The ways in. */
function signInCalls(session, wire, vault, call) {
  let lastMfaToken; // of the last sign-in that needs a second factor
  let lastChallengeId; // of the last code that was sent

  async function signIn(path, body) {
    const answer = await session.signIn(path, body);
    lastMfaToken = answer.mfaToken;
    return answer;
  }

  /** Prove a passkey for a sign-in; `body` may name the sign-in that it completes. */
  async function provePasskey(body, options) {
    const {challengeId, publicKey} = await wire.post("/auth/login/passkey/options", body);
    return {challengeId, credential: await getPasskey(publicKey, options)};
  }

  return {
    signIn,
    register: (fields) => signIn("/auth/register", fields)
      .then((answer) => answer.user ? answer : {...answer, verificationRequired: true}),
    login: (credentials) => signIn("/auth/login", credentials),
    async completeMfa({mfaToken = lastMfaToken, passkey, signal, ...proof}) {
      const sent = passkey ? await provePasskey({mfaToken}, {signal}) : proof;
      return signIn("/auth/login/mfa", {mfaToken, ...sent});
    },
    async loginWithPasskey({conditional, signal} = {}) {
      if (conditional && !await globalThis.PublicKeyCredential?.isConditionalMediationAvailable?.()) {
        throw new AuthError({code: "passkey_unsupported"});
      }
      const mediation = conditional ? "conditional" : undefined;
      return signIn("/auth/login/passkey", await provePasskey(undefined, {signal, mediation}));
    },
    async requestCode(fields) {
      const answer = await wire.post("/auth/login/email", fields);
      lastChallengeId = answer.challengeId;
      return answer;
    },
    loginWithCode: ({challengeId = lastChallengeId, code}) => signIn("/auth/login/email/code", {challengeId, code}),
    async signInWith(provider, {intent = "sign_in", returnTo = location.href, ...more} = {}) {
      if (vault.transport === "body") throw new AuthError({code: "cookie_required"}); // it comes back with a cookie
      const answer = await call("POST", `/auth/federation/${encodeURIComponent(provider)}`, {intent, returnTo, ...more});
      location.assign(answer.location);
    },
  };
}

/** Return a client of what `wire` leads to, whose refresh token is in `vault`. */
export function createCore(wire, vault, audiences = []) {
  const session = createSession(wire, vault);
  const origins = new Set();
  const configure = ({audiences: more = []}) => more.forEach((one) => origins.add(new URL(one).origin));
  configure({audiences});
  const fetch = createFetch(session, wire, origins);
  const call = async (method, path, body) => readAnswer(await fetch(wire.base + path, jsonRequest(method, body)));
  const {start, dispose, subscribe, user, refresh, getAccessToken, logout, adopt} = session;
  return {
    get url() { return wire.base; },
    get current() { return session.current; },
    get error() { return session.error; },
    start, dispose, subscribe, user, refresh, getAccessToken, logout, adopt, configure, fetch, call,
    createPasskey, getPasskey,
    ...signInCalls(session, wire, vault, call),
    identities: async () => (await call("GET", "/auth/identities")).items,
    unlink: (id) => call("DELETE", `/auth/identities/${encodeURIComponent(id)}`).then(() => {}),
  };
}
