// What the programs here share: each prints a line of JSON for each step, and leaves the browser's part to the test.
import {createInterface} from "node:readline";

const lines = createInterface({input: process.stdin})[Symbol.asyncIterator]();

/** What the test says the app is: issuer, clientId, secret … */
export const app = JSON.parse(process.argv[2]);

/** Print a step and what it gave. */
export function tell(step, value = true) {
  console.log(JSON.stringify({step, value}));
}

/** Send the person to an address; return the one that they come back to, when they have decided. */
export async function visit(url, decision = "allow") {
  tell("visit", {url: String(url), decision});
  const {value} = await lines.next();
  return new URL(value);
}

/** Return what a refusal is called: OAuth's own word for it, else the library's. */
export async function refusal(work) {
  try {
    await work;
    return "none";
  } catch (error) {
    if (error.error) return error.error;
    const {cause} = error; // a challenge comes with the answer, whose body nobody has read
    const said = error.response?.bodyUsed === false ? await error.response.json() : {};
    return said.error ?? cause?.[0]?.parameters?.error ?? error.code ?? error.message;
  }
}

/** Import a private key for signing assertions. */
export async function imported({jwk, alg}) {
  const kinds = {ES256: {name: "ECDSA", namedCurve: "P-256"}, RS256: {name: "RSASSA-PKCS1-v1_5", hash: "SHA-256"}};
  return {key: await crypto.subtle.importKey("jwk", jwk, kinds[alg], false, ["sign"]), kid: jwk.kid};
}

/** End: nobody has anything to say any longer. */
export function finish() {
  tell("end");
  process.exit(0);
}
