// What `/authsvc.js` exports. It restores the session when it is loaded, keeps it for as long as the page is open, and
// tells the other tabs of the page's origin of every change. What fails rejects with an `AuthError`.

export interface User {
  id: string;
  name: string;
  email: string;
  emailVerified: boolean;
  role: string;
  mfaEnabled: boolean;
  /** RFC 3339, in UTC. */
  createdAt: string;
}

export interface SignedIn {
  user: User;
  mfaRequired?: undefined;
}

/** The password was right, and a second factor is to come within `expiresIn` seconds. */
export interface MfaRequired {
  mfaRequired: true;
  mfaToken: string;
  methods: ("totp" | "recovery_code" | "passkey")[];
  expiresIn: number;
  user?: undefined;
}

/** The address is to be confirmed first: a letter is on its way. */
export interface VerificationRequired {
  verificationRequired: true;
  user?: undefined;
}

export interface FieldError {
  /** Which member of the body is wrong, as a JSON pointer: `/email`. */
  pointer?: string;
  parameter?: string;
  code: string;
  detail: string;
}

export class AuthError extends Error {
  /**
   * A code of the service (`invalid_credentials`, `too_many_attempts`, …; all are at `/problems/<code>`), or:
   * `offline`: the service can't be reached, or does not list the page's origin in `CORS_ORIGINS`;
   * `unexpected`: what answered is not the service;
   * `redirect_refused`: a redirect was not followed, since it could take the token elsewhere;
   * `aborted`, `passkey_cancelled`, `passkey_failed`, `passkey_unsupported`: from the browser, about a passkey.
   */
  code: string;
  /** The HTTP status; undefined where there was no answer. */
  status?: number;
  title?: string;
  detail?: string;
  /** With `validation_failed`: what is wrong, one entry for each. */
  errors?: FieldError[];
  requestId?: string;
  /** After how many seconds to try again. */
  retryAfter?: number;
  /** With `session_ended`: why. */
  reason?: string;
  /** With `second_factor_required`: which will do. */
  methods?: string[];
}

/** The origin of the service, which is where this module was loaded from: `fetch(service + "/auth/me")`. */
export const service: string;

/**
 * Let `fetch` show the access token to further origins, such as that of your API (your page's own origin too, where it
 * is another than the service's). Nobody else ever gets it.
 */
export function configure(options: { audiences?: string[] }): void;

/** Create an account and sign in. */
export function register(fields: { name: string; email: string; password: string }): Promise<SignedIn | VerificationRequired>;

/** Sign in by password; where that is not enough, go on with `completeMfa`. */
export function login(credentials: { email: string; password: string }): Promise<SignedIn | MfaRequired>;

/**
 * Complete a sign-in by one proof: a code of the authenticator app, a recovery code, or a passkey, which the browser asks
 * for. `mfaToken` is that of the last `login` in this tab unless it is given.
 */
export function completeMfa(
  proof: { mfaToken?: string } & ({ code: string } | { recoveryCode: string } | { passkey: true; signal?: AbortSignal }),
): Promise<SignedIn>;

/**
 * Sign in by a passkey alone. `conditional` offers it where an address is typed (`autocomplete="username webauthn"`):
 * call it when the page is shown, and ignore `aborted` and `passkey_unsupported`; a later call takes its place.
 */
export function loginWithPasskey(options?: { conditional?: boolean; signal?: AbortSignal }): Promise<SignedIn>;

/**
 * End the session, in all tabs. While the service can't be reached this rejects and the user is still signed in: only
 * the service can take the cookie away, and who was told that they are signed out must not be back after a reload.
 */
export function logout(): Promise<void>;

/**
 * Resolve to who is signed in, or to null. The first call waits until that is known; it rejects (`offline`, a 503) where
 * it can't be told, which is not the same as signed out; it is tried again in the background, and `onChange` tells.
 */
export function user(): Promise<User | null>;

/**
 * Call back with the user or null: once that is known, then whenever it changes in any tab. Returns what ends that.
 */
export function onChange(listener: (user: User | null) => void): () => void;

/** Get a new token and the user as they are now: after a change of name or of factors, or after a sign-in elsewhere. */
export function refresh(): Promise<User | null>;

/**
 * What `fetch` does, with the access token if the request goes to the service or to an audience. If that is refused, the
 * token is replaced and the request sent once more (not where the body is a stream, which is gone by then, and not
 * where somebody else has signed in meanwhile). Redirects are refused, and an `Authorization` of your own is left alone.
 */
export function fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;

/** Call a route of the service with JSON: resolve to what it answers (`{}` for a 204). */
export function call<Answer = any>(method: string, path: string, body?: unknown): Promise<Answer>;

/** Make a passkey by the `publicKey` of `/auth/passkeys/options`: resolve to the `credential` to post. */
export function createPasskey(publicKey: object, options?: { signal?: AbortSignal }): Promise<object>;

/** Show a passkey by the `publicKey` of any other options: resolve to the `credential` to post. */
export function getPasskey(
  publicKey: object,
  options?: { signal?: AbortSignal; mediation?: CredentialMediationRequirement },
): Promise<object>;
