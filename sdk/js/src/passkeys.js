// Passkeys: the service writes bytes as base64url, and the browser wants buffers.

import {AuthError} from "./errors.js";

let request; // the AbortController of the question to the browser that is open

const toBytes = (base64url) => Uint8Array.from(
  atob(base64url.replace(/[-_]/g, (char) => char === "-" ? "+" : "/")), (char) => char.charCodeAt(0));
const toBase64url = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
  .replace(/[+/=]/g, (char) => ({"+": "-", "/": "_"})[char] || "");
const withIdAsBytes = (entity) => entity && {...entity, id: toBytes(entity.id)};

/** Create or get a credential; resolve to what the service takes, with buffers as base64url. */
async function askBrowser(verb, options, {signal, mediation} = {}) {
  request?.abort(); // browsers answer one question at a time
  request = new AbortController();
  const ownSignal = request.signal;
  const {challenge, user: owner, allowCredentials, excludeCredentials} = options;
  const publicKey = {
    ...options,
    challenge: toBytes(challenge),
    user: withIdAsBytes(owner),
    allowCredentials: allowCredentials?.map(withIdAsBytes),
    excludeCredentials: excludeCredentials?.map(withIdAsBytes),
  };
  try {
    const eitherSignal = signal ? AbortSignal.any([signal, ownSignal]) : ownSignal;
    const {id, type, response} = await navigator.credentials[verb]({publicKey, signal: eitherSignal, mediation});
    const members = {transports: response.getTransports?.()};
    for (const name in response) {
      if (response[name] instanceof ArrayBuffer) members[name] = toBase64url(response[name]);
    }
    return {id, rawId: id, type, response: members, clientExtensionResults: {}};
  } catch (cause) {
    const code = {AbortError: "aborted", NotAllowedError: "passkey_cancelled"}[cause.name] || "passkey_failed";
    throw new AuthError({code, title: cause.message}, cause);
  }
}

export const createPasskey = (publicKey, options) => askBrowser("create", publicKey, options);
export const getPasskey = (publicKey, options) => askBrowser("get", publicKey, options);
