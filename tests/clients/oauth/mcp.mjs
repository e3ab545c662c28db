// An MCP client by the npm SDK: `node mcp.mjs '{"clientId": …, "server": …}'`. It calls the one tool that there is.
// With `document` in place of `clientId` it is not registered: that is the address of its metadata document.
import {auth, UnauthorizedError} from "@modelcontextprotocol/sdk/client/auth.js";
import {Client} from "@modelcontextprotocol/sdk/client/index.js";
import {StreamableHTTPClientTransport} from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {app, finish, tell, visit} from "./steps.mjs";

const kept = {information: app.clientId && {client_id: app.clientId}};
let back;

const provider = {
  redirectUrl: app.redirectUri,
  clientMetadataUrl: app.document,
  clientMetadata: {redirect_uris: [app.redirectUri], client_name: "Assistant"},
  clientInformation: () => kept.information,
  saveClientInformation: (information) => { kept.information = information; },
  tokens: () => kept.tokens,
  saveTokens: (tokens) => { kept.tokens = tokens; },
  saveCodeVerifier: (verifier) => { kept.verifier = verifier; },
  codeVerifier: () => kept.verifier,
  redirectToAuthorization: async (url) => { back = await visit(url); },
};

const url = new URL(app.server);
const name = {name: "tests", version: "1"};
const first = new StreamableHTTPClientTransport(url, {authProvider: provider});
try {
  await new Client(name).connect(first);
} catch (error) {
  if (!(error instanceof UnauthorizedError)) throw error;
  await first.finishAuth(back.searchParams.get("code"));
}

async function whoami() {
  const client = new Client(name);
  await client.connect(new StreamableHTTPClientTransport(url, {authProvider: provider}));
  const {content} = await client.callTool({name: "whoami", arguments: {}});
  await client.close();
  return content[0].text;
}

tell("scope", kept.tokens.scope);
tell("token", kept.tokens.access_token);
tell("whoami", await whoami());
const before = kept.tokens.access_token;
tell("refreshed", await auth(provider, {serverUrl: url}));
tell("another token", kept.tokens.access_token !== before);
tell("whoami again", await whoami());
finish();
