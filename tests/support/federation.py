"""Signing in with another provider, over HTTP: a browser that goes there and comes back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.conftest import Person
from tests.support.upstreams import Upstream

CAROL = {"sub": "carol-1", "email": "carol@example.com", "email_verified": True, "name": "Carol"}


@dataclass
class Traveller:
    """A browser that signs in with a provider; `headers` show who is signed in there, if anybody is."""

    client: FlaskClient
    upstream: Upstream
    provider: str = "work"
    headers: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, Any] = field(default_factory=dict)

    def begin(self, intent: str = "sign_in", **members: Any) -> TestResponse:
        """Return the answer to who wants to go there."""
        body = {"intent": intent, **members}
        return self.client.post(f"/auth/federation/{self.provider}", json=body, headers=self.headers)

    def visit(self, who: Mapping[str, Any] | None = None, intent: str = "sign_in", **members: Any) -> dict[str, str]:
        """Go there as somebody whom the provider knows; return what the browser brings back."""
        answer = self.begin(intent, **members)
        assert answer.status_code == 200, answer.text
        self.upstream.user = dict(CAROL if who is None else who)
        return self.upstream.approve(answer.get_json()["location"])

    def complete(self, brought: Mapping[str, str], **members: Any) -> TestResponse:
        """Return the answer to who has come back."""
        return self.client.post(
            "/auth/federation/complete", json={"provider": self.provider, **brought, **members}, headers=self.headers
        )

    def arrive(self, who: Mapping[str, Any] | None = None, intent: str = "sign_in", **members: Any) -> TestResponse:
        """Go there and come back."""
        return self.complete(self.visit(who, intent, **members))

    def confirm(self, token: str) -> TestResponse:
        """Return the answer to who links the identity that waits."""
        return self.client.post("/auth/federation/confirm", json={"token": token}, headers=self.headers)

    def identities(self) -> list[dict[str, Any]]:
        """Return the identities of who is signed in."""
        answer = self.client.get("/auth/identities", headers=self.headers)
        assert answer.status_code == 200, answer.text
        return list(answer.get_json()["items"])

    def signed_in(self, answer: TestResponse) -> dict[str, Any]:
        """Take over a session that an answer holds; return the account."""
        assert answer.status_code == 200, answer.text
        self.tokens = answer.get_json()
        self.headers = {"Authorization": f"Bearer {self.tokens['accessToken']}"}
        return dict(self.tokens["user"])

    @property
    def person(self) -> Person:
        """Return who is signed in, who has no password."""
        return Person(self.client, self.tokens["user"]["email"], "", tokens=self.tokens)


def someone(subject: str = "carol-1", email: str | None = "carol@example.com", **members: Any) -> dict[str, Any]:
    """Return the claims of somebody; with no address, none."""
    claims = {"sub": subject, "email": email, "email_verified": True, "name": "Carol", **members}
    return {name: value for name, value in claims.items() if value is not None}
