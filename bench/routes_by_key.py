"""A request for each route by key: one that reads and writes only what is one user's, one app's, or one secret's.

Where a route takes a secret from a letter, a device or a provider, it is shown one that nobody has: it looks for that
by its key. What it does with a right one are steps of the models, which `tests/models/test_growth.py` measures.
"""

import secrets
from collections.abc import Callable
from itertools import count
from statistics import median
from time import perf_counter
from typing import Any

import requests
from pymongo import MongoClient

from authsvc.devdb import Database
from authsvc.security.opaque_tokens import generate
from bench.harness import PASSWORD
from tests.support.app_growth import APP
from tests.support.oauth import CALLBACK, AppClient, Code, bearer
from tests.support.processor import seconds_of
from tests.support.service import Service, Visitor

EMAIL, OTHER = "bench@example.com", "other@example.com"
NOBODY = "f" * 24
NEW_PASSWORD = f"{PASSWORD}, another one"
Answer = Any


class Person:
    """An administrator of one of the services, signed in; and an account beside, whose sessions are opened and ended.

    Everybody has signed in to their app, which is not one of the administrator's making.
    """

    def __init__(self, service: Service, database: Database) -> None:
        self._visitor = Visitor(service.url, keep_alive=True)
        self._pids = [database.pid, *(worker.pid for worker in service.workers())]
        self._times: list[tuple[float, float]] = []
        self._numbers = count()
        self.tokens: dict[str, Any] = {}
        self.other = self._visitor.register(OTHER, PASSWORD).json()["user"]["id"]
        self._visitor.register(EMAIL, PASSWORD)
        with MongoClient[dict[str, Any]](database.uri) as client:
            stored = client.get_default_database()
            proved = {"$currentDate": {"emailVerifiedAt": True}}
            stored.users.update_many({"email": {"$in": [EMAIL, OTHER]}}, proved)
            stored.users.update_one({"email": EMAIL}, {"$set": {"role": "admin"}})
            self.login()
            made = self.ask("POST", "/admin/apps", {"name": "Notes", "kind": "spa", "redirectUris": [CALLBACK]}).json()
            self.app_id = made.get("id") or made["app"]["id"]
            stored.apps.insert_one({**(stored.apps.find_one({"_id": self.app_id}) or {}), "_id": APP})
        self.app = AppClient(self._visitor, APP, None, CALLBACK, "none", "openid offline_access")
        wish = {"name": "Gateway", "scopes": ["tokens:introspect"], "expiresInDays": 1}
        self.caller = self.ask("POST", "/auth/access-tokens", wish).json()["token"]
        self.of_app = self.app.sign_in(self.tokens["accessToken"])

    def login(self) -> None:
        """Sign in once more; the session before may be one of too many."""
        self.tokens = self._visitor.login(EMAIL, PASSWORD).json()

    def email(self) -> str:
        """Return an address that nobody has."""
        return f"new-{next(self._numbers)}-{secrets.token_hex(3)}@example.com"

    def ask(self, method: str, path: str, body: Any = None, *, token: str | None = None, **options: Any) -> Answer:
        """Send a request that is no part of what is measured. It must succeed."""
        answer = self._send(method, path, body, token=token, **options)
        assert answer.ok, f"{method} {path}: {answer.text}"
        return answer

    def time(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        refused: bool = False,
        **options: Any,
    ) -> Answer:
        """Send a request, and note its answer's time and the processor's. It must succeed, or be `refused`."""
        return self.timed(lambda: self._send(method, path, body, token=token, **options), refused=refused)

    def timed(self, call: Callable[[], Answer], *, refused: bool = False) -> Answer:
        """Do the same with a call that sends one request."""
        spent, begin = seconds_of(self._pids), perf_counter()
        answer = call()
        self._times.append((seconds_of(self._pids) - spent, perf_counter() - begin))
        status = answer.status_code if isinstance(answer, requests.Response) else answer.status
        assert status < 400 or (refused and status < 500), f"{status} {answer.text}"
        return answer

    def take(self) -> tuple[float, float]:
        """Return the medians of processor time and answer's time since this was last asked."""
        times, self._times = self._times, []
        return median(spent for spent, _ in times), median(waited for _, waited in times)

    def _send(self, method: str, path: str, body: Any, *, token: str | None, **options: Any) -> requests.Response:
        headers = bearer(token or self.tokens["accessToken"]) if token != "" else {}
        return self._visitor.request(method, path, json=body, headers=headers, allow_redirects=False, **options)

    def somebody(self) -> dict[str, Any]:
        """Return the tokens of a new account."""
        body = {"name": "New", "email": self.email(), "password": PASSWORD}
        return dict(self.ask("POST", "/auth/register", body, token="").json())

    def another_session(self) -> dict[str, Any]:
        """Return the tokens of a new session of the account beside."""
        return dict(self.ask("POST", "/auth/login", {"email": OTHER, "password": PASSWORD}, token="").json())

    def code(self) -> Code:
        """Return a code for their app."""
        return self.app.authorize(self.tokens["accessToken"])


