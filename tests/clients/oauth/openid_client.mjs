// An app by openid-client: `node openid_client.mjs '{"issuer": …, "clientId": …, "method": …}'`.
import * as client from "openid-client";
import {app, finish, imported, refusal, tell, visit} from "./steps.mjs";

const METHODS = {
  default: () => undefined,
  none: () => client.None(),
  client_secret_basic: () => client.ClientSecretBasic(app.secret),
  client_secret_post: () => client.ClientSecretPost(app.secret),
  private_key_jwt: async () => client.PrivateKeyJwt(await imported(app)),
};
const metadata = {client_secret: app.secret, ...(app.idTokenAlg && {id_token_signed_response_alg: app.idTokenAlg})};
const config = await client.discovery(new URL(app.issuer), app.clientId, metadata, await METHODS[app.method](), {
  execute: [client.allowInsecureRequests], // of the test, which has no certificate
});
const server = config.serverMetadata();
tell("discovery", server.issuer);

const verifier = client.randomPKCECodeVerifier();
const [state, nonce] = [client.randomState(), client.randomNonce()];
const asked = {
  redirect_uri: app.redirectUri,
  scope: "openid profile email offline_access",
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
  state,
  nonce,
};

const back = await visit(client.buildAuthorizationUrl(config, asked));
const tokens = await client.authorizationCodeGrant(config, back, {
  pkceCodeVerifier: verifier,
  expectedState: state,
  expectedNonce: nonce,
  idTokenExpected: true,
});
tell("claims", tokens.claims());
tell("algorithm", JSON.parse(Buffer.from(tokens.id_token.split(".")[0], "base64url")).alg);
tell("scope", tokens.scope);

const {sub} = tokens.claims();
tell("userinfo", await client.fetchUserInfo(config, tokens.access_token, sub));

const renewed = await client.refreshTokenGrant(config, tokens.refresh_token);
tell("refreshed", renewed.refresh_token !== tokens.refresh_token);
tell("userinfo again", (await client.fetchUserInfo(config, renewed.access_token, sub)).sub === sub);

if (server.introspection_endpoint) {
  // Only apps that prove who they are may ask (RFC 7662 section 2.1).
  const asked = client.tokenIntrospection(config, renewed.access_token).then(({active}) => tell("introspection", active));
  tell("introspection refused", await refusal(asked));
}
if (server.revocation_endpoint) {
  if (app.logoutUri) {
    tell("end session", String(client.buildEndSessionUrl(config, {
      post_logout_redirect_uri: app.logoutUri, id_token_hint: tokens.id_token, state: "s t&=#",
    })));
  }
  await client.tokenRevocation(config, renewed.refresh_token);
  tell("revoked", await refusal(client.refreshTokenGrant(config, renewed.refresh_token)));
  tell("access after it", await refusal(client.fetchUserInfo(config, renewed.access_token, sub)));
}

tell("replay", await refusal(client.authorizationCodeGrant(config, back, {
  pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce,
})));

const silent = await visit(client.buildAuthorizationUrl(config, {...asked, prompt: "none", max_age: "0"}));
tell("silent", await refusal(client.authorizationCodeGrant(config, silent, {
  pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce,
})));

// For the person of before, and nobody else: of two ID tokens of one app the older one will do.
const same = await visit(client.buildAuthorizationUrl(config, {
  ...asked, prompt: "none", id_token_hint: tokens.id_token, login_hint: "somebody@example.com",
}));
const again = client.authorizationCodeGrant(config, same, {
  pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true,
});
tell("the same person", (await again).claims().sub === sub);
const forged = await visit(client.buildAuthorizationUrl(config, {...asked, id_token_hint: `${tokens.id_token}x`}));
tell("a forged hint", await refusal(client.authorizationCodeGrant(config, forged, {
  pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce,
})));
finish();
