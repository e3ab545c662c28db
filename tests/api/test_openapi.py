"""The OpenAPI document and the page that people read."""

import base64
import hashlib
import html
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pymongo
import pytest
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database as MongoDatabase

from authsvc import __version__
from authsvc.errors import all_problems
from authsvc.http.guards import public, requires_login
from tests.conftest import Person
from tests.support.wire import BODY_ROUTES, OPTIONAL_BODY

Database = MongoDatabase[dict[str, Any]]

HTML = {"Accept": "text/html"}
VERBS = ("get", "post", "put", "patch", "delete")


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    """Return the OpenAPI document."""
    answer = client.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    return answer.get_json()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (verb, path, operation)."""
    for path, item in document["paths"].items():
        for verb in VERBS:
            if verb in item:
                yield verb, path, item[verb]


def references(node: Any) -> Iterator[str]:
    """Yield every $ref below a node."""
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for inner in node.values():
            yield from references(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from references(inner)


def resolve(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Follow a $ref; of one that may be null too, say so in its type."""
    if "anyOf" in schema:
        inner, null = (resolve(document, each) for each in schema["anyOf"])
        return {**inner, "type": [inner["type"], null["type"]]}
    while "$ref" in schema:
        found: Any = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        schema = found
    return schema


def conforms(document: dict[str, Any], schema: dict[str, Any], value: Any, where: str = "") -> None:
    """Assert that a value is what a schema of the document says (the part of JSON Schema that the document uses)."""
    schema = resolve(document, schema)
    kinds = schema.get("type", [])
    python = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "null": type(None)}
    allowed = tuple(python[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds))
    assert not allowed or isinstance(value, allowed), where
    assert "enum" not in schema or value in schema["enum"], where
    if isinstance(value, dict):
        assert set(schema.get("required", [])) <= set(value), where
        members = schema.get("properties", {})
        if schema.get("additionalProperties", True) is False:
            assert set(value) <= set(members), f"{where}: {set(value) - set(members)}"
        for name, inner in value.items():
            conforms(document, members.get(name, {}), inner, f"{where}/{name}")
    if isinstance(value, list):
        for number, inner in enumerate(value):
            conforms(document, schema.get("items", {}), inner, f"{where}/{number}")


