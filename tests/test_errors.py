"""Every error code: some request provokes it, the document has it, a page explains it."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pymongo
import pytest
import time_machine
from flask import Flask, abort
from flask.testing import FlaskClient
from flask_jwt_extended.exceptions import JWTExtendedException
from markupsafe import escape
from mongoengine.connection import get_db
from werkzeug.exceptions import HTTPException

from authsvc.errors import Problem, all_problems
from authsvc.http import problems
from authsvc.models.driver_errors import DATABASE_ERRORS
from authsvc.services.users import state
from tests.api.forging import now
from tests.conftest import PASSWORD, Person, problem, wait_until_ready
from tests.support.accounts import hashing, occupied, register, throttled
from tests.support.authenticator import Authenticator
from tests.support.factors import complete, post, sign_in_by, ticket, verified, with_passkey, with_totp
from tests.support.federation import Traveller, someone
from tests.support.hooks import HookServer, asking
from tests.support.upstreams import Upstream, signing_in_with
from tests.support.wire import EVIL

Provoke = Callable[[Person], Any]


def login(person: Person, **members: Any) -> Any:
    """Return the answer to a sign-in."""
    return person.client.post("/auth/login", json={"email": person.email, "password": person.password, **members})


def after_expiry(person: Person) -> Any:
    """Return the answer to an access token that is too old."""
    with time_machine.travel("2040-01-01", tick=True):
        return person.home()


def after_logout(person: Person) -> Any:
    """Return the answer to a token whose session has ended."""
    person.client.post("/auth/logout", headers=person.headers)
    return person.home()


def when_disabled(person: Person) -> Any:
    """Return the answer to the right password of a disabled account."""
    with person.client.application.app_context():
        state.disable(None, person.id)
    return login(person)


def with_a_broken_document(person: Person) -> Any:
    """Return the answer where the database holds what the service never writes."""
    get_db().sessions.update_many({}, {"$unset": {"expiresAt": 1}})
    return person.home()


def without_a_database(person: Person) -> Any:
    """Return the answer where the database does not answer in time."""
    with pymongo.timeout(0.000_001):
        return person.home()


def under_load(person: Person) -> Any:
    """Return the answer where all places for hashing are taken."""
    with hashing(size=1, max_wait=0) as pool, occupied(pool):
        return login(person)


def with_an_answered_request(person: Person) -> Any:
    """Return the answer to a request of an app that is not there any more."""
    return person.client.post("/auth/authorizations/advance", json={"request": "asr_gone"})


def too_often(person: Person) -> Any:
    """Return the answer where nobody may try anything any more."""
    with throttled(person.client.application, login_address=1):
        login(person, password="wrong")
        return login(person)


def by_access_token(person: Person) -> Any:
    """Return the answer to a personal access token on a route that takes none."""
    body = {"name": "script", "scopes": ["account:read"]}
    made = person.client.post("/auth/access-tokens", json=body, headers=person.headers).get_json()
    return person.client.get("/", headers={"Authorization": f"Bearer {made['token']}"})


def too_late(person: Person) -> Any:
    """Return the answer where the sign-in was too long ago."""
    with time_machine.travel(now() + 700, tick=True):
        return person.client.post("/auth/access-tokens", json={}, headers=person.headers)


def not_ready(person: Person) -> Any:
    """Return the answer of an application that is not ready."""
    with pymongo.timeout(0.000_001):
        return person.client.get("/readyz")


def unproved(person: Person) -> Any:
    """Return the answer to a sign-in where nobody has proved to own the address, but must."""
    config = person.client.application.config
    config["EMAIL_VERIFICATION"] = "required"
    try:
        return login(person)
    finally:
        config["EMAIL_VERIFICATION"] = "optional"


def without_a_second_factor(person: Person) -> Any:
    """Return the answer to a password where that is not enough."""
    with_totp(person, get_db())
    return post(person, "/auth/reauthenticate", password=PASSWORD)


def with_a_wrong_code(person: Person) -> Any:
    """Return the answer to a code that is none."""
    with_totp(person, get_db())
    return complete(person.client, ticket(person.client, person), code="000000")


def with_a_code_of_another_letter(person: Person) -> Any:
    """Return the answer to a code from an email that is wrong."""
    asked = person.client.post("/auth/login/email", json={"email": "nobody@example.com"}).get_json()
    wrong = {"challengeId": asked["challengeId"], "code": "123456"}
    return person.client.post("/auth/login/email/code", json=wrong)


def with_two_apps(person: Person) -> Any:
    """Return the answer to who enrols a second authenticator app."""
    with_totp(person, get_db())
    return post(person, "/auth/mfa/totp")


def with_a_known_passkey(person: Person) -> Any:
    """Return the answer to a passkey whose id is taken."""
    database = get_db()
    options = post(verified(database, person), "/auth/passkeys/options").get_json()
    made = Authenticator().create(options["publicKey"])
    database.passkeys.insert_one({"credential": made["id"]})
    try:
        return post(person, "/auth/passkeys", challengeId=options["challengeId"], name="x", credential=made)
    finally:
        database.passkeys.delete_many({})


def as_administrator(alice: Person, method: str, path: str, body: Any = None) -> Any:
    """Return the answer to the only administrator there is."""
    with alice.client.application.app_context():
        state.change_role(None, alice.id, "admin")
    return alice.client.open(path, method=method, json=body, headers=alice.headers)


def without_another_way_in(person: Person) -> Any:
    """Return the answer to who removes the last passkey of an account without a password."""
    database = get_db()
    with_passkey(person, database)
    database.users.update_many({}, {"$unset": {"password": 1}})
    passkey = database.passkeys.find_one()["_id"]
    return person.client.delete(f"/auth/passkeys/{passkey}", headers=person.headers)


def by_an_unknown_passkey(person: Person) -> Any:
    """Return the answer to a passkey that was never registered."""
    stranger = Authenticator()
    stranger.device.cred_init("localhost", b"nobody")
    return sign_in_by(person.client, stranger)


def at_a_provider(trip: Callable[[Traveller, Person], Any]) -> Provoke:
    """Return the answer to a trip to a provider."""

    def provoke(person: Person) -> Any:
        app = person.client.application
        with Upstream() as upstream, signing_in_with(app, upstream.settings()):
            return trip(Traveller(app.test_client(), upstream), person)

    return provoke


def with_an_identity_of_somebody_else(traveller: Traveller, person: Person) -> Any:
    """Return the answer to who links an identity that has an account of its own."""
    assert traveller.arrive().status_code == 200
    traveller.headers = person.headers
    return traveller.arrive(intent="link")


def signed_in_as_somebody_else(traveller: Traveller, person: Person) -> Any:
    """Return the answer to who signs in to another account than the one that has the address."""
    verified(get_db(), person)
    token = traveller.arrive(someone(email=person.email)).get_json()["confirmLink"]["token"]
    traveller.headers = Person(person.client, "bob@example.com", PASSWORD).register().headers
    return traveller.confirm(token)


def at_a_broken_provider(traveller: Traveller, _: Person) -> Any:
    """Return the answer to who goes to a provider that does not work."""
    traveller.upstream.intercept = lambda *_: (500, {}, b"")
    return traveller.begin()


def past_a_hook(answer: Any) -> Provoke:
    """Return what registers where a hook gives this answer."""

    def provoke(person: Person) -> Any:
        with HookServer() as hook, asking(person.client.application, sign_up=hook.url):
            hook.answer = lambda _: answer
            return register(person.client)

    return provoke


PROVOKED: dict[str, Provoke] = {
    "challenge_invalid": lambda alice: alice.client.post(
        "/auth/login/passkey", json={"challengeId": "f" * 24, "credential": {}}
    ),
    "mfa_token_invalid": lambda alice: complete(alice.client, "asm_x", code="123456"),
    "passkey_invalid": by_an_unknown_passkey,
    "mfa_code_invalid": with_a_wrong_code,
    "email_code_invalid": with_a_code_of_another_letter,
    "second_factor_required": without_a_second_factor,
    "passkey_known": with_a_known_passkey,
    "last_login_method": without_another_way_in,
    "last_admin": lambda alice: as_administrator(alice, "DELETE", "/auth/me"),
    "own_role": lambda alice: as_administrator(alice, "PATCH", f"/admin/users/{alice.id}", {"role": "user"}),
    "mfa_already_enabled": with_two_apps,
    "mfa_not_enabled": lambda alice: post(alice, "/auth/mfa/recovery-codes"),
    "user_code_invalid": lambda alice: post(alice, "/auth/devices/advance", userCode="BBBB-BBBB"),
    "link_invalid": lambda alice: alice.client.post("/auth/email/verify", json={"token": "x"}),
    "email_unverified": unproved,
    "password_incorrect": lambda alice: alice.client.post(
        "/auth/reauthenticate", json={"password": "wrong"}, headers=alice.headers
    ),
    "request_malformed": lambda person: person.client.get("/", headers={"Host": "a@evil.example"}),
    "malformed_json": lambda alice: alice.client.post("/auth/login", data=b"{", content_type="application/json"),
    "invalid_credentials": lambda alice: login(alice, password="wrong"),
    "token_missing": lambda alice: alice.client.get("/"),
    "token_invalid": lambda alice: alice.client.get("/", headers={"Authorization": "Bearer a.b.c"}),
    "token_expired": after_expiry,
    "session_ended": after_logout,
    "account_disabled": when_disabled,
    "forbidden": lambda alice: alice.client.get("/auth/verify?role=admin", headers=alice.headers),
    "scope_missing": by_access_token,
    "fresh_login_required": too_late,
    "cross_origin_refused": lambda alice: alice.client.post("/auth/login", headers={"Origin": EVIL}),
    "not_found": lambda alice: alice.client.get("/nope"),
    "request_gone": with_an_answered_request,
    "method_not_allowed": lambda alice: alice.client.put("/auth/login"),
    "email_taken": lambda alice: alice.client.post(
        "/auth/register", json={"name": "A", "email": alice.email, "password": PASSWORD}
    ),
    "body_too_large": lambda alice: alice.client.post(
        "/auth/login", data=b" " * 70_000, content_type="application/json"
    ),
    "unsupported_media_type": lambda alice: alice.client.post("/auth/login", data=b"{}"),
    "validation_failed": lambda alice: alice.client.post("/auth/login", json={}),
    "too_many_attempts": too_often,
    "internal_error": with_a_broken_document,
    "hashing_busy": under_load,
    "database_unavailable": without_a_database,
    "not_ready": not_ready,
    "provider_refused": at_a_provider(
        lambda traveller, _: traveller.complete({"state": traveller.visit()["state"], "error": "access_denied"})
    ),
    "upstream_unavailable": at_a_provider(at_a_broken_provider),
    "hook_refused": past_a_hook({"allow": False}),
    "hook_failed": past_a_hook(None),
    "identity_taken": at_a_provider(with_an_identity_of_somebody_else),
    "link_confirmation_required": at_a_provider(signed_in_as_somebody_else),
}


CHALLENGES = {"scope_missing": 'Bearer error="insufficient_scope"'}
"""Of those that are no 401 (RFC 6750 section 3.1)."""


class TestEveryCode:
    def test_the_table_is_complete(self):
        assert set(PROVOKED) == set(all_problems())

    @pytest.mark.parametrize("code", all_problems())
    def test_a_request_provokes_it(self, alice: Person, code: str):
        kind = all_problems()[code]
        document = problem(PROVOKED[code](alice), kind.status, code)
        assert document["title"] == kind.title

    @pytest.mark.parametrize("code", all_problems())
    def test_a_page_explains_it(self, client: FlaskClient, code: str):
        kind = all_problems()[code]
        told = client.get(f"/problems/{code}").get_json()
        assert (told["code"], told["status"], told["title"]) == (code, kind.status, kind.title)
        assert len(told["meaning"]) > len(kind.title)
        page = client.get(f"/problems/{code}", headers={"Accept": "text/html"})
        assert page.status_code == 200
        assert page.mimetype == "text/html"
        assert f"<h1>{escape(kind.title)}</h1>" in page.text
        assert f"<code>{code}</code>" in page.text
        assert str(kind.status) in page.text

    def test_codes_are_stable_and_told_apart(self):
        found = all_problems()
        assert all(re.fullmatch("[a-z]+(_[a-z]+)*", code) for code in found)
        assert all(400 <= kind.status < 600 for kind in found.values())
        titles = [kind.title for kind in found.values()]
        assert len(titles) == len(set(titles))
        assert all(title[0].isupper() and not title.endswith(".") for title in titles)

    def test_two_problems_cannot_share_a_code(self):
        class Twin(Problem):
            """Another one."""

            status = 400
            code = "not_found"
            title = "Twin"

        try:
            with pytest.raises(RuntimeError, match="not_found"):
                all_problems()
        finally:
            Twin.code = "only_in_this_test"
            del Twin


class TestUnauthenticated:
    """The contract: 401 is only ever about the token or the sign-in, and says which scheme."""

    @pytest.mark.parametrize("code", [code for code, kind in all_problems().items() if kind.status == 401])
    def test_a_401_names_the_scheme(self, alice: Person, code: str):
        answer = PROVOKED[code](alice)
        shown = code in ("token_invalid", "token_expired", "session_ended")
        assert answer.headers["WWW-Authenticate"] == ('Bearer error="invalid_token"' if shown else "Bearer")

    @pytest.mark.parametrize("code", [code for code, kind in all_problems().items() if kind.status != 401])
    def test_only_these_statuses_have_headers_of_their_own(self, alice: Person, code: str):
        answer = PROVOKED[code](alice)
        assert answer.headers.get("WWW-Authenticate") == CHALLENGES.get(code)
        assert ("Retry-After" in answer.headers) is (answer.status_code in (429, 503))
        assert ("Allow" in answer.headers) is (answer.status_code == 405)


def family(root: type[Exception]) -> Iterator[type[Exception]]:
    """Yield a class and everything below it."""
    yield root
    for child in root.__subclasses__():
        yield from family(child)


@pytest.fixture(scope="module")
def raising(app: Flask, make_lasting_app: Callable[..., Flask]) -> Flask:
    """Return an application that raises what it is told to."""
    with hashing():
        served = make_lasting_app(ready=False)
    kinds = {kind.__name__: kind for kind in FAILURES}

    @served.get("/raise/<name>")
    def fail(name: str) -> None:
        kind = kinds[name]
        raise kind.__new__(kind, "canary-in-a-message")

    @served.get("/abort/<int:status>")
    def refuse(status: int) -> None:
        abort(status, "canary-in-a-message")

    wait_until_ready(served)
    return served


class TestEveryWayToFail:
    """D5, D9: whatever a library raises comes out in our shape."""

    @pytest.mark.parametrize(
        "name", sorted({kind.__name__ for kind in [*family(JWTExtendedException), *family(jwt.PyJWTError)]})
    )
    def test_a_token_error_is_a_401(self, raising: Flask, name: str):
        answer = raising.test_client().get(f"/raise/{name}")
        assert answer.status_code == 401
        problem(answer, 401, answer.get_json()["code"])
        assert answer.get_json()["code"] in ("token_missing", "token_invalid", "token_expired")
        assert "canary" not in answer.text

    @pytest.mark.parametrize("name", sorted({kind.__name__ for base in DATABASE_ERRORS for kind in family(base)}))
    def test_a_database_error_is_a_503(self, raising: Flask, name: str):
        answer = raising.test_client().get(f"/raise/{name}")
        problem(answer, 503, "database_unavailable")
        assert "canary" not in answer.text

    @pytest.mark.parametrize(
        "name", ["RuntimeError", "KeyError", "RecursionError", "MemoryError", "UnicodeEncodeError"]
    )
    def test_a_mistake_of_ours_is_a_500_that_quotes_nothing(self, raising: Flask, name: str):
        answer = raising.test_client().get(f"/raise/{name}")
        problem(answer, 500, "internal_error")
        assert "canary" not in answer.text

    @pytest.mark.parametrize(
        "status", sorted({kind.code for kind in family(HTTPException) if kind.code and kind.code >= 400})
    )
    def test_what_werkzeug_raises_keeps_its_status_or_is_ours(self, raising: Flask, status: int):
        answer = raising.test_client().get(f"/abort/{status}")
        document = answer.get_json()
        problem(answer, document["status"], document["code"])
        assert "canary" not in answer.text
        assert document["status"] == status or (status not in problems._BY_STATUS and document["status"] == 500)


FAILURES = [
    *family(JWTExtendedException),
    *family(jwt.PyJWTError),
    *(kind for base in DATABASE_ERRORS for kind in family(base)),
    RuntimeError,
    KeyError,
    RecursionError,
    MemoryError,
    UnicodeEncodeError,
]
