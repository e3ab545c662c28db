// Who is calling an API, by the keys that the service publishes.

import {createRemoteJWKSet, errors, jwtVerify} from "jose";
import {AuthError} from "../errors.js";

const NO_ANSWER = ["ERR_JOSE_GENERIC", "ERR_JWKS_TIMEOUT", "ERR_JWKS_INVALID"]; // of the keys, not of the token

function toAuthError(error) {
  const {code} = error;
  if (!(error instanceof errors.JOSEError) || NO_ANSWER.includes(code)) {
    return new AuthError({code: "offline", title: "The keys of the service can't be had"}, error);
  }
  const isExpired = code === "ERR_JWT_EXPIRED";
  return new AuthError({code: isExpired ? "token_expired" : "token_invalid", status: 401, title: error.message}, error);
}

/** Return what resolves an access token to its claims. It asks nobody but for keys, and knows of no sign-out. */
export function createVerifier({url, issuer = url.replace(/\/$/, ""), audience = issuer}) {
  const keys = createRemoteJWKSet(new URL("/.well-known/jwks.json", url));
  const expected = {
    issuer, audience, algorithms: ["ES256"], typ: "JWT", requiredClaims: ["sub", "sid", "exp"], clockTolerance: 10,
  };
  return async function verify(token) {
    if (!token) throw new AuthError({code: "token_missing", status: 401});
    const {payload} = await jwtVerify(token, keys, expected).catch((error) => { throw toAuthError(error); });
    // Refresh tokens and what apps are given come from the same keys.
    if (payload.type !== "access") throw new AuthError({code: "token_invalid", status: 401, title: "No access token"});
    return payload;
  };
}
