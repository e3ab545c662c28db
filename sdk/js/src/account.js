// Every call about an account. Each takes and resolves to what the route does: api.d.ts.

import {AuthError} from "./errors.js";
import {createPasskey, getPasskey} from "./passkeys.js";

const id = encodeURIComponent;

/** Return `path` with what is defined of `query`. */
const withQuery = (path, query = {}) => {
  const defined = Object.entries(query).filter(([, value]) => value !== undefined);
  return defined.length ? `${path}?${new URLSearchParams(defined)}` : path;
};

const nothing = () => {};

/** What takes a recent sign-in. */
function freshSignIn(call) {
  async function reauthenticate({passkey, signal, ...proof}) {
    if (passkey) {
      const {challengeId, publicKey} = await call("POST", "/auth/reauthenticate/options");
      proof = {challengeId, credential: await getPasskey(publicKey, {signal})};
    }
    await call("POST", "/auth/reauthenticate", proof);
  }

  /** Do `work`; if that takes a recent sign-in, `ask` for a proof, which resolves to nothing if the person says no. */
  async function withFreshSignIn(work, ask) {
    try {
      return await work();
    } catch (error) {
      if (error.code !== "fresh_login_required") throw error;
    }
    const proof = await ask(await call("GET", "/auth/mfa"));
    if (!proof) throw new AuthError({code: "aborted"});
    await reauthenticate(proof);
    return work();
  }

  const requestReauthenticationCode = () => call("POST", "/auth/reauthenticate/email");

  return {reauthenticate, requestReauthenticationCode, withFreshSignIn};
}

export function accountCalls({adopt, call, refresh}, wire) {
  const get = (path, query) => call("GET", withQuery(path, query));
  const post = (path, body) => call("POST", path, body);
  const end = (path) => call("DELETE", path).then(nothing);
  /** Have the user as they are now: the call has changed what is shown of them. */
  const withRefresh = (answer) => refresh().catch(nothing).then(() => answer);

  return {
    ...freshSignIn(call),
    requestPasswordReset: (fields) => wire.post("/auth/password/forgot", fields),
    resetPassword: (proof) => wire.post("/auth/password/reset", proof).then(nothing),
    verifyEmail: (proof) => post("/auth/email/verify", proof).then(adopt),
    resendVerification: (fields) => wire.post("/auth/email/resend", fields),
    revertEmail: (proof) => wire.post("/auth/email/revert", proof),
    inspectLink: (proof) => wire.post("/auth/links/inspect", proof),
    providers: async () => (await get("/auth/providers")).items,
    updateProfile: (fields) => call("PATCH", "/auth/me", fields).then(adopt),
    changeEmail: (fields) => post("/auth/me/email", fields).then(nothing),
    emailChange: async () => (await get("/auth/me/email")).waiting,
    cancelEmailChange: () => end("/auth/me/email"),
    changePassword: (fields) => post("/auth/me/password", fields).then(nothing),
    deleteAccount: () => end("/auth/me").then(withRefresh),
    exportData: () => get("/auth/me/export"),
    activity: (page) => get("/auth/me/activity", page),
    factors: () => get("/auth/mfa"),
    createRecoveryCodes: async () => (await post("/auth/mfa/recovery-codes")).recoveryCodes,
    requireSecondFactor: () => post("/auth/mfa/require").then(nothing).then(withRefresh),
    sessions: {
      list: (page) => get("/auth/sessions", page),
      end: (one) => end(`/auth/sessions/${id(one)}`),
      endOthers: () => end("/auth/sessions?scope=others"),
      endAll: () => end("/auth/sessions?scope=all").then(withRefresh),
    },
    totp: {
      begin: () => post("/auth/mfa/totp"),
      confirm: (fields) => post("/auth/mfa/totp/confirm", fields).then(withRefresh),
      remove: () => end("/auth/mfa/totp").then(withRefresh),
    },
    passkeys: {
      list: (page) => get("/auth/passkeys", page),
      async add(name, options) {
        const {challengeId, publicKey} = await post("/auth/passkeys/options");
        const credential = await createPasskey(publicKey, options);
        return withRefresh(await post("/auth/passkeys", {challengeId, name, credential}));
      },
      rename: (one, name) => call("PATCH", `/auth/passkeys/${id(one)}`, {name}),
      remove: (one) => end(`/auth/passkeys/${id(one)}`).then(withRefresh),
    },
    accessTokens: {
      list: (page) => get("/auth/access-tokens", page),
      create: (fields) => post("/auth/access-tokens", fields),
      end: (one) => end(`/auth/access-tokens/${id(one)}`),
    },
    grants: {
      list: (page) => get("/auth/grants", page),
      end: (one) => end(`/auth/grants/${id(one)}`),
    },
  };
}
