// An app by oauth4webapi, which does nothing by itself: `node oauth4webapi.mjs '{"issuer": …, "clientId": …}'`.
import * as oauth from "oauth4webapi";
import {app, finish, refusal, tell, visit} from "./steps.mjs";

const insecure = {[oauth.allowInsecureRequests]: true}; // the test has no certificate
const issuer = new URL(app.issuer);
const documents = [];
for (const algorithm of ["oidc", "oauth2"]) {
  const answer = await oauth.discoveryRequest(issuer, {algorithm, ...insecure});
  documents.push(await oauth.processDiscoveryResponse(issuer, answer));
}
const [as] = documents;
tell("same at both addresses", JSON.stringify(documents[0]) === JSON.stringify(documents[1]));
tell("iss is announced", as.authorization_response_iss_parameter_supported);

const client = {client_id: app.clientId, default_max_age: app.maxAge, require_auth_time: true};
const proof = oauth.ClientSecretBasic(app.secret);
const verifier = oauth.generateRandomCodeVerifier();
const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];

async function ask(more = {}, decision = "allow") {
  const url = new URL(as.authorization_endpoint);
  const parameters = {
    client_id: app.clientId,
    redirect_uri: app.redirectUri,
    response_type: "code",
    scope: "openid email",
    max_age: String(app.maxAge),
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state,
    nonce,
    ...more,
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return visit(url, decision);
}

/** What comes back is for us, by this issuer, and an answer to what we asked. */
const validated = (url) => oauth.validateAuthResponse(as, client, url, state);

async function exchanged(callback) {
  const answer = await oauth.authorizationCodeGrantRequest(as, client, proof, callback, app.redirectUri, verifier, insecure);
  return oauth.processAuthorizationCodeResponse(as, client, answer, {expectedNonce: nonce, requireIdToken: true});
}

const before = Math.floor(Date.now() / 1000);
const tokens = await exchanged(validated(await ask()));
const claims = oauth.getValidatedIdTokenClaims(tokens);
tell("auth_time", claims.auth_time - before >= (app.maxAge === 0 ? 0 : -app.maxAge));

const info = await oauth.userInfoRequest(as, client, tokens.access_token, insecure);
tell("userinfo", (await oauth.processUserInfoResponse(as, client, claims.sub, info)).email);

const shown = (token) => new Request(app.audience, {headers: {Authorization: `Bearer ${token}`}});
const checked = await oauth.validateJwtAccessToken(as, shown(tokens.access_token), app.audience, insecure);
tell("rfc 9068", [checked.client_id === app.clientId, checked.sub === claims.sub, typeof checked.jti, checked.scope]);
for (const [name, token] of Object.entries({...app.others, "id token": tokens.id_token, refresh: tokens.refresh_token})) {
  tell(`${name} as an access token`, await refusal(oauth.validateJwtAccessToken(as, shown(token), app.audience, insecure)));
}

const answer = await oauth.refreshTokenGrantRequest(as, client, proof, tokens.refresh_token, insecure);
const renewed = await oauth.processRefreshTokenResponse(as, client, answer);
tell("refreshed", renewed.access_token !== tokens.access_token);

const stale = await oauth.refreshTokenGrantRequest(as, client, proof, tokens.access_token, insecure);
tell("access as a refresh token", await refusal(oauth.processRefreshTokenResponse(as, client, stale)));

tell("wrong secret", await refusal((async () => {
  const wrong = oauth.ClientSecretBasic("wrong");
  const said = await oauth.refreshTokenGrantRequest(as, client, wrong, renewed.refresh_token, insecure);
  await oauth.processRefreshTokenResponse(as, client, said);
})()));

tell("unknown scope", await refusal((async () => validated(await ask({scope: "openid world"})))()));
tell("nobody is asked", await refusal((async () => validated(await ask({prompt: "none", max_age: "0"})))()));
tell("somebody says no", await refusal((async () => validated(await ask({prompt: "consent"}, "deny")))()));
finish();
