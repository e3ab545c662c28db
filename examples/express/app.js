// An Express app behind authsvc: it verifies access tokens with the published keys, and shares no secret.
import express from "express";
import { createRemoteJWKSet, errors, jwtVerify } from "jose";

const issuer = process.env.AUTHSVC ?? "http://localhost:8000"; // PUBLIC_URL of authsvc
const keys = createRemoteJWKSet(new URL("/.well-known/jwks.json", issuer));
const expected = {
  issuer, audience: issuer, algorithms: ["ES256"], typ: "JWT", requiredClaims: ["exp", "sid"], clockTolerance: 10,
};

async function signedIn(request, response, next) {
  const token = /^bearer +(\S+)$/i.exec(request.get("authorization") ?? "")?.[1];
  if (!token) return refuse(response);
  try {
    const { payload } = await jwtVerify(token, keys, expected);
    if (payload.type !== "access") return refuse(response, 'Bearer error="invalid_token"'); // an app's, say
    request.user = { id: payload.sub, role: payload.role };
    next();
  } catch (error) {
    const refused = error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout);
    if (refused && error.code !== "ERR_JOSE_GENERIC") return refuse(response, 'Bearer error="invalid_token"');
    response.status(503).set("Retry-After", "2").json({ error: "the keys can't be had" }); // nobody is signed out
  }
}

function refuse(response, challenge = "Bearer") {
  response.status(401).set("WWW-Authenticate", challenge).json({ error: "sign in first" });
}

function hasRole(role) {
  return (request, response, next) =>
    request.user.role === role ? next() : response.status(403).json({ error: `for ${role}s` });
}

const app = express();
app.get("/", signedIn, (request, response) => response.json({ user: request.user.id }));
app.get("/admin", signedIn, hasRole("admin"), (request, response) => response.json({ admin: request.user.id }));
app.listen(Number(process.env.PORT ?? 3000), "127.0.0.1");
