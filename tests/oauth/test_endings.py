"""What ends, and with what: the table of ends, each row over HTTP. O50, T10."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from flask import Flask
from flask.testing import FlaskClient

from authsvc import clock
from authsvc.services import app_sessions, apps
from tests.conftest import PASSWORD, Person
from tests.support.accounts import Database
from tests.support.factors import verified, with_totp
from tests.support.letters import newest, sent
from tests.support.oauth import AppClient, new_app
from tests.support.races import race, rounds

NEW = "a brand new passphrase"
LASTING = "openid email offline_access"


class Signed:
    """An app that somebody has signed in to from one of their own sessions."""

    def __init__(self, client: AppClient, person: Person, **params: str) -> None:
        self.client = client
        self.tokens = client.sign_in(person.tokens["accessToken"], **params)

    def works(self) -> bool:
        """Tell whether the app can use what it has; userinfo and refresh say the same."""
        answers = {self.client.userinfo(self.tokens["access_token"]).status == 200}
        refreshed = self.client.refresh(self.tokens["refresh_token"])
        answers.add(refreshed.status == 200)
        if refreshed.status == 200:
            self.tokens = refreshed.json
        (answer,) = answers
        return answer


@pytest.fixture
def notes(app: Flask, client: FlaskClient) -> AppClient:
    return new_app(app, client)


def post(person: Person, path: str, body: dict[str, Any] | None = None) -> Any:
    return person.client.post(path, json=body or {}, headers=person.headers)


def delete(person: Person, path: str) -> Any:
    return person.client.delete(path, headers=person.headers)


def own_id(person: Person, mongo: Database) -> str:
    """Return the id of the session of a person's tokens."""
    listed = person.client.get("/auth/sessions", headers=person.headers).get_json()["items"]
    return str(next(one["id"] for one in listed if one["current"]))


def sign_out(person: Person, **_: Any) -> None:
    assert post(person, "/auth/logout").status_code == 204


def sign_out_by_id(person: Person, *, mongo: Database, **_: Any) -> None:
    assert delete(person, f"/auth/sessions/{own_id(person, mongo)}").status_code == 204


def sign_out_elsewhere_of_this(person: Person, *, mongo: Database, **_: Any) -> None:
    """Another session of the same person ends it."""
    session = own_id(person, mongo)
    assert delete(person.login(), f"/auth/sessions/{session}").status_code == 204


def replaced_by_a_cookie(person: Person, **_: Any) -> None:
    body = {"email": person.email, "password": person.password, "transport": "cookie"}
    cookie = {"Cookie": f"refresh_token={person.tokens['refreshToken']}"}
    assert person.client.post("/auth/login", json=body, headers=cookie).status_code == 200


def replaced_by_newer_ones(person: Person, *, mongo: Database, **_: Any) -> None:
    session = mongo.sessions.find_one({"user": ObjectId(person.id), "app": None})
    assert session is not None
    others = [{**session, "_id": ObjectId()} for _ in range(100)]
    mongo.sessions.insert_many(others)
    person.login()


def unused_for_too_long(person: Person, *, mongo: Database, **_: Any) -> None:
    """It is noticed when somebody looks."""
    long_ago = clock.now() - timedelta(days=31)
    mongo.sessions.update_one({"_id": ObjectId(own_id(person, mongo))}, {"$set": {"lastUsedAt": long_ago}})
    assert person.home().status_code == 401


def refreshed_too_late(person: Person, *, mongo: Database, **_: Any) -> None:
    long_ago = clock.now() - timedelta(days=31)
    mongo.sessions.update_one({"_id": ObjectId(own_id(person, mongo))}, {"$set": {"lastUsedAt": long_ago}})
    assert person.refresh().status_code == 401


def unused_and_nobody_looks(person: Person, *, mongo: Database, **_: Any) -> None:
    """The app's refresh looks; until then its access token, which lives for minutes, works."""
    long_ago = clock.now() - timedelta(days=31)
    mongo.sessions.update_one({"_id": ObjectId(own_id(person, mongo))}, {"$set": {"lastUsedAt": long_ago}})


