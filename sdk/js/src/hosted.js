// `/authsvc.js`: a client of the service that the module came from. It starts at once: its import is its use.

import {createCookieVault} from "./cookie.js";
import {createCore} from "./core.js";
import {AuthError, isAuthError} from "./errors.js";
import {createWire} from "./wire.js";

const wire = createWire(new URL(import.meta.url).origin, undefined, true);
const client = createCore(wire, createCookieVault(wire));
client.start();

/** The origin of the service. */
export const service = wire.base;
export const onChange = (listener) => client.subscribe((user, {event}) => event !== "unreachable" && listener(user));
export const {
  call, completeMfa, configure, createPasskey, fetch, getAccessToken, getPasskey, identities, login, loginWithCode,
  loginWithPasskey, logout, refresh, register, requestCode, signIn, signInWith, subscribe, unlink, user,
} = client;
export {AuthError, isAuthError};
