// A device by oauth4webapi, question by question: `node oauth4webapi_device.mjs '{"issuer": …, "clientId": …}'`.
import * as oauth from "oauth4webapi";
import {app, finish, refusal, tell, visit} from "./steps.mjs";

const insecure = {[oauth.allowInsecureRequests]: true}; // the test has no certificate
const issuer = new URL(app.issuer);
const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure));
const client = {client_id: app.clientId};
const proof = app.secret ? oauth.ClientSecretBasic(app.secret) : oauth.None();

async function begin(more = {}) {
  const answer = await oauth.deviceAuthorizationRequest(as, client, proof, {scope: "openid email", ...more}, insecure);
  return oauth.processDeviceAuthorizationResponse(as, client, answer);
}

async function question(code) {
  const answer = await oauth.deviceCodeGrantRequest(as, client, proof, code, insecure);
  return oauth.processDeviceCodeResponse(as, client, answer);
}

const codes = await begin();
tell("codes", [codes.user_code, codes.verification_uri, codes.expires_in, codes.interval]);
tell("first", await refusal(question(codes.device_code)));
tell("at once", await refusal(question(codes.device_code)));
await visit(codes.verification_uri_complete);
const tokens = await question(codes.device_code);
const claims = oauth.getValidatedIdTokenClaims(tokens);
tell("audience", claims.aud);
const info = await oauth.userInfoRequest(as, client, tokens.access_token, insecure);
tell("userinfo", (await oauth.processUserInfoResponse(as, client, claims.sub, info)).email);
tell("once more", await refusal(question(codes.device_code)));
const unwanted = await begin();
await visit(unwanted.verification_uri_complete, "deny");
tell("somebody says no", await refusal(question(unwanted.device_code)));
tell("of nobody", await refusal(question("asd_x")));
tell("unknown scope", await refusal(begin({scope: "openid phone"})));
finish();
