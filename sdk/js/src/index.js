// The client: createClient() makes one, and nothing happens before it is used.

import {accountCalls} from "./account.js";
import {createCookieVault} from "./cookie.js";
import {createCore} from "./core.js";
import {StorageVault, createMemory} from "./storage.js";
import {createWire} from "./wire.js";

export {AuthError, isAuthError} from "./errors.js";
export {createPasskey, getPasskey} from "./passkeys.js";

export function createClient({url, storage, fetch, audiences}) {
  const ownStorage = storage || (globalThis.document ? undefined : createMemory()); // there are no cookies elsewhere
  const wire = createWire(url, fetch, !ownStorage);
  const vault = ownStorage ? new StorageVault(wire, ownStorage) : createCookieVault(wire);
  const core = createCore(wire, vault, audiences);
  const client = Object.defineProperties({}, Object.getOwnPropertyDescriptors(core)); // `url` is not known everywhere
  delete client.adopt;
  return Object.assign(client, accountCalls(core, wire));
}
