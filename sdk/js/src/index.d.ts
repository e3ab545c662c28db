import type * as api from "./api.js";

export type { EndReason, ProblemCode } from "./api.js";
export type User = api.User;
type Body<Route extends keyof api.Routes> = Omit<api.Routes[Route]["body"], "transport">;
type Answer<Route extends keyof api.Routes> = api.Routes[Route]["answer"];
type Page = { limit?: number; cursor?: string };

/** A code of the service, or one of the client's own; what each means stands in the README. */
export type AuthErrorCode =
  | api.ProblemCode | "offline" | "unexpected" | "redirect_refused" | "cookie_refused" | "cookie_required" | "disposed"
  | "aborted" | "passkey_cancelled" | "passkey_failed" | "passkey_unsupported";

export class AuthError extends Error {
  code: AuthErrorCode;
  /** The HTTP status; undefined if there was no answer. */
  status?: number;
  title?: string;
  detail?: string;
  errors?: { pointer?: string; parameter?: string; code: string; detail: string }[];
  requestId?: string;
  /** The number of seconds after which to try again. */
  retryAfter?: number;
  /** With `session_ended`: why. */
  reason?: api.EndReason;
  methods?: string[];
}

/** Whether an error is an `AuthError`, also of another copy of this package, and has the code, if one is named. */
export function isAuthError(error: unknown, code?: AuthErrorCode): error is AuthError;

/** Why a listener is called: `reason` says what ended a session, `error` why nobody knows yet who is signed in. */
export interface Change {
  event: "restored" | "signed_in" | "updated" | "signed_out" | "unreachable";
  reason?: api.EndReason | api.ProblemCode;
  error?: AuthError;
}

export interface SignedIn {
  user: User;
  mfaRequired?: undefined;
  returnTo?: string | null;
  emailChallenge?: { challengeId: string; expiresIn: number } | null;
}
export type MfaRequired = api.MfaRequired & { user?: undefined; mfaRequired: true };
export interface VerificationRequired {
  verificationRequired: true;
  challengeId?: string;
  expiresIn?: number;
  user?: undefined;
}

/** Where the refresh token is kept: AsyncStorage, a keychain … Each may return a promise. */
export type Storage =
  | { get(key: string): unknown; set(key: string, value: string): unknown; remove(key: string): unknown }
  | { getItem(key: string): unknown; setItem(key: string, value: string): unknown; removeItem(key: string): unknown };

export interface Options {
  /** The address of the service, or the path of an app server that stands before it (`authsvc/server`). */
  url: string;
  /** Without one the refresh token is in a cookie; outside browsers it is forgotten with the program. */
  storage?: Storage;
  fetch?: (request: Request) => Promise<Response>;
  /** Further origins that `fetch` may show the access token. */
  audiences?: string[];
}

/** A proof of who is signed in. */
export type Proof =
  | { password: string } | { code: string } | { challengeId: string; code: string } | { passkey: true; signal?: AbortSignal };
type ByLetter = { token: string } | { challengeId: string; code: string };
type Listed<Route extends keyof api.Routes> = (page?: Page) => Promise<Answer<Route>>;

export interface Client {
  readonly url: string;
  /** Who is signed in; null: nobody; undefined: not known yet. */
  readonly current: User | null | undefined;
  /** Why it is not known. It is tried again. */
  readonly error: AuthError | undefined;
  /** Restore the session now; each of the functions below does it too. */
  start(): void;
  /** End timers, listeners and the channel to other tabs. The person stays signed in. */
  dispose(): void;
  subscribe(listener: (user: User | null | undefined, change: Change) => void): () => void;
  user(): Promise<User | null>;
  refresh(): Promise<User | null>;
  /** A token that is good now, or null if nobody is signed in. */
  getAccessToken(): Promise<string | null>;
  configure(options: { audiences?: string[] }): void;
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;
  call<Method extends string, Path extends string>(
    method: Method, path: Path, body?: unknown,
  ): Promise<`${Method} ${Path}` extends keyof api.Routes ? Answer<`${Method} ${Path}`> : any>;

