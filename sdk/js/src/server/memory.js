// What a session was replaced with, for requests that still bring its old cookie.

import {AuthError} from "../errors.js";

const LIFE = 60_000; // milliseconds

// A bundler may make several copies of this module in one process, as that of Next.js does: they share this.
const shared = () => globalThis[Symbol.for("authsvc.server")] ??= {underWay: new Map(), cache: createCache()};

/** Remember in this process; what is too old is forgotten when the next value comes, so that no timer is needed. */
function createCache() {
  const values = new Map();
  return {
    get(name) {
      const known = values.get(name);
      return known && known.until > Date.now() ? known.value : null;
    },
    set(name, value, life) {
      for (const [old, {until}] of values) if (until <= Date.now()) values.delete(old);
      values.set(name, {value, until: Date.now() + life});
    },
  };
}

async function digest(text, kind = "session") {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`authsvc ${kind} ${text}`));
  return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Return what resolves to the session that replaces another: `work` makes it, once for all who ask, and for those who
 * ask a little later. `cache` is one that several processes share; it is shown no token.
 */
export function createReplacement({seal, open}, cache) {
  const recall = async (name) => {
    try {
      return await open(await shared().cache.get(name) ?? await cache?.get(name));
    } catch (cause) { // what was replaced must not be shown again
      throw new AuthError({code: "offline", title: "The cache of the sessions can't be read"}, cause);
    }
  };

  const remember = async (name, sealed) => {
    shared().cache.set(name, sealed, LIFE);
    await (async () => cache?.set(name, sealed, LIFE))().catch(() => {}); // the new session must not be lost by that
  };

  return async function replace({cookie}, work) {
    const name = await digest(cookie), {underWay} = shared();
    const workUnlessKnown = async () => {
      const known = await recall(name);
      if (known) return known;
      const next = await work();
      await remember(name, await seal(next));
      return next;
    };
    if (!underWay.has(name)) underWay.set(name, workUnlessKnown().finally(() => underWay.delete(name)));
    return underWay.get(name);
  };
}

/** Return what notes that a session is over in its browser, as another or none took its place there, and what tells so. */
export function createEndings(cache) {
  const nameOf = ({cookie}) => digest(cookie, "end of session");

  async function note(session) {
    const name = await nameOf(session);
    shared().cache.set(name, "over", LIFE);
    await (async () => cache?.set(name, "over", LIFE))().catch(() => {}); // at worst a late answer counts
  }

  async function has(session) {
    const name = await nameOf(session);
    return Boolean(await shared().cache.get(name) ?? await (async () => cache?.get(name))().catch(() => null));
  }

  return {note, has};
}