ENDS_ONE: list[Callable[..., None]] = [
    sign_out,
    sign_out_by_id,
    sign_out_elsewhere_of_this,
    replaced_by_a_cookie,
    replaced_by_newer_ones,
    unused_for_too_long,
    refreshed_too_late,
]


class TestTheSessionInWhichItWasAllowed:
    """O50: logout of the browser ends app sessions without `offline_access`; others stay."""

    @pytest.mark.parametrize("end", ENDS_ONE, ids=lambda end: end.__name__)
    def test_o50_its_end_ends_what_apps_got_in_it_but_what_may_last(
        self, notes: AppClient, alice: Person, mongo: Database, end: Callable[..., None]
    ):
        elsewhere = alice.login()
        brief, lasting = Signed(notes, alice), Signed(notes, alice, scope=LASTING)
        other = Signed(notes, elsewhere)
        assert [one.works() for one in (brief, lasting, other)] == [True, True, True]
        end(alice, mongo=mongo)
        assert [one.works() for one in (brief, lasting)] == [False, True]
        assert other.works() == (end is not replaced_by_newer_ones)  # which pushes both out

    def test_o50_one_that_nobody_used_for_too_long_ends_when_its_app_refreshes(
        self, notes: AppClient, alice: Person, mongo: Database
    ):
        brief, lasting = Signed(notes, alice), Signed(notes, alice, scope=LASTING)
        unused_and_nobody_looks(alice, mongo=mongo)
        assert notes.refresh(brief.tokens["refresh_token"]).error == "invalid_grant"
        assert not brief.works()
        assert lasting.works()
        ended = mongo.sessions.find({"endedAt": {"$ne": None}})
        assert {(one.get("app") is None, one["endReason"]) for one in ended} == {(True, "expired"), (False, "expired")}

    def test_o50_its_theft_ends_all_that_apps_got_in_it(self, notes: AppClient, alice: Person, app: Flask):
        """Whoever copied the session could have allowed an app of their own to last."""
        brief, lasting, other = Signed(notes, alice), Signed(notes, alice, scope=LASTING), Signed(notes, alice.login())
        old = alice.tokens["refreshToken"]
        for _ in range(2):
            alice.tokens = {**alice.tokens, **alice.refresh().get_json()}
        assert alice.refresh(old).get_json()["reason"] == "token_reuse"
        assert [one.works() for one in (brief, lasting, other)] == [False, False, True]

    @pytest.mark.race
    @rounds
    def test_o50_nothing_that_is_opened_while_it_ends_outlives_it(
        self, notes: AppClient, alice: Person, mongo: Database, turn: int
    ):
        codes = [notes.authorize(alice.tokens["accessToken"]) for _ in range(4)]
        race(lambda: sign_out(alice), *(lambda code=code: notes.exchange(code) for code in codes))
        assert mongo.sessions.count_documents({"endedAt": None}) == 0


def everywhere(person: Person, **_: Any) -> None:
    assert delete(person, "/auth/sessions?scope=all").status_code == 204


def elsewhere(person: Person, **_: Any) -> None:
    assert delete(person, "/auth/sessions?scope=others").status_code == 204


def password_change(person: Person, **_: Any) -> None:
    body = {"currentPassword": PASSWORD, "newPassword": NEW}
    assert post(person, "/auth/me/password", body).status_code == 204
    assert person.home().status_code == 200  # which its own session outlives


def password_reset(person: Person, *, app: Flask, **_: Any) -> None:
    post(person, "/auth/password/forgot", {"email": person.email})
    body = {"token": newest(app, "reset", person.email), "newPassword": NEW}
    assert post(person, "/auth/password/reset", body).status_code == 204


def disabling(person: Person, *, admin: Person, **_: Any) -> None:
    body = {"disabled": True}
    answer = admin.client.patch(f"/admin/users/{person.id}", json=body, headers=admin.headers)
    assert answer.status_code == 200, answer.text


def deletion(person: Person, **_: Any) -> None:
    assert delete(person, "/auth/me").status_code == 204


def deletion_by_admin(person: Person, *, admin: Person, **_: Any) -> None:
    assert delete(admin, f"/admin/users/{person.id}").status_code == 204