  register(fields: Body<"POST /auth/register">): Promise<SignedIn | VerificationRequired>;
  login(credentials: Body<"POST /auth/login">): Promise<SignedIn | MfaRequired>;
  completeMfa(proof: { mfaToken?: string } & (
    { code: string } | { recoveryCode: string } | { passkey: true; signal?: AbortSignal })): Promise<SignedIn>;
  loginWithPasskey(options?: { conditional?: boolean; signal?: AbortSignal }): Promise<SignedIn>;
  requestCode(fields: Body<"POST /auth/login/email">): Promise<Answer<"POST /auth/login/email">>;
  loginWithCode(proof: { challengeId?: string; code: string }): Promise<SignedIn | MfaRequired>;
  signInWith(provider: string, options?: {
    returnTo?: string; intent?: "sign_in" | "link" | "reauthenticate" }): Promise<void>;
  signIn<T = SignedIn | MfaRequired>(path: string, body: object): Promise<T>;
  logout(): Promise<void>;

  reauthenticate(proof: Proof): Promise<void>;
  /** Send a code by email, for somebody who has no other proof. */
  requestReauthenticationCode(): Promise<Answer<"POST /auth/reauthenticate/email">>;
  /** Do `work`; if that takes a recent sign-in, `ask` for a proof and do it again. Nothing for a proof: `aborted`. */
  withFreshSignIn<T>(
    work: () => Promise<T>, ask: (factors: Answer<"GET /auth/mfa">) => Promise<Proof | null | undefined>): Promise<T>;
  requestPasswordReset(fields: Body<"POST /auth/password/forgot">): Promise<Answer<"POST /auth/password/forgot">>;
  resetPassword(proof: ByLetter & { newPassword: string }): Promise<void>;
  verifyEmail(proof: ByLetter): Promise<User>;
  resendVerification(fields: Body<"POST /auth/email/resend">): Promise<Answer<"POST /auth/email/resend">>;
  revertEmail(proof: { token: string }): Promise<User>;
  /** Say what the link of a letter does, without using it up. */
  inspectLink(proof: { token: string }): Promise<Answer<"POST /auth/links/inspect">>;
  updateProfile(fields: Body<"PATCH /auth/me">): Promise<User>;
  changeEmail(fields: Body<"POST /auth/me/email">): Promise<void>;
  /** The change that waits for its link to be followed, or null. */
  emailChange(): Promise<Answer<"GET /auth/me/email">["waiting"]>;
  cancelEmailChange(): Promise<void>;
  changePassword(fields: Body<"POST /auth/me/password">): Promise<void>;
  deleteAccount(): Promise<void>;
  exportData(): Promise<Answer<"GET /auth/me/export">>;
  activity: Listed<"GET /auth/me/activity">;
  providers(): Promise<Answer<"GET /auth/providers">["items"]>;
  identities(): Promise<Answer<"GET /auth/identities">["items"]>;
  unlink(id: string): Promise<void>;
  factors(): Promise<Answer<"GET /auth/mfa">>;
  createRecoveryCodes(): Promise<string[]>;
  /** Ask for a second factor at every sign-in from now on. */
  requireSecondFactor(): Promise<void>;
  sessions: {
    list: Listed<"GET /auth/sessions">; end(id: string): Promise<void>;
    endOthers(): Promise<void>; endAll(): Promise<void>;
  };
  totp: {
    begin(): Promise<Answer<"POST /auth/mfa/totp">>;
    confirm(fields: Body<"POST /auth/mfa/totp/confirm">): Promise<Answer<"POST /auth/mfa/totp/confirm">>;
    remove(): Promise<void>;
  };
  passkeys: {
    list: Listed<"GET /auth/passkeys">;
    add(name: string, options?: { signal?: AbortSignal }): Promise<Answer<"POST /auth/passkeys">>;
    rename(id: string, name: string): Promise<Answer<"POST /auth/passkeys">>;
    remove(id: string): Promise<void>;
  };
  accessTokens: {
    list: Listed<"GET /auth/access-tokens">;
    create(fields: Body<"POST /auth/access-tokens">): Promise<Answer<"POST /auth/access-tokens">>;
    end(id: string): Promise<void>;
  };
  grants: { list: Listed<"GET /auth/grants">; end(id: string): Promise<void> };
  createPasskey: typeof createPasskey;
  getPasskey: typeof getPasskey;
}

/** Make a client. Nothing happens before it is used. */
export function createClient(options: Options): Client;

export function createPasskey(publicKey: object, options?: { signal?: AbortSignal }): Promise<object>;
export function getPasskey(
  publicKey: object, options?: { signal?: AbortSignal; mediation?: CredentialMediationRequirement }): Promise<object>;
