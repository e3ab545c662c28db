// The session, as all tabs of an origin know it. The access token is only in memory.

import {AuthError} from "./errors.js";
import {createQueue} from "./tabs.js";

const OVER = /^(token|session)_/; // problem codes that say that the session is over
const ANNOUNCEMENT_WAIT = 250; // milliseconds in which what another tab has announced arrives
const LONGEST_TIMER = 2e9; // browsers take a longer delay for none
const MARGIN = 10_000; // milliseconds for which a token that is handed out is good at least, if it was good for longer
const WAKES = ["online", "visibilitychange", "pageshow"];

export const isOver = ({code}) => OVER.test(code);

// A random part of the time that is left, so that not all tabs refresh at once.
const delayToRefresh = ({due, expires}) => due + (expires - due) * Math.random() / 2 - Date.now();

/** What is known of who is signed in, and how it is kept so. `vault` has the refresh token. */
export function createSession(wire, vault) {
  let error; // why it is not known who is signed in
  let current; // the user of whom the listeners were told; null: nobody; undefined: not known yet
  let state; // {token, user, expires, due}, times in milliseconds; null: signed out; undefined: not known
  let stateTime = 0; // when `state` was announced; an older announcement comes too late
  let refreshing; // the promise of the refresh under way
  let onStateChange; // called on the next change of state, while a refresh waits for one
  let timer, channel, queue, isDisposed;
  const listeners = new Set();

  /** Begin to listen and to refresh: by the first use, not by being made. */
  function start() {
    if (queue || isDisposed) return;
    const name = `authsvc ${wire.base}`; // of the lock, the channel and the lease that all tabs share
    queue = createQueue(name);
    if (globalThis.document) {
      channel = globalThis.BroadcastChannel && new BroadcastChannel(name); // jsdom has none
      if (channel) channel.onmessage = ({data}) => data.at > stateTime && set(data.session, data.at, data);
      for (const event of WAKES) addEventListener(event, wake);
    }
    refreshQuietly();
  }

  function dispose() {
    isDisposed = true;
    channel?.close();
    clearTimeout(timer);
    listeners.clear();
    if (globalThis.document) for (const event of WAKES) removeEventListener(event, wake);
  }

  const wake = ({persisted}) => {
    if (persisted) state = undefined; // back from the browser's cache, where it missed all announcements
    schedule();
  };

  function oneAtATime(work) {
    if (isDisposed) return Promise.reject(new AuthError({code: "disposed"}));
    start();
    return queue(work);
  }

  // Changes

  function tell(facts) {
    for (const listener of listeners) Promise.resolve().then(() => listener(current, facts));
  }

  function set(newState, time, {event, reason}) {
    const before = current, user = newState && newState.user;
    [state, stateTime, error] = [newState, time, undefined];
    onStateChange?.();
    schedule();
    if (JSON.stringify(user) === JSON.stringify(before)) return; // and `current` stays the same object
    current = user;
    if (before === undefined) event ??= "restored";
    else event ??= !user ? "signed_out" : before?.id === user.id ? "updated" : "signed_in";
    tell({event, reason});
  }

  function announce(newState, facts = {}) {
    set(newState, Math.max(Date.now(), stateTime + 1), facts);
    if (!isDisposed) channel?.postMessage({session: newState, at: stateTime, ...facts});
  }

  /** Announce the session of an answer that was asked for at `askedAt`. It is due to be refreshed before it expires. */
  function open({accessToken: token, expiresIn, user}, askedAt, facts) {
    const expires = askedAt + expiresIn * 1000;
    announce({token, user, expires, due: expires - Math.min(90_000, expiresIn * 375)}, facts);
  }

  /** Take what the service says of the user by now. */
  const adopt = (user) => {
    if (state?.user.id === user.id) announce({...state, user});
    return user;
  };

  function subscribe(listener) {
    start();
    const own = (user, facts) => listener(user, facts);
    listeners.add(own);
    const first = (user) => listeners.has(own) && own(user, {event: "restored"});
    if (current !== undefined) Promise.resolve().then(() => first(current));
    return () => { listeners.delete(own); };
  }

  // Refreshing

  /** Refresh the session, unless it has changed since it was `stale`. */
  function renew(stale) {
    return refreshing ??= oneAtATime(async (hasWaited) => {
      if (hasWaited && state === stale) { // the other tab has probably done it, and its announcement is on the way
        await new Promise((resolve) => {
          onStateChange = resolve;
          setTimeout(resolve, ANNOUNCEMENT_WAIT);
        });
      }
      if (state !== stale) return;
      const askedAt = Date.now();
      try {
        const answer = await vault.refresh();
        if (state === stale) open(answer, askedAt);
      } catch (error) {
        if (error.status !== 401 || !isOver(error)) throw error; // it doesn't say who is signed in
        if (state !== stale) return;
        await vault.forget();
        announce(null, {reason: error.reason || error.code});
      }
    }).finally(() => { refreshing = null; });
  }

  function schedule(delay = state ? delayToRefresh(state) : 0) {
    clearTimeout(timer);
    if (state === null || isDisposed || globalThis.document?.hidden) return;
    timer = setTimeout(refreshQuietly, Math.min(delay, LONGEST_TIMER));
    timer.unref?.(); // Node need not wait for it
  }

  const refreshQuietly = () => renew(state).catch((reason) => {
    if (current === undefined) tell({event: "unreachable", error: error = reason});
    schedule(1000 * (reason.retryAfter ?? 5) * (1 + Math.random()));
  });

  const refresh = async () => {
    start();
    await renew(state);
    return state && state.user;
  };

  const user = async () => {
    start();
    if (state === undefined) await renew();
    return state && state.user;
  };

  /** Have a token that is good now, or none if nobody is signed in. */
  async function ready() {
    start();
    if (state === undefined || state?.expires <= Date.now()) await renew(state);
    return state;
  }

  const getAccessToken = async () => {
    await ready();
    const now = Date.now();
    if (state?.due < now && state.expires - now < MARGIN) await renew(state).catch(() => {}); // it is good yet
    return state ? state.token : null;
  };

  // Signing in and out

  const signIn = (path, body) => oneAtATime(async () => {
    const askedAt = Date.now();
    const answer = await wire.post(path, {...body, transport: vault.transport});
    if (!answer.user) return answer;
    open(await vault.keep(answer), askedAt, {event: "signed_in"});
    const {user: owner, returnTo, emailChallenge} = answer;
    return {user: owner, returnTo, emailChallenge};
  });

  const logout = () => oneAtATime(async () => {
    const unlessSignedOut = (error) => { if (error.status !== 401) throw error; };
    const authorization = state && {Authorization: `Bearer ${state.token}`};
    await vault.logout().catch((error) => {
      unlessSignedOut(error); // the cookie is gone, but the access token names the session too
      return authorization && wire.post("/auth/logout", undefined, authorization).catch(unlessSignedOut);
    });
    await vault.forget();
    announce(null, {reason: "logout"});
  });

  return {
    get error() { return error; },
    get current() { return current; },
    get state() { return state; },
    start, dispose, subscribe, user, refresh, ready, renew, getAccessToken, signIn, logout, adopt,
  };
}
