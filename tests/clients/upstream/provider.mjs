// Providers by oidc-provider: `node provider.mjs '{"clientId": …, "secret": …, "redirectUris": […], "ports": […]}'`.
// One at each port; both know the same people, by the name that is typed into their own form.
import {generateKeyPairSync} from "node:crypto";
import {Provider} from "oidc-provider";

const told = JSON.parse(process.argv[2]);

function key() {
  const {privateKey} = generateKeyPairSync("rsa", {modulusLength: 2048});
  return {...privateKey.export({format: "jwk"}), alg: "RS256", use: "sig"};
}

function account(_context, id) {
  return {
    accountId: id,
    claims: () => ({sub: id, email: `${id}@example.com`, email_verified: !id.startsWith("unproved"), name: `Name of ${id}`}),
  };
}

for (const [number, port] of told.ports.entries()) {
  const provider = new Provider(`http://127.0.0.1:${port}`, {
    clients: [{
      client_id: told.clientId,
      client_secret: told.secret,
      redirect_uris: told.redirectUris,
      token_endpoint_auth_method: number % 2 ? "client_secret_post" : "client_secret_basic",
    }],
    clientAuthMethods: [number % 2 ? "client_secret_post" : "client_secret_basic"],
    claims: {email: ["email", "email_verified"], profile: ["name"]},
    conformIdTokenClaims: number % 2 === 0, // then they are only at userinfo
    cookies: {keys: ["of these tests"]},
    findAccount: account,
    jwks: {keys: [key()]},
    features: {devInteractions: {enabled: true}},
    pkce: {required: () => true},
  });
  await new Promise((resolve) => provider.listen(port, "127.0.0.1", resolve));
}
console.log("ready");