class TestDocument:
    def test_it_is_openapi_3_1(self, document: dict[str, Any]):
        """The structure that OpenAPI 3.1 asks for (sections 4.8.1 to 4.8.17)."""
        assert re.fullmatch(r"3\.1\.\d+", document["openapi"])
        assert document["info"]["title"] == "authsvc"
        assert document["info"]["version"] == __version__
        assert set(document) <= {"openapi", "info", "servers", "paths", "components", "tags"}
        tags = [tag["name"] for tag in document["tags"]]
        assert len(tags) == len(set(tags))
        identifiers = []
        for verb, path, operation in operations(document):
            assert path.startswith("/")
            assert operation["responses"], (verb, path)
            assert set(operation["tags"]) <= set(tags)
            identifiers += [operation["operationId"]] if "operationId" in operation else []
            for status, answer in operation["responses"].items():
                assert re.fullmatch(r"[1-5]\d\d", status)
                assert answer["description"]
            parameters = operation.get("parameters", []) + document["paths"][path].get("parameters", [])
            named = [(parameter["in"], parameter["name"]) for parameter in parameters]
            assert len(named) == len(set(named))
            assert {name for place, name in named if place == "path"} == set(re.findall(r"{(\w+)}", path))
            assert all(parameter["required"] is True for parameter in parameters if parameter["in"] == "path")
            assert all("schema" in parameter for parameter in parameters)
            for asked in operation.get("security", []):
                assert set(asked) <= set(document["components"]["securitySchemes"])
        assert len(identifiers) == len(set(identifiers))
        for reference in references(document):
            assert resolve(document, {"$ref": reference})["type"]

    def test_it_names_the_public_address(self, document: dict[str, Any]):
        assert document["servers"] == [{"url": "http://localhost:8000"}]

    def test_every_route_is_in_it_with_a_summary(self, app: Flask, document: dict[str, Any]):
        served = {
            (method.lower(), re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
            for rule in app.url_map.iter_rules()
            if not rule.endpoint.startswith("oauth_")  # which their own metadata describe
            for method in rule.methods - {"HEAD", "OPTIONS"}
        }
        assert {(verb, path) for verb, path, _ in operations(document)} == served
        for verb, path, operation in operations(document):
            assert re.fullmatch(r"[A-Z][a-z]+\b.*\.", operation["summary"]), (verb, path)

    def test_every_view_wears_a_guard(self, app: Flask):
        """A route that nobody thought about is open: each says that it is public, or who may call."""
        worn = {guard(lambda: None).__code__ for guard in (public, requires_login)}
        for endpoint, view in app.view_functions.items():
            assert view.__code__ in worn, endpoint

    def test_the_guard_is_what_the_document_says(self, app: Flask, client: FlaskClient, document: dict[str, Any]):
        for verb, path, operation in operations(document):
            answer = client.open(re.sub(r"{\w+}", "f" * 24, path), method=verb.upper(), json={})
            guarded = answer.status_code == 401 and path not in OPTIONAL_BODY
            assert ({} not in operation.get("security", [{}])) is guarded, (verb, path)
            assert ("401" in operation["responses"]) or answer.status_code != 401

    def test_every_problem_is_in_it(self, document: dict[str, Any]):
        """Among the codes, and at the routes that answer it; a route that exists never answers 405."""
        assert set(document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]) == set(all_problems())
        answers = [answer for _, _, operation in operations(document) for answer in operation["responses"].values()]
        told = {code for answer in answers for code in answer["description"].partition(": ")[2].split(", ")}
        assert told - {""} == set(all_problems()) - {"method_not_allowed"}

    def test_every_error_is_a_problem_document(self, document: dict[str, Any]):
        for verb, path, operation in operations(document):
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    assert list(answer["content"]) == ["application/problem+json"], (verb, path, status)
                    schema = resolve(document, answer["content"]["application/problem+json"]["schema"])
                    assert {"type", "title", "status", "detail", "code", "requestId"} == set(schema["required"])

    @pytest.mark.parametrize(("method", "path"), BODY_ROUTES)
    def test_every_body_is_described(self, document: dict[str, Any], method: str, path: str):
        body = document["paths"][path][method.lower()]["requestBody"]
        assert list(body["content"]) == ["application/json"]
        assert body.get("required", False) is (path not in OPTIONAL_BODY)
        schema = resolve(document, body["content"]["application/json"]["schema"])
        assert schema["additionalProperties"] is False
        assert {"400", "403", "413", "415", "422"} <= set(document["paths"][path][method.lower()]["responses"])

    def test_every_member_has_a_type_and_its_limits(self, document: dict[str, Any]):
        """Who reads the document alone knows what is taken."""
        schemas = document["components"]["schemas"]
        for name, schema in schemas.items():
            for member, inner in schema["properties"].items():
                assert resolve(document, inner).get("type"), f"{name}.{member}"
        for _, path, operation in operations(document):
            for parameter in operation.get("parameters", []):
                assert parameter["schema"].get("type"), (path, parameter["name"])
        registration = schemas["Registration"]["properties"]
        assert (registration["name"]["minLength"], registration["name"]["maxLength"]) == (1, 100)
        assert registration["password"]["maxLength"] == 256
        assert registration["transport"]["enum"] == ["body", "cookie"]
        (limit,) = (
            each for each in document["paths"]["/auth/sessions"]["get"]["parameters"] if each["name"] == "limit"
        )
        assert (limit["schema"]["minimum"], limit["schema"]["maximum"], limit["schema"]["default"]) == (1, 100, 50)

    def test_nothing_in_it_is_not_ours(self, document: dict[str, Any]):
        used = {reference.rpartition("/")[2] for reference in references(document)}
        assert set(document["components"]["schemas"]) == used
        schemes = {
            name
            for _, _, operation in operations(document)
            for asked in operation.get("security", [])
            for name in asked
        }
        assert set(document["components"]["securitySchemes"]) == schemes