Request = Callable[[Person], Answer]


def _own(method: str, path: str, body: Any = None) -> tuple[str, Request]:
    """Return a request by somebody signed in; `{id}` is the account beside."""
    plain = path.partition("?")[0]
    return f"{method} {plain}", lambda person: person.time(method, path.replace("{id}", person.other), body)


def _anybody(method: str, path: str, body: Any) -> tuple[str, Request]:
    return f"{method} {path}", lambda person: person.time(method, path, body, token="")


def _unknown(path: str, *, as_user: bool = False, **body: Any) -> tuple[str, Request]:
    """Return a request with a secret, or an id, that nobody has."""
    token = None if as_user else ""
    return f"POST {path}", lambda person: person.time("POST", path, body, token=token, refused=True)


def _gone(path: str, method: str = "DELETE", body: Any = None) -> tuple[str, Request]:
    """Return a request for something by an id that is nobody's."""
    return f"{method} {path}", lambda person: person.time(method, path.replace("{id}", NOBODY), body, refused=True)


def _register(person: Person) -> Answer:
    body = {"name": "New", "email": person.email(), "password": PASSWORD}
    return person.time("POST", "/auth/register", body, token="")


def _invite(person: Person) -> Answer:
    return person.time("POST", "/admin/users", {"email": person.email(), "name": "New", "role": "user"})


def _refresh(person: Person) -> Answer:
    answer = person.time("POST", "/auth/refresh-token", {"refreshToken": person.tokens["refreshToken"]}, token="")
    person.tokens = answer.json()
    return answer


def _logout(person: Person) -> Answer:
    return person.time("DELETE", "/auth/logout", token=person.another_session()["accessToken"])


def _end_one(person: Person) -> Answer:
    token = person.another_session()["accessToken"]
    listed = person.ask("GET", "/auth/sessions?limit=1", token=token).json()["items"]
    return person.time("DELETE", f"/auth/sessions/{listed[0]['id']}", token=token)


def _end_all(person: Person) -> Answer:
    return person.time("DELETE", "/auth/sessions?scope=all", token=person.another_session()["accessToken"])


def _end_by_admin(person: Person) -> Answer:
    person.another_session()
    return person.time("DELETE", f"/admin/users/{person.other}/sessions")


def _remove_own(person: Person) -> Answer:
    return person.time("DELETE", "/auth/me", token=person.somebody()["accessToken"])


def _remove_by_admin(person: Person) -> Answer:
    return person.time("DELETE", f"/admin/users/{person.somebody()['user']['id']}")


def _new_password(person: Person) -> Answer:
    body = {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}
    return person.time("POST", "/auth/me/password", body, token=person.somebody()["accessToken"])


def _reauthenticate(person: Person) -> Answer:
    return person.time("POST", "/auth/reauthenticate", {"password": PASSWORD})


def _new_address(person: Person) -> Answer:
    token = person.somebody()["accessToken"]
    return person.time("POST", "/auth/me/email", {"email": person.email()}, token=token)


def _no_new_address(person: Person) -> Answer:
    token = person.somebody()["accessToken"]
    person.ask("POST", "/auth/me/email", {"email": person.email()}, token=token)
    return person.time("DELETE", "/auth/me/email", token=token)


_SCRIPT = {"name": "bench", "scopes": ["account:read"], "expiresInDays": 1}


def _script(person: Person) -> Answer:
    answer = person.time("POST", "/auth/access-tokens", _SCRIPT)
    person.ask("DELETE", f"/auth/access-tokens/{answer.json()['id']}")
    return answer


def _no_script(person: Person) -> Answer:
    made = person.ask("POST", "/auth/access-tokens", _SCRIPT).json()
    return person.time("DELETE", f"/auth/access-tokens/{made['id']}")