def sign_out_by_admin(person: Person, *, admin: Person, **_: Any) -> None:
    assert delete(admin, f"/admin/users/{person.id}/sessions").status_code == 204


def factors_reset(person: Person, *, admin: Person, mongo: Database, **_: Any) -> None:
    with_totp(person, mongo)
    assert delete(admin, f"/admin/users/{person.id}/mfa").status_code == 204


def address_taken_back(person: Person, *, app: Flask, mongo: Database, **_: Any) -> None:
    post(person, "/auth/me/email", {"email": "new@example.com"})
    assert post(person, "/auth/email/verify", {"token": newest(app, "change", "new@example.com")}).status_code == 200
    mongo.sessions.update_many({}, {"$unset": {"endedAt": 1, "endReason": 1}})  # only this end is looked at
    body = {"token": newest(app, "email_changed", person.email)}
    assert post(person, "/auth/email/revert", body).status_code == 200


ENDS_ALL: list[Callable[..., None]] = [
    everywhere,
    elsewhere,
    password_change,
    password_reset,
    disabling,
    deletion,
    deletion_by_admin,
    sign_out_by_admin,
    factors_reset,
    address_taken_back,
]


class TestTheWholeAccount:
    """O50: sign out everywhere, password, disable, delete, address taken back, factors reset: all end, at once."""

    @pytest.mark.parametrize("end", ENDS_ALL, ids=lambda end: end.__name__)
    def test_o50_all_of_its_sessions_at_apps_end(
        self, app: Flask, notes: AppClient, alice: Person, admin: Person, mongo: Database, end: Callable[..., None]
    ):
        verified(mongo, alice)
        mail_app = new_app(app, alice.client, name="Mail")
        mine = [Signed(notes, alice), Signed(notes, alice, scope=LASTING), Signed(mail_app, alice.login())]
        of_bob = Signed(notes, admin)
        code = notes.authorize(alice.tokens["accessToken"])
        end(alice, app=app, admin=admin, mongo=mongo)
        assert [one.works() for one in mine] == [False, False, False]
        assert notes.exchange(code).error == "invalid_grant"
        assert of_bob.works()

    @pytest.mark.parametrize("end", [deletion, deletion_by_admin], ids=lambda end: end.__name__)
    def test_o50_a_deleted_one_leaves_no_grant_and_no_request(
        self, notes: AppClient, alice: Person, admin: Person, mongo: Database, end: Callable[..., None]
    ):
        Signed(notes, alice)
        Signed(notes, admin)
        notes.authorize(alice.tokens["accessToken"])
        end(alice, admin=admin)
        of_bob = {"user": ObjectId(admin.id)}
        assert mongo.grants.count_documents({}) == mongo.grants.count_documents(of_bob) == 1
        assert mongo.authorizations.count_documents({}) == mongo.authorizations.count_documents(of_bob) == 1

    @pytest.mark.race
    @rounds
    def test_o50_nothing_that_is_opened_while_all_end_outlives_it(
        self, notes: AppClient, alice: Person, mongo: Database, turn: int
    ):
        codes = [notes.authorize(alice.tokens["accessToken"]) for _ in range(4)]
        calls = [lambda code=code: notes.exchange(code) for code in codes]
        race(lambda: password_change(alice), *calls)
        assert mongo.sessions.count_documents({"endedAt": None, "app": {"$ne": None}}) == 0