class TestAnswersConform:
    def test_answers_conform_to_the_document(self, alice: Person, document: dict[str, Any], app: Flask):
        client, headers = alice.client, alice.headers
        credentials = {"email": alice.email, "password": alice.password}
        asked = [
            client.post("/auth/register", json={"name": "B", "email": "b@example.com", "password": alice.password}),
            client.post("/auth/register", json={**credentials, "name": "A"}),
            client.post("/auth/login", json=credentials),
            client.post("/auth/login", json={**credentials, "transport": "cookie"}),
            client.post("/auth/login", json={**credentials, "x": 1}),
            client.post("/auth/refresh-token", json={"refreshToken": alice.tokens["refreshToken"]}),
            client.get("/", headers=headers),
            client.get("/"),
            client.get("/auth/me", headers=headers),
            client.patch("/auth/me", json={"name": "Al"}, headers=headers),
            client.get("/auth/sessions", headers=headers),
            client.get("/auth/sessions?limit=1", headers=headers),
            client.get("/auth/sessions?limit=0", headers=headers),
            client.get("/.well-known/jwks.json"),
            client.get("/auth/verify", headers=headers),
            client.get("/auth/verify?role=admin", headers=headers),
            client.post("/auth/introspect", data={"token": headers["Authorization"][7:]}, headers=headers),
            client.post("/auth/introspect", data={"token": "none"}, headers=headers),
            client.post("/auth/introspect", data={}, headers=headers),
            client.post("/auth/access-tokens", json={"name": "x", "scopes": ["account:read"]}, headers=headers),
            client.get("/auth/access-tokens", headers=headers),
            client.get("/healthz"),
            client.get("/readyz"),
            client.post("/auth/logout", headers=headers),
            client.get("/auth/me", headers=headers),
        ]
        for answer in asked:
            self.conforms(document, answer, answer.request.path)

    def test_administration_does(self, alice: Person, bob: Person, document: dict[str, Any], mongo: Database):
        for collection in (mongo.users, mongo.sessions):
            collection.update_many({"email": alice.email}, {"$set": {"role": "admin"}})
        client, headers = alice.client, alice.headers
        invitation = {"name": "New", "email": "new@example.com", "role": "user"}
        one = f"/admin/users/{bob.id}"
        asked = [
            client.get("/admin/users?q=a&limit=1", headers=headers),
            client.get("/admin/users?limit=1&status=active&role=user", headers=headers),
            client.get("/admin/users?limit=0", headers=headers),
            client.post("/admin/users", json=invitation, headers=headers),
            client.post("/admin/users", json=invitation, headers=headers),
            client.get(one, headers=headers),
            client.get(f"/admin/users/{'5e' * 12}", headers=headers),
            client.patch(one, json={"name": "B", "role": "admin", "disabled": False}, headers=headers),
            client.patch(f"/admin/users/{alice.id}", json={"role": "user"}, headers=headers),
            client.get(f"{one}/sessions", headers=headers),
            client.get(f"{one}/access-tokens", headers=headers),
            client.post(f"{one}/password-reset", headers=headers),
            client.delete(f"{one}/sessions", headers=headers),
            client.delete(f"{one}/access-tokens", headers=headers),
            client.delete(f"{one}/mfa", headers=headers),
            client.delete(one, headers=headers),
            client.get("/admin/audit?limit=2", headers=headers),
            client.get("/admin/audit", headers={}),
        ]
        for answer in asked:
            self.conforms(document, answer, re.sub("[0-9a-f]{24}", "{user_id}", answer.request.path))

    def conforms(self, document: dict[str, Any], answer: Any, path: str) -> None:
        """Check an answer by what the document says of its route."""
        responses = document["paths"][path][answer.request.method.lower()]["responses"]
        content = responses[str(answer.status_code)].get("content")
        if content is None:
            assert answer.get_data(as_text=True) in {"", "{}\n"}
        else:
            ((media_type, described),) = content.items()
            assert answer.content_type == media_type
            conforms(document, described["schema"], answer.get_json(), path)

    def test_even_when_it_is_not_ready(self, client: FlaskClient, document: dict[str, Any]):
        """The reasons are a member of the problem."""
        with pymongo.timeout(0.000_001):
            answer = client.get("/readyz")
        assert answer.get_json()["reasons"]
        conforms(document, {"$ref": "#/components/schemas/Problem"}, answer.get_json())


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.headings: list[int] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        given = dict(attrs)
        self.tags.append(tag)
        self.attributes += attrs
        self.ids += [given["id"]] if given.get("id") else []
        self.links += [given["href"]] if given.get("href") else []
        self.headings += [int(tag[1])] if re.fullmatch("h[1-6]", tag) else []