def _introspect(person: Person) -> Answer:
    form = {"token": person.tokens["accessToken"]}
    headers = bearer(person.caller)
    return person.timed(lambda: person.app.post("/auth/introspect", form, headers=headers))


def _authorize(person: Person) -> Answer:
    query = {"client_id": APP, "redirect_uri": CALLBACK, "response_type": "code", "scope": "openid"}
    challenge = {"code_challenge": "x" * 43, "code_challenge_method": "S256"}
    return person.time("GET", "/oauth2/authorize", token="", params={**query, **challenge})


def _advance(person: Person) -> Answer:
    request, cookie, _ = person.app.begin()
    headers = {**cookie, **bearer(person.tokens["accessToken"])}
    return person.timed(lambda: person.app.advance(request, headers, "allow"))


def _exchange(person: Person) -> Answer:
    code = person.code()
    answer = person.timed(lambda: person.app.exchange(code))
    person.of_app = answer.json
    return answer


def _refresh_of_app(person: Person) -> Answer:
    answer = person.timed(lambda: person.app.refresh(person.of_app["refresh_token"]))
    person.of_app = answer.json
    return answer


def _revoke(person: Person) -> Answer:
    tokens = person.app.exchange(person.code()).json
    return person.timed(lambda: person.app.post("/oauth2/revoke", {"token": tokens["refresh_token"]}))


def _take_back(person: Person) -> Answer:
    token = person.somebody()["accessToken"]
    person.app.sign_in(token)
    (grant,) = person.ask("GET", "/auth/grants", token=token).json()["items"]
    return person.time("DELETE", f"/auth/grants/{grant['id']}", token=token)


def _with_app(person: Person) -> Answer:
    """Sign out of a session in which an app was allowed: that of the app ends too."""
    token = person.another_session()["accessToken"]
    person.app.sign_in(token)
    return person.time("DELETE", "/auth/logout", token=token)


_ONE = "/admin/users/{id}"

REQUESTS: dict[str, Request] = dict(
    [
        *(_own("GET", path) for path in ("/", "/auth/me", "/auth/verify", "/auth/sessions?limit=1")),
        *(_own("GET", path) for path in ("/auth/access-tokens?limit=1", "/auth/mfa", "/auth/passkeys", "/auth/grants")),
        *(_own("GET", path) for path in ("/auth/identities", "/auth/me/email", "/auth/me/activity", "/auth/me/export")),
        *(_own("GET", f"{_ONE}{path}") for path in ("", "/sessions?limit=1", "/access-tokens?limit=1", "/mfa")),
        _own("GET", f"{_ONE}/identities"),
        _own("PATCH", "/auth/me", {"name": "Bench"}),
        _own("PATCH", _ONE, {"name": "Other"}),
        _own("POST", f"{_ONE}/password-reset"),
        _own("DELETE", f"{_ONE}/access-tokens"),
        _own("DELETE", f"{_ONE}/mfa"),
        _own("DELETE", f"{_ONE}/identities"),
        _own("POST", "/auth/reauthenticate/email"),
        _own("POST", "/auth/passkeys/options"),
        ("POST /auth/register", _register),
        _anybody("POST", "/auth/login", {"email": OTHER, "password": PASSWORD}),
        ("POST /auth/refresh-token", _refresh),
        ("DELETE /auth/logout", _logout),
        ("DELETE /auth/logout, with an app", _with_app),
        ("DELETE /auth/sessions/{id}", _end_one),
        ("DELETE /auth/sessions", _end_all),
        ("DELETE /admin/users/{id}/sessions", _end_by_admin),
        ("DELETE /auth/me", _remove_own),
        ("DELETE /admin/users/{id}", _remove_by_admin),
        ("POST /admin/users", _invite),
        ("POST /auth/me/password", _new_password),
        ("POST /auth/reauthenticate", _reauthenticate),
        ("POST /auth/me/email", _new_address),
        ("DELETE /auth/me/email", _no_new_address),
        ("POST /auth/access-tokens", _script),
        ("DELETE /auth/access-tokens/{id}", _no_script),
        ("POST /auth/introspect", _introspect),
        ("GET /oauth2/authorize", _authorize),
        ("POST /auth/authorizations/advance", _advance),
        ("POST /oauth2/token, a code", _exchange),
        ("POST /oauth2/token, a refresh token", _refresh_of_app),
        ("POST /oauth2/revoke", _revoke),
        ("GET /oauth2/userinfo", lambda p: p.timed(lambda: p.app.userinfo(p.of_app["access_token"]))),
        ("DELETE /auth/grants/{id}", _take_back),
        _anybody("POST", "/auth/password/forgot", {"email": OTHER}),
        _anybody("POST", "/auth/email/resend", {"email": OTHER}),
        _anybody("POST", "/auth/login/email", {"email": OTHER}),
        _anybody("POST", "/auth/login/passkey/options", {}),
        _unknown("/auth/login/email/code", challengeId=NOBODY, code="000000"),
        _unknown("/auth/login/email/link", token=generate("asl_")),
        _unknown("/auth/login/mfa", mfaToken=generate("asm_"), code="000000"),
        _unknown("/auth/email/verify", token=generate("asl_")),
        _unknown("/auth/email/revert", token=generate("asl_")),
        _unknown("/auth/password/reset", token=generate("asl_"), newPassword=NEW_PASSWORD),
        _unknown("/auth/links/inspect", token=generate("asl_")),
        _unknown("/auth/sign-outs/advance", request=generate("aso_")),
        _unknown("/auth/devices/advance", as_user=True, userCode="BCDF-GHJK"),
        _gone("/auth/passkeys/{id}"),
        _gone("/auth/passkeys/{id}", "PATCH", {"name": "x"}),
        _gone("/auth/identities/{id}"),
    ]
)
"""By method and path, and what is special about it."""

