import type { User } from "./index.js";

export { AuthError, isAuthError } from "./index.js";

/** What an access token says. */
export interface Claims {
  sub: string;
  sid: string;
  role: string;
  exp: number;
  iat: number;
  iss: string;
  aud: string;
  amr?: string[];
  auth_time?: number;
  [claim: string]: unknown;
}

/**
 * Return what resolves an access token to its claims, by the keys that the service publishes. `issuer` is its
 * `PUBLIC_URL`, if that is not `url`. Rejects with an `AuthError`: `token_missing`, `token_expired`, `token_invalid`, or
 * `offline` if the keys can't be had.
 */
export function createVerifier(options: {
  url: string; issuer?: string; audience?: string }): (token: string | null | undefined) => Promise<Claims>;

type Awaitable<T> = T | Promise<T>;

/** A request, or what there is of it where a page is rendered. */
export interface WithHeaders { headers: { get(name: string): string | null } }

export interface AppSession {
  /** For requests to an API in the name of the person; null if nobody is signed in. */
  accessToken: string | null;
  /** The request's `Cookie` header with the newest session: for what else reads this request. */
  cookie: string;
  /** What the answer must set, if the session was refreshed. */
  setCookie?: string;
}

/** What is known for a while: share it among processes. It is shown digests and sealed texts, no token. */
export interface Cache {
  get(key: string): Awaitable<string | null | undefined>;
  set(key: string, value: string, milliseconds: number): Awaitable<unknown>;
}

export interface AppSessionOptions {
  /** The address of the service. */
  url: string;
  /** The address of the app: what changes something must come from its pages. */
  origin: string;
  /** Seals the cookie: 32 characters or more, by chance. Of several the first seals, and all open. */
  secret: string | string[];
  /** Where `handle` is mounted: `/api` if it answers `/api/auth/…`. */
  basePath?: string;
  fetch?: typeof globalThis.fetch;
  cache?: Cache;
  /** The address of the browser, for the service's limits. The service must trust this server (`TRUSTED_PROXIES`). */
  addressOf?: (request: WithHeaders) => string | null | undefined;
}

/** Keep the sessions of browsers in a sealed cookie of the app's own, and answer `createClient({url: basePath})`. */
export function createAppSession(options: AppSessionOptions): {
  /** Answer the client of the browser: for all methods of `<basePath>/auth/*`. */
  handle(request: Request): Promise<Response>;
  /** The session of a request, refreshed if that is due. */
  getSession(request: WithHeaders): Promise<AppSession>;
  /** Ask the service who is signed in at this moment; null if nobody is. Rejects if that can't be found out. */
  getUser(request: WithHeaders): Promise<User | null>;
};
