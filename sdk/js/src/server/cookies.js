// The cookies: what a request brought, what an answer sets, and the one that is sealed.

import {EncryptJWT, jwtDecrypt} from "jose";

const MAX_AGE = 34_560_000; // seconds: browsers keep no cookie for longer than 400 days
const SHORTEST_SECRET = 32;

/** Return the cookies of a `Cookie` header, by name. */
export const parseCookies = (header) => new Map((header || "").split(";").filter((pair) => pair.includes("=")).map((pair) => {
  const [name, ...value] = pair.split("=");
  return [name.trim(), value.join("=").trim()];
}));

export const writeCookies = (cookies) => [...cookies].map((pair) => pair.join("=")).join("; ");

/** Return `{name, value, attributes}` of a `Set-Cookie` header. */
export function parseSetCookie(header) {
  const [pair, ...attributes] = header.split(";");
  const [name, ...value] = pair.split("=");
  return {name: name.trim(), value: value.join("=").trim(), attributes};
}

async function toKey(secret) {
  const bytes = new TextEncoder().encode(`authsvc session cookie ${secret}`);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

/** Return what seals by the first of the secrets, and opens what any of them has sealed. */
export function createSeal(secrets) {
  const all = [secrets].flat();
  if (!all.length || all.some((one) => typeof one !== "string" || one.length < SHORTEST_SECRET)) {
    throw new TypeError(`\`secret\` must have at least ${SHORTEST_SECRET} characters.`);
  }
  let keys;
  const getKeys = () => keys ??= Promise.all(all.map(toKey));

  async function seal(content) {
    const [newest] = await getKeys();
    return new EncryptJWT(content).setProtectedHeader({alg: "dir", enc: "A256GCM"}).encrypt(newest);
  }

  /** Resolve to what was sealed, or to null: what is forged, or of a secret that is gone, signs nobody in. */
  async function open(sealed) {
    for (const key of sealed ? await getKeys() : []) {
      const opened = await jwtDecrypt(sealed, key, {
        keyManagementAlgorithms: ["dir"], contentEncryptionAlgorithms: ["A256GCM"],
      }).catch(() => null);
      if (opened) return opened.payload;
    }
    return null;
  }

  return {seal, open};
}

/** Return what writes the cookie of an app at `origin`. */
export function createCookie(origin) {
  const isSecure = new URL(origin).protocol === "https:";
  const name = isSecure ? "__Host-session" : "session";
  const write = (value, maxAge) =>
    `${name}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${maxAge}${isSecure ? "; Secure" : ""}`;
  return {name, set: (value) => write(value, MAX_AGE), clear: () => write("", 0)};
}
