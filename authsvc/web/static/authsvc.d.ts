// What `/authsvc.js` exports. The module restores the session when it is loaded, keeps it alive while the page is open,
// and shares every change with the other tabs of the page's origin. Failed calls reject with an `AuthError`.

export interface User {
  id: string;
  name: string;
  email: string;
  emailVerified: boolean;
  role: string;
  mfaEnabled: boolean;
  /** RFC 3339, in UTC; null if another program created the account and did not say when. */
  createdAt: string | null;
}

export interface SignedIn {
  user: User;
  mfaRequired?: undefined;
  /** Where the sign-in with a provider was to return to. */
  returnTo?: string | null;
  /** The challenge of the code in the letter that confirms the address, if `register` asked for one. */
  emailChallenge?: CodeRequested;
}

/** The first proof is correct, and a second factor is required within `expiresIn` seconds. */
export interface MfaRequired {
  mfaRequired: true;
  mfaToken: string;
  methods: ("totp" | "recovery_code" | "passkey")[];
  expiresIn: number;
  user?: undefined;
}

/** A code of six digits was sent, or not: nobody learns whether there is an account. It is good for `expiresIn` seconds. */
export interface CodeRequested {
  challengeId: string;
  expiresIn: number;
}

/** An account elsewhere that signs somebody in here. */
export interface Identity {
  id: string;
  provider: string;
  /** What the provider is called. */
  label: string;
  email: string | null;
  createdAt: string;
  lastUsedAt: string | null;
}

/** The email address must be confirmed first: an email is on its way. */
export interface VerificationRequired {
  verificationRequired: true;
  /** The challenge of the code in that email, if `register` asked for one: `POST /auth/email/verify` takes both. */
  challengeId?: string;
  expiresIn?: number;
  user?: undefined;
}

export interface FieldError {
  /** The member of the body that is wrong, as a JSON pointer: `/email`. */
  pointer?: string;
  parameter?: string;
  code: string;
  detail: string;
}

export class AuthError extends Error {
  /**
   * A code of the service (`invalid_credentials`, `too_many_attempts`, …; each is explained at `/problems/<code>`), or:
   * `offline`: the service can't be reached, or does not list the page's origin in `CORS_ORIGINS`;
   * `unexpected`: something other than the service answered;
   * `redirect_refused`: a redirect was not followed, because it could take the token elsewhere;
   * `cookie_refused`: the sign-in was correct, but the browser keeps no cookie of the service for this page;
   * `aborted`, `passkey_cancelled`, `passkey_failed`, `passkey_unsupported`: from the browser, about a passkey.
   */
  code: string;
  /** The HTTP status; undefined if there was no answer. */
  status?: number;
  title?: string;
  detail?: string;
  /** With `validation_failed`: one entry for each mistake. */
  errors?: FieldError[];
  requestId?: string;
  /** The number of seconds after which to try again. */
  retryAfter?: number;
  /** With `session_ended`: why the session ended. */
  reason?: string;
  /** With `second_factor_required`: the factors that are accepted. */
  methods?: string[];
}

/** The origin of the service, from which this module was loaded: `fetch(service + "/auth/me")`. */
export const service: string;

/**
 * Let `fetch` send the access token to further origins, such as that of your API (and that of your own page, if it
 * differs from the service's). It is never sent anywhere else.
 */
export function configure(options: { audiences?: string[] }): void;

/** Create an account and sign in. With `challenge` the code in the email that confirms the address can be typed here. */
export function register(
  fields: { name: string; email: string; password: string; challenge?: boolean },
): Promise<SignedIn | VerificationRequired>;

/** Sign in with a password. If that is not enough, continue with `completeMfa`. */
export function login(credentials: { email: string; password: string }): Promise<SignedIn | MfaRequired>;

/**
 * Complete a sign-in with one proof: a code from the authenticator app, a recovery code, or a passkey, which the browser
 * asks for. `mfaToken` defaults to that of the last `login` in this tab.
 */
export function completeMfa(
  proof: { mfaToken?: string } & ({ code: string } | { recoveryCode: string } | { passkey: true; signal?: AbortSignal }),
): Promise<SignedIn>;

/**
 * Sign in with just a passkey. `conditional` offers it in the field for the email address (`autocomplete="username
 * webauthn"`): call it when the page is shown, and ignore `aborted` and `passkey_unsupported`. A later call replaces it.
 */
