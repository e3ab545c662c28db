"""The OpenAPI document in groups, as people look things up in it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from authsvc.web.reference.samples import FIRST_ERROR, Samples

VERBS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Group:
    """Routes that belong together: what stands in its address, a title, a sentence, and the blueprints."""

    slug: str
    title: str
    about: str
    tags: tuple[str, ...] = ()


GROUPS = (
    Group(
        "sign-in",
        "Sign up and sign in",
        "With a password, a code from an email, a passkey or another provider; stay signed in, sign out.",
        ("auth", "email_codes", "mfa", "federation"),
    ),
    Group(
        "account",
        "An account",
        "What people read and change about themselves: name, address, password, where they are signed in.",
        ("users", "emails", "passwords", "sessions", "access_tokens", "grants"),
    ),
    Group(
        "factors",
        "Second factors",
        "Authenticator apps, recovery codes and passkeys.",
        ("totp", "recovery_codes", "passkeys"),
    ),
    Group(
        "services", "Protect a service", "For the services behind this one: who is calling, and may they?", ("tokens",)
    ),
    Group(
        "administration",
        "Administration",
        "Accounts, apps and the audit trail, for administrators.",
        ("admin", "apps"),
    ),
    Group(
        "operations",
        "Operations",
        "Health, metrics, this reference, and what each error means.",
        ("ops", "problems", "reference"),
    ),
    Group(
        "pages",
        "Pages and files",
        "What browsers open and load, and what only those pages ask for.",
        ("account", "client", "brand", "front", "authorizations", "device_requests", "sign_outs"),
    ),
)
_ADMINISTRATION, _PAGES = GROUPS[4], GROUPS[6]


class Route:
    """One route: its operation, its samples, and what it can refuse."""

    def __init__(self, verb: str, path: str, item: dict[str, Any], document: dict[str, Any]) -> None:
        self.verb = verb
        self.path = path
        self.operation: dict[str, Any] = item[verb]
        self.parameters = [*item.get("parameters", []), *self.operation.get("parameters", [])]
        self.samples = Samples(verb, path, self.operation, document)
        self.summary: str = self.operation["summary"]
        self.description: str = self.operation.get("description", "")
        self._document = document

    @property
    def anchor(self) -> str:
        """Return what leads to it on its page."""
        words = re.sub(r"[{}.]", "", self.path.removeprefix("/")).replace("/", "-")
        return f"{self.verb}-{words or 'root'}"

    @property
    def tag(self) -> str:
        """Return the name of its blueprint."""
        return str(self.operation["tags"][0])

    @property
    def group(self) -> Group:
        """Return its group."""
        named = next((group for group in GROUPS if self.tag in group.tags), None)
        return named or (_ADMINISTRATION if self.path.startswith("/admin/") else _PAGES)

    @property
    def address(self) -> str:
        """Return where it is described."""
        return f"/docs/{self.group.slug}#{self.anchor}"

    @property
    def body(self) -> tuple[str, dict[str, Any], bool] | None:
        """Return the media type of its body, the object, and whether there must be one."""
        asked = self.operation.get("requestBody")
        if asked is None:
            return None
        media, content = next(iter(asked["content"].items()))
        name = content["schema"]["$ref"].rpartition("/")[2]
        return media, {"name": name, **self._document["components"]["schemas"][name]}, asked.get("required", False)

    @property
    def answers(self) -> list[tuple[str, str, str, dict[str, Any]]]:
        """Return each success: its status, a sentence, the name of its object, and its headers."""
        successes = []
        for status, answer in sorted(self.operation["responses"].items()):
            content: dict[str, Any] = next(iter(answer.get("content", {}).values()), {})
            if int(status) < FIRST_ERROR:
                name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
                successes.append((status, answer["description"], name, answer.get("headers", {})))
        return successes

    @property
    def problems(self) -> list[tuple[str, str]]:
        """Return the status and the code of each error that it can answer."""
        return [
            (status, code)
            for status, answer in sorted(self.operation["responses"].items())
            if "application/problem+json" in answer.get("content", {})
            for code in answer["description"].partition(": ")[2].split(", ")
        ]

    @property
    def caller(self) -> str:
        """Return who may call, in a few words."""
        asked = self.operation.get("security", [])
        scopes = next((scheme["accessToken"] for scheme in asked if "accessToken" in scheme), None)
        if not asked:
            return "Anyone"
        if {} in asked:
            return "A token of the session, or its cookie"
        if scopes is None:
            return "Access token of a session"
        return f"Access token · scope {scopes[0]}" if scopes else "Any access token"


class Reference:
    """All that `/docs` shows."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.service: str = document["servers"][0]["url"]
        self.version: str = document["info"]["version"]
        self.schemas: dict[str, dict[str, Any]] = document["components"]["schemas"]

    @cached_property
    def routes(self) -> list[Route]:
        """Return all routes, those of a blueprint one after the other."""
        items = self.document["paths"].items()
        routes = [Route(verb, path, item, self.document) for path, item in items for verb in VERBS if verb in item]
        order = [tag for group in GROUPS for tag in group.tags]
        return sorted(routes, key=lambda route: order.index(route.tag) if route.tag in order else len(order))

    @cached_property
    def groups(self) -> list[tuple[Group, list[Route]]]:
        """Return the groups that have routes, with them."""
        pairs = ((group, [route for route in self.routes if route.group is group]) for group in GROUPS)
        return [(group, routes) for group, routes in pairs if routes]

    def chapters(self, routes: list[Route]) -> Iterator[tuple[str, list[Route]]]:
        """Yield the routes of each blueprint, with the sentence that describes it."""
        for tag in self.document["tags"]:
            of_tag = [route for route in routes if route.tag == tag["name"]]
            if of_tag:
                yield tag["description"], of_tag

    def answering(self, code: str) -> list[Route]:
        """Return the routes that can answer a problem."""
        return [route for route in self.routes if code in {code for _, code in route.problems}]
