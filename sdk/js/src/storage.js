// The refresh token is in a storage of the app: for React Native, Electron, extensions, and pages of other sites.

import {AuthError} from "./errors.js";

/** A storage that forgets with the program. */
export function createMemory() {
  const values = new Map();
  return {get: (key) => values.get(key), set: (key, value) => values.set(key, value), remove: (key) => values.delete(key)};
}

/** A storage `{get, set, remove}`, or one that looks like the browser's: each may return a promise. */
export class StorageVault {
  transport = "body";
  #storage;
  #unsaved; // the newest token while the storage does not take it: an older one would be taken for stolen

  constructor(wire, storage) {
    this.wire = wire;
    const {getItem, setItem, removeItem} = storage;
    this.#storage = getItem ? {
      get: (key) => getItem.call(storage, key),
      set: (key, value) => setItem.call(storage, key, value),
      remove: (key) => removeItem.call(storage, key),
    } : storage;
  }

  get #key() {
    return `authsvc.${this.wire.base.replace(/[^\w.-]+/g, "_")}`; // what every keychain takes for a name
  }

  #read = async () => this.#unsaved ?? await this.#storage.get(this.#key);

  async refresh() {
    const refreshToken = await this.#read();
    if (!refreshToken) throw new AuthError({code: "token_missing", status: 401});
    try {
      return await this.keep(await this.wire.post("/auth/refresh-token", {refreshToken}));
    } catch (error) {
      const newer = error.status === 401 && await this.#read(); // another window may have been quicker
      if (!newer || newer === refreshToken) throw error;
      return this.keep(await this.wire.post("/auth/refresh-token", {refreshToken: newer}));
    }
  }

  async logout() {
    const refreshToken = await this.#read();
    if (refreshToken) await this.wire.post("/auth/logout", {refreshToken});
  }

  /** Store the new token before anybody learns of the answer: the old one is good for a moment only. */
  async keep(answer) {
    this.#unsaved = answer.refreshToken;
    try {
      await this.#storage.set(this.#key, this.#unsaved);
      this.#unsaved = undefined;
    } catch (error) {
      console.warn("authsvc: the storage does not take the session, which ends with this program.", error);
    }
    return answer;
  }

  async forget() {
    this.#unsaved = undefined;
    try {
      await this.#storage.remove(this.#key);
    } catch { /* what stays there is dead: the session has ended */ }
  }
}
