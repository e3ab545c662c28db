"""U1: whatever bytes anybody sends, the work is at most proportional to them, and the answer is there at once."""

import io
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient

from authsvc import logs
from authsvc.http import parsing
from authsvc.security import (
    addresses,
    foreign_hashes,
    jwk,
    networks,
    opaque_tokens,
    password_policy,
    quoting,
    recovery_codes,
)
from authsvc.security.typed import strip_separators
from authsvc.services.user_transfer.files import Lines, read_csv, read_json
from tests.conftest import Person, problem
from tests.support.accounts import Database, hashing
from tests.support.hostile import LARGE, SOME, faster_than_its_input
from tests.support.service import Service

ORIGIN = "https://app.example.com"
READ_BY = {
    "Accept": ("GET", "/problems/not_found"),
    "Access-Control-Request-Headers": ("OPTIONS", "/auth/login"),
    "Access-Control-Request-Method": ("OPTIONS", "/auth/login"),
    "Authorization": ("GET", "/auth/verify"),
    "If-Match": ("GET", "/authsvc.js"),
    "If-Modified-Since": ("GET", "/authsvc.js"),
    "If-None-Match": ("GET", "/authsvc.js"),
    "If-Range": ("GET", "/authsvc.js"),
    "Range": ("GET", "/authsvc.js"),
}
"""What reads a header, if it is not every route."""

HEADERS = [
    *READ_BY,
    "Accept-Encoding",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "Cookie",
    "Forwarded",
    "Host",
    "Origin",
    "Referer",
    "Sec-Fetch-Site",
    "Transfer-Encoding",
    "User-Agent",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-HTTP-Method-Override",
    "X-Request-ID",
]
LISTS = ["/admin/users", "/admin/audit"]
BODY = '{"email":"' + '\\"' * 32_750
"""As it was found: a string that is never closed, and what looks like a quote 32,750 times."""

PARSERS: dict[str, Callable[[str], object]] = {
    "JSON": lambda text: parsing.parse_json(text.encode()),
    "JSON in a member": lambda text: parsing.parse_json(f'{{"email":{text}}}'.encode()),
    "JSON in a string": lambda text: parsing.parse_json(json.dumps({"email": text, text: 1}).encode()),
    "log: a value": lambda text: logs._safe(text, 6),
    "log: a name": lambda text: logs._safe({text: text}, 6),
    "log: within quotes": lambda text: logs._safe(f"at '{text}' x", 6),
    "address": addresses.canonical,
    "address: its local part": lambda text: addresses.canonical(f"{text}@example.com"),
    "address: its domain": lambda text: addresses.canonical(f"a@{text}.example"),
    "code": strip_separators,
    "recovery code": recovery_codes.digest,
    "opaque token": lambda text: opaque_tokens.is_well_formed(text, "asv_"),
    "JWS": jwk.is_canonical_jws,
    "network": networks.network_of,
    "hash": foreign_hashes.read,
    "common password": password_policy.is_common,
    "password about the account": lambda text: password_policy.is_like_account(text, "alice@example.com", "Alice"),
    "name in a letter": quoting.sanitize,
    "import: a line": lambda text: list(read_json(Lines(io.BytesIO(text.encode())), 1)),
    "import: a member": lambda text: list(read_json(Lines(io.BytesIO(json.dumps({"email": text}).encode())), 1)),
    "import: extended JSON": lambda text: [
        list(read_json(Lines(io.BytesIO(json.dumps({"a": {name: text}}).encode())), 1)) for name in ("$date",)
    ],
    "import: a cell": lambda text: list(read_csv(Lines(io.BytesIO(f"email,name\n{text},{text}\n".encode())), 1)),
    "import: a header": lambda text: list(read_csv(Lines(io.BytesIO(f"email,{text}\na,b\n".encode())), 1)),
}
"""What reads a text that anybody can send, or that a file holds."""


@pytest.fixture(scope="module")
def crowded(app: Flask, make_lasting_app: Callable[..., Flask]) -> Flask:
    """Return an application behind a proxy: all headers that can count do."""
    with hashing():
        return make_lasting_app(TRUSTED_PROXIES=1)


@pytest.fixture
def admin(client: FlaskClient, alice: Person, mongo: Database) -> Person:
    """Return an administrator."""
    for collection in (mongo.users, mongo.sessions):
        collection.update_many({}, {"$set": {"role": "admin"}})
    return alice


def bodies(document: dict[str, Any]) -> Iterator[tuple[str, str, str, list[str]]]:
    """Yield (method, path, media type, members) of every route that takes a body."""
    for path, item in document["paths"].items():
        for verb, operation in ((verb, item[verb]) for verb in ("post", "patch", "delete") if verb in item):
            for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
                name = content["schema"]["$ref"].rpartition("/")[2]
                members = list(document["components"]["schemas"][name]["properties"])
                yield verb.upper(), re.sub(r"{\w+}", "f" * 24, path), media_type, members