export function loginWithPasskey(options?: { conditional?: boolean; signal?: AbortSignal }): Promise<SignedIn>;

/**
 * Send a code of six digits, and a link, to an email address. With a `name` it also signs up: the code then creates an
 * account without a password if there is none. The answer is the same whether there is an account or not.
 */
export function requestCode(fields: { email: string; name?: string }): Promise<CodeRequested>;

/**
 * Sign in with the code of a letter; `challengeId` defaults to that of the last `requestCode` in this tab. If that is not
 * enough, continue with `completeMfa`.
 */
export function loginWithCode(proof: { challengeId?: string; code: string }): Promise<SignedIn | MfaRequired>;

/**
 * Leave the page for a provider, one of `GET /auth/providers`, to sign in there. The browser comes back to `returnTo`,
 * this page by default, and is then signed in: a path of the service, or an address at one of `CORS_ORIGINS`. With the
 * intent `link` the provider's account is connected to the account that is signed in, which takes a recent sign-in; with
 * `reauthenticate` it confirms who is signed in.
 */
export function signInWith(
  provider: string,
  options?: { returnTo?: string; intent?: "sign_in" | "link" | "reauthenticate" },
): Promise<void>;

/** List the accounts elsewhere that sign in whoever is signed in. */
export function identities(): Promise<Identity[]>;

/** Disconnect one of them, which takes a recent sign-in. */
export function unlink(id: string): Promise<void>;

/**
 * Sign in by another route of the service that answers with tokens; resolve to what it answers, without them. The
 * functions above do it for their own routes.
 */
export function signIn<Answer = SignedIn | MfaRequired>(path: string, body: object): Promise<Answer>;

/**
 * End the session, in all tabs. If the service can't be reached, this rejects and the user is still signed in: only the
 * service can remove the cookie, and users who were told that they are signed out must not be signed in after a reload.
 */
export function logout(): Promise<void>;

/**
 * Resolve to the user who is signed in, or null. The first call waits until that is known. It rejects (`offline`, a 503)
 * if it can't be found out, which is not the same as signed out; it is tried again in the background, see `onChange`.
 */
export function user(): Promise<User | null>;

/**
 * Call `listener` with the user or null, once that is known and whenever it changes in any tab. Returns a function that
 * removes the listener.
 */
export function onChange(listener: (user: User | null) => void): () => void;

/** Why a listener is called: with `signed_out` the `reason` says what ended it (`logout`, `password_changed`, …). */
export interface Change {
  event: "restored" | "signed_in" | "updated" | "signed_out" | "unreachable";
  reason?: string;
  /** With `unreachable`: why it is not known yet who is signed in. It is tried again. */
  error?: AuthError;
}

/** Like `onChange`, with what happened. The user is undefined as long as it is not known who is signed in. */
export function subscribe(listener: (user: User | null | undefined, change: Change) => void): () => void;

/**
 * Resolve to an access token that is good now, or to null if nobody is signed in: for a WebSocket, or a library that
 * makes its own requests.
 */
export function getAccessToken(): Promise<string | null>;

/** Whether an error is an `AuthError`, also one of another copy of this module, and has the code, if one is named. */
export function isAuthError(error: unknown, code?: string): error is AuthError;

/** Get a new token and the current user, for example after a change of name or factors. */
export function refresh(): Promise<User | null>;

/**
 * Like the browser's `fetch`, but with the access token if the request goes to the service or an audience. If the token
 * is refused, it is replaced and the request is sent once more, unless the body is a stream, which is used up by then, or
 * another user has signed in since. Redirects are refused, and an `Authorization` header of your own is not changed.
 */
export function fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;

/** Call a route of the service with JSON; resolve to its answer (`{}` for a 204). */
export function call<Answer = any>(method: string, path: string, body?: unknown): Promise<Answer>;

/** Create a passkey with the `publicKey` of `/auth/passkeys/options`; resolve to the `credential` to post. */
export function createPasskey(publicKey: object, options?: { signal?: AbortSignal }): Promise<object>;

/** Prove a passkey with the `publicKey` of any other options; resolve to the `credential` to post. */
export function getPasskey(
  publicKey: object,
  options?: { signal?: AbortSignal; mediation?: CredentialMediationRequirement },
): Promise<object>;