BESIDES: dict[str, tuple[str, ...]] = {
    "from memory, from the settings or from a file": (
        *("GET /.well-known/change-password", "GET /.well-known/jwks.json", "GET /.well-known/openid-configuration"),
        *("GET /.well-known/oauth-authorization-server", "GET /.well-known/oauth-protected-resource"),
        *("GET /.well-known/passkey-endpoints", "GET /.well-known/security.txt", "GET /auth/providers"),
        *("GET /admin/", "GET /admin/console", "GET /admin/settings", "GET /admin/signing-keys"),
        *("GET /admin/letter-kinds", "GET /admin/letter-kinds/{id}", "POST /admin/letter-kinds/{id}/sample"),
        "POST /admin/signing-keys/rotation",
    ),
    "lists and counts of everything, and what is done to what they show": (
        *("GET /admin/users", "GET /admin/audit", "GET /admin/apps", "GET /admin/stats", "GET /admin/doctor"),
        *("GET /admin/letters", "DELETE /admin/letters/{id}", "POST /admin/letters/{id}/retry"),
    ),
    "about an app, of which there are few, or about all that everybody has there": (
        *("GET /admin/apps/{id}", "POST /admin/apps", "PATCH /admin/apps/{id}", "DELETE /admin/apps/{id}"),
        *("POST /admin/apps/{id}/secrets", "DELETE /admin/apps/{id}/secrets/{id}", "POST /oauth2/device"),
    ),
    "about a webhook, of which there are twenty at most, or about what it was told": (
        *("GET /admin/webhooks", "POST /admin/webhooks", "GET /admin/webhooks/{id}", "PATCH /admin/webhooks/{id}"),
        *("DELETE /admin/webhooks/{id}", "POST /admin/webhooks/{id}/secret", "POST /admin/webhooks/{id}/test"),
        *("GET /admin/webhooks/{id}/deliveries", "POST /admin/webhooks/{id}/deliveries/{id}/retry"),
    ),
    "needs a second factor, an authenticator or a provider; its steps are measured as those of the models": (
        *("POST /admin/users/{id}/reset-link", "POST /admin/users/{id}/verify-email", "POST /auth/login/passkey"),
        *("POST /auth/federation/{id}", "POST /auth/federation/complete", "POST /auth/federation/confirm"),
        *("POST /auth/mfa/totp", "POST /auth/mfa/totp/confirm", "DELETE /auth/mfa/totp", "POST /auth/passkeys"),
        *("POST /auth/mfa/recovery-codes", "POST /auth/mfa/require", "POST /auth/reauthenticate/options"),
    ),
    "another form of one that is measured": (
        *("POST /auth/logout", "POST /oauth2/authorize", "POST /oauth2/userinfo", "POST /oauth2/introspect"),
        *("GET /oauth2/logout", "POST /oauth2/logout"),
    ),
}
"""The routes that are not measured, by why."""