class TestReference:
    @pytest.fixture(params=["/docs", "/docs/sign-in", "/docs/objects", "/problems/", "/problems/session_ended"])
    def answer(self, request: pytest.FixtureRequest, client: FlaskClient) -> Any:
        """Return a page."""
        return client.get(request.param, headers=HTML)

    def test_it_runs_and_loads_nothing_but_ours(self, answer: Any):
        page = Page(answer.text)
        assert not {"iframe", "object", "embed", "img", "form", "base"} & set(page.tags)
        names = {name for name, _ in page.attributes}
        assert not {name for name in names if name.startswith("on")} | names & {"style", "srcset"}
        assert [value for name, value in page.attributes if name == "src"] in ([], ["/docs/assets/reference.js"])
        assert not [link for link in page.links if not link.startswith(("/", "#")) or link.startswith("//")]
        (style,) = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
        assert not re.search(r"url\(|@import", style)

    def test_its_style_is_the_one_that_the_policy_names(self, answer: Any):
        """R94"""
        (style,) = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
        named = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert f"style-src 'sha256-{named}'" in answer.headers["Content-Security-Policy"]

    def test_it_is_a_proper_page(self, answer: Any):
        page = Page(answer.text)
        assert answer.text.lower().startswith("<!doctype html>")
        assert ("lang", "en") in page.attributes
        assert page.tags.count("h1") == page.tags.count("main") == page.tags.count("title") == 1
        assert all(deeper <= upper + 1 for upper, deeper in zip(page.headings, page.headings[1:], strict=False))
        assert len(page.ids) == len(set(page.ids))
        assert ("name", "viewport") in page.attributes

    def test_every_link_leads_somewhere(self, answer: Any, client: FlaskClient):
        here, places = answer.request.path, {}
        assert Page(answer.text).links
        for link in set(Page(answer.text).links):
            path, _, anchor = link.partition("#")
            if (path or here) not in places:
                places[path or here] = client.get(path or here, headers=HTML)
            assert places[path or here].status_code == 200, link
            assert not anchor or anchor in Page(places[path or here].text).ids, link

    def test_it_tells_of_every_route_object_and_problem(self, client: FlaskClient, document: dict[str, Any]):
        overview = words(client.get("/docs").text)
        links = [link for link in Page(client.get("/docs").text).links if link.startswith("/docs/")]
        chapters = [client.get(path).text for path in sorted({link.partition("#")[0] for link in links})]
        text = " ".join(map(words, chapters))
        for verb, path, operation in operations(document):
            said = operation["summary"].replace("`", "")
            assert f"{verb.upper()} {path} {said}" in overview
            assert f"{verb.upper()} {path} " in text
            assert text.count(said) >= 1
        for name in document["components"]["schemas"]:
            assert f'id="object-{name}"' in "".join(chapters)
        index = words(client.get("/problems/", headers=HTML).text)
        for code, kind in all_problems().items():
            assert f"{code} {kind.title}" in index

    def test_what_is_marked_as_code_in_an_explanation_is_shown_as_code(self, client: FlaskClient):
        """Backticks are for the source."""
        page = client.get("/problems/session_ended", headers=HTML).text
        assert "`" not in page
        assert "<code>token_reuse</code>" in page


def words(text: str) -> str:
    """Return what a page says, without its marks."""
    without = re.sub(r"<(style|script)\b.*?</\1>|<wbr>|</?code>|</?em>", "", text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", without)).split())