@pytest.mark.timeout(600)
@pytest.mark.race  # with all shapes
class TestU1:
    @pytest.mark.parametrize("parser", PARSERS)
    def test_every_parser_is_linear_in_every_hostile_shape(self, parser: str):
        assert list(faster_than_its_input(PARSERS[parser])) == []

    @pytest.mark.parametrize("part", range(6))
    def test_every_route_is_linear_in_every_body(self, admin: Person, part: int):
        """As it comes, and as the value of each member that the route reads."""
        document = admin.client.get("/openapi.json").get_json()
        found = list(bodies(document))
        assert len(found) > 20
        for method, path, media_type, members in found[part::6]:
            form = media_type != "application/json"

            def send(body: bytes, at: tuple[str, str, str] = (method, path, media_type)) -> None:
                answer = admin.client.open(
                    at[1], method=at[0], data=body[:LARGE], content_type=at[2], headers=admin.headers
                )
                assert answer.status_code < 500

            raw = faster_than_its_input(lambda text: send(text.encode(errors="surrogatepass")), *SOME)
            assert list(raw) == [], (method, path)
            for member in members if not form else ():
                within = faster_than_its_input(
                    lambda text: send(json.dumps({member: text}, ensure_ascii=False).encode(errors="replace")),  # noqa: B023
                    *SOME[::3],
                )
                assert list(within) == [], (method, path, member)

    @pytest.mark.parametrize("header", HEADERS)
    def test_every_route_is_linear_in_every_header(self, crowded: Flask, header: str):
        """The server has bounds of its own; they may be set higher, and are no reason to be slow below them."""
        client = crowded.test_client(use_cookies=False)
        name = header.upper().replace("-", "_")
        place = name if name in ("CONTENT_LENGTH", "CONTENT_TYPE") else f"HTTP_{name}"
        method, path = READ_BY.get(header, ("POST", "/auth/login"))

        def send(text: str) -> None:
            told = {"HTTP_ORIGIN": ORIGIN, place: text.encode("latin-1", "replace").decode("latin-1")}
            client.open(path, method=method, data=b"{}", environ_overrides=told)

        assert list(faster_than_its_input(send)) == []

    @pytest.mark.parametrize("path", ["/", "/auth/sessions", "/auth/verify", *LISTS, "/docs"])
    def test_every_route_is_linear_in_its_query(self, admin: Person, path: str):
        for before in ("", "limit=1&cursor=") if path in LISTS else ("",):

            def send(text: str, before: str = before) -> None:
                query = (before + text).encode("utf-8", "replace").decode("latin-1")
                admin.client.get(path, headers=admin.headers, environ_overrides={"QUERY_STRING": query})

            assert list(faster_than_its_input(send, *SOME)) == [], before

    def test_every_route_is_linear_in_its_path(self, admin: Person):
        def walk(text: str) -> None:
            path = "/" + text.encode("utf-8", "replace").decode("latin-1")
            admin.client.get("/", headers=admin.headers, environ_overrides={"PATH_INFO": path})

        assert list(faster_than_its_input(walk, *SOME)) == []

    def test_a_passkeys_answer_is_read_in_linear_time(self, admin: Person):
        """Base64url, JSON and CBOR within JSON."""
        for member in ("clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"):

            def send(text: str, at: str = member) -> None:
                fine = {
                    "clientDataJSON": "e30",
                    "authenticatorData": "AA",
                    "signature": "AA",
                    "attestationObject": "AA",
                }
                given = {"id": "AA", "rawId": "AA", "type": "public-key", "response": {**fine, at: text}}
                challenge = admin.client.post("/auth/login/passkey/options").get_json()["challengeId"]
                body = {"challengeId": challenge, "credential": given}
                assert admin.client.post("/auth/login/passkey", json=body).status_code < 500

            assert list(faster_than_its_input(send, *SOME)) == [], member

    def test_the_body_that_stopped_a_worker_is_refused_at_once(self, client: FlaskClient):
        begun = time.thread_time()
        answer = client.post("/auth/login", data=BODY, content_type="application/json")
        problem(answer, 400, "malformed_json")
        assert time.thread_time() - begun < 0.5  # it was ten seconds

    def test_eight_of_them_at_once_do_not_stop_the_service(self, app: Flask, settings: dict[str, str]):
        with Service(**{**settings, "WEB_CONCURRENCY": 1}) as service, ThreadPoolExecutor(8) as senders:
            together, probed = threading.Barrier(9), []

            def send() -> int:
                together.wait()
                headers = {"Content-Type": "application/json"}
                return requests.post(f"{service.url}/auth/login", data=BODY, headers=headers, timeout=60).status_code

            sent = [senders.submit(send) for _ in range(8)]
            together.wait()
            while not probed or not all(one.done() for one in sent):
                begun = time.monotonic()
                assert requests.get(f"{service.url}/healthz", timeout=60).status_code == 200
                probed.append(time.monotonic() - begun)
            assert [one.result() for one in sent] == [400] * 8
            assert max(probed) < 1