class TestGrant:
    """O50: `DELETE /auth/grants/{id}`: the app's end, of that user."""

    def test_o50_its_end_ends_the_sessions_of_that_app_and_user(
        self, app: Flask, notes: AppClient, alice: Person, bob: Person, mongo: Database
    ):
        mail_app = new_app(app, alice.client, name="Mail")
        brief, lasting = Signed(notes, alice), Signed(notes, alice.login(), scope=LASTING)
        others = [Signed(mail_app, alice), Signed(notes, bob)]
        code = notes.authorize(alice.tokens["accessToken"])
        grant = mongo.grants.find_one({"user": ObjectId(alice.id), "app": notes.id})
        assert grant is not None
        assert delete(alice, f"/auth/grants/{grant['_id']}").status_code == 204
        assert [one.works() for one in (brief, lasting, *others)] == [False, False, True, True]
        assert notes.exchange(code).error == "invalid_grant"
        assert alice.home().status_code == 200
        assert delete(alice, f"/auth/grants/{grant['_id']}").status_code == 404

    @pytest.mark.race
    @rounds
    def test_o50_nothing_that_is_opened_meanwhile_outlives_it(
        self, notes: AppClient, alice: Person, mongo: Database, turn: int
    ):
        codes = [notes.authorize(alice.tokens["accessToken"]) for _ in range(4)]
        grant = mongo.grants.find_one({})
        assert grant is not None
        calls = [lambda code=code: notes.exchange(code) for code in codes]
        race(lambda: delete(alice, f"/auth/grants/{grant['_id']}"), *calls)
        assert mongo.sessions.count_documents({"endedAt": None, "app": {"$ne": None}}) == 0

    def test_o50_a_deleted_app_leaves_none_and_no_session(
        self, app: Flask, notes: AppClient, alice: Person, mongo: Database
    ):
        signed, other = Signed(notes, alice), Signed(new_app(app, alice.client, name="Mail"), alice)
        with app.test_request_context():
            apps.delete(notes.id)
        assert mongo.sessions.count_documents({"app": notes.id, "endedAt": None}) == 0
        assert mongo.grants.count_documents({"app": notes.id}) == 0
        assert notes.userinfo(signed.tokens["access_token"]).status == 401
        assert other.works()


class TestReuse:
    """O50: refresh token reuse, code reuse: that one ends, and the letter names the app."""

    def test_o50_of_a_refresh_token(self, app: Flask, notes: AppClient, alice: Person, mongo: Database):
        verified(mongo, alice)
        signed, other = Signed(notes, alice, scope=LASTING), Signed(notes, alice)
        old = signed.tokens["refresh_token"]
        assert [signed.works() for _ in range(2)] == [True, True]
        assert notes.refresh(old).error == "invalid_grant"
        assert [signed.works(), other.works(), alice.home().status_code == 200] == [False, True, True]
        assert "Notes" in newest_text(app, alice)

    def test_o50_of_a_code(self, app: Flask, notes: AppClient, alice: Person, mongo: Database):
        verified(mongo, alice)
        code = notes.authorize(alice.tokens["accessToken"])
        tokens = notes.exchange(code).json
        assert notes.exchange(code).error == "invalid_grant"
        assert notes.userinfo(tokens["access_token"]).status == 401
        assert alice.home().status_code == 200
        assert "Notes" in newest_text(app, alice)


def newest_text(app: Flask, person: Person) -> str:
    """Return the text of the letter about a copied session."""
    (letter,) = sent(app, "session_stolen", person.email)
    return str(letter["text"])


class TestHowMany:
    """O50: 100 browsers and 20 app sessions don't push each other out."""

    def test_o50_20_at_an_app_and_100_browsers(self, app: Flask, notes: AppClient, alice: Person, mongo: Database):
        first = Signed(notes, alice)
        template = mongo.sessions.find_one({"app": notes.id})
        own = mongo.sessions.find_one({"app": None})
        assert template is not None
        assert own is not None
        mongo.sessions.insert_many([{**template, "_id": ObjectId()} for _ in range(app_sessions.MAX_LIVE - 1)])
        mongo.sessions.insert_many([{**own, "_id": ObjectId()} for _ in range(99)])
        assert first.works()
        assert alice.home().status_code == 200
        other = Signed(new_app(app, alice.client, name="Mail"), alice)
        assert [first.works(), other.works()] == [True, True]
        Signed(notes, alice)
        assert [first.works(), other.works(), alice.home().status_code == 200] == [False, True, True]
        assert mongo.sessions.count_documents({"app": notes.id, "endedAt": None}) == app_sessions.MAX_LIVE
        assert mongo.sessions.count_documents({"app": None, "endedAt": None}) == 100
        gone = mongo.sessions.find_one({"app": notes.id, "endedAt": {"$ne": None}})
        assert gone is not None
        assert gone["endReason"] == "replaced"
