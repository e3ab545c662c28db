import type { JWTPayload } from "jose";
import type { User } from "./index.js";

/** Return what verifies access tokens by the service's published keys. */
export function createVerifier(options: {
  url: string; audience?: string; issuer?: string }): (token: string) => Promise<JWTPayload & { sid: string; role: string }>;

type Awaitable<T> = T | Promise<T>;

export interface AppSession {
  user: User | null;
  accessToken: string | null;
  /** The request's `Cookie` header with the newest session. */
  cookie: string;
  /** What the answer must set, if the session was refreshed or has ended. */
  setCookie?: string;
}

/** Keep sessions of browsers in a sealed cookie of the app's own, and answer `createClient({url: basePath})`. */
export function createAppSession(options: {
  url: string; origin: string; secret: string; basePath?: string; fetch?: typeof globalThis.fetch;
  /** What an old token was replaced with: share it among processes. */
  cache?: { get(key: string): Awaitable<any>; set(key: string, value: object, milliseconds: number): Awaitable<unknown> };
  /** The address of the browser, for the service's limits: it must trust this server (`TRUSTED_PROXIES`). */
  addressOf?: (request: Request) => string;
}): {
  handle(request: Request): Promise<Response>;
  getSession(request: Request): Promise<AppSession>;
  getUser(request: Request): Promise<User | null>;
};
