// A device by openid-client: `node openid_device.mjs '{"issuer": …, "clientId": …}'`.
import {setTimeout as pause} from "node:timers/promises";
import * as client from "openid-client";
import {app, finish, refusal, tell, visit} from "./steps.mjs";

const config = await client.discovery(new URL(app.issuer), app.clientId, {}, client.None(), {
  execute: [client.allowInsecureRequests], // of the test, which has no certificate
});

/** Ask for codes, and ask with them until a person has answered; they take longer than the first question. */
async function signIn(decision) {
  const codes = await client.initiateDeviceAuthorization(config, {scope: "openid profile email offline_access"});
  const polling = client.pollDeviceAuthorizationGrant(config, codes);
  polling.catch(() => {}); // it is looked at below
  await pause((codes.interval + 1) * 1e3);
  await visit(codes.verification_uri_complete, decision);
  return polling;
}

const tokens = await signIn("allow");
tell("claims", tokens.claims());
tell("scope", tokens.scope);
const {sub} = tokens.claims();
tell("userinfo", await client.fetchUserInfo(config, tokens.access_token, sub));
const renewed = await client.refreshTokenGrant(config, tokens.refresh_token);
tell("refreshed", renewed.refresh_token !== tokens.refresh_token);
await client.tokenRevocation(config, renewed.refresh_token);
tell("revoked", await refusal(client.refreshTokenGrant(config, renewed.refresh_token)));
tell("somebody says no", await refusal(signIn("deny")));
finish();
