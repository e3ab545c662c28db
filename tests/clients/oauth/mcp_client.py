"""An MCP client by the SDK of PyPI: it calls the one tool that there is. Speaks with the test as the others do."""

import asyncio
import json
import sys
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata

app = json.loads(sys.argv[1])
REGISTERED = {"redirect_uris": [app["redirectUri"]], "token_endpoint_auth_method": "none"}


def tell(step, value):
    print(json.dumps({"step": step, "value": value}), flush=True)


class Storage:
    tokens = None
    client = OAuthClientInformationFull(client_id=app["clientId"], **REGISTERED) if "clientId" in app else None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


storage = Storage()


async def send(url):
    tell("visit", {"url": url})


async def come_back():
    query = parse_qs(urlsplit(sys.stdin.readline().strip()).query)
    return AuthorizationCodeResult(code=query["code"][0], state=query["state"][0], iss=query["iss"][0])


async def whoami(provider):
    http = httpx2.AsyncClient(auth=provider, timeout=20)
    async with http, Client(streamable_http_client(app["server"], http_client=http)) as client:
        result = await client.call_tool("whoami", {})
        return result.content[0].text


async def main():
    metadata = OAuthClientMetadata(client_name="Assistant", **REGISTERED)
    document = app.get("document")  # of a client that is not registered
    provider = OAuthClientProvider(app["server"], metadata, storage, send, come_back, client_metadata_url=document)
    tell("whoami", await whoami(provider))
    before = storage.tokens
    tell("scope", before.scope)
    tell("token", before.access_token)
    provider.context.token_expiry_time = 1  # as if the time were over
    tell("whoami again", await whoami(provider))
    tell("another token", storage.tokens.access_token != before.access_token)
    tell("end", True)


asyncio.run(main())
