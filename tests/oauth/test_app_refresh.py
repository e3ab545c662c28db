"""An app's refresh token: rotation, grace and theft as for people's own, and what it rests on is read again."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from authsvc.models.apps import AppKind
from tests.api.forging import altered, claims_of
from tests.conftest import Person
from tests.support.accounts import Database
from tests.support.app_changes import OF_THE_ACCOUNT, OF_THE_APP, Change
from tests.support.factors import verified
from tests.support.letters import sent
from tests.support.oauth import AppClient, basic, new_app
from tests.support.sign_ins import limited

LOST = (400, "invalid_grant")


@pytest.fixture
def notes(app: Flask, client: FlaskClient) -> AppClient:
    """Return an app with a secret."""
    return new_app(app, client)


def later(seconds: float) -> time_machine.travel:
    """Return a context in which it is later; the clock goes on."""
    return time_machine.travel(datetime.now(UTC) + timedelta(seconds=seconds), tick=True)


def chain(notes: AppClient, token: str, length: int) -> list[str]:
    """Return the refresh tokens of so many rotations, the first included."""
    tokens = [token]
    for _ in range(length):
        answer = notes.refresh(tokens[-1])
        assert answer.status == 200, answer.text
        tokens.append(answer.json["refresh_token"])
    return tokens


def outcome(notes: AppClient, token: str, **params: str) -> tuple[int, str | None]:
    """Return how a refresh ends."""
    answer = notes.refresh(token, **params)
    return answer.status, answer.error


class TestWhose:
    """O30: the token is bound to its app, which has to show who it is (RFC 6749 sections 6 and 10.4)."""

    def test_o30_another_app(self, app: Flask, notes: AppClient, alice: Person) -> None:
        other, public = new_app(app, notes.client), new_app(app, notes.client, AppKind.SPA)
        token = notes.sign_in(alice.tokens["accessToken"])["refresh_token"]
        for one in (other, public):
            assert outcome(one, token) == LOST
        assert outcome(notes, token) == (200, None)  # nobody else used it up, or ended it

    def test_o30_without_authentication(self, notes: AppClient, alice: Person) -> None:
        token = notes.sign_in(alice.tokens["accessToken"])["refresh_token"]
        form = {"grant_type": "refresh_token", "refresh_token": token}
        for headers, more in (
            ({}, {}),
            ({}, {"client_id": notes.id}),
            (basic(notes.id, "x"), {}),
            (basic(notes.id, ""), {}),
        ):
            answer = notes.token({**form, **more}, headers=headers)
            assert (answer.status, answer.error) == (401, "invalid_client")
        assert outcome(notes, token) == (200, None)

    def test_a_public_app(self, app: Flask, client: FlaskClient, alice: Person) -> None:
        """By its id alone: rotation is what protects it (RFC 9700 section 4.14)."""
        public = new_app(app, client, AppKind.SPA)
        token = public.sign_in(alice.tokens["accessToken"])["refresh_token"]
        assert len(chain(public, token, 2)) == 3

    @pytest.mark.parametrize("kind", ["access", "id", "user", "user access", "nothing", "text"])
    def test_o30_other_tokens(self, notes: AppClient, alice: Person, kind: str) -> None:
        tokens = notes.sign_in(alice.tokens["accessToken"])
        others = {
            "access": tokens["access_token"],
            "id": tokens["id_token"],
            "user": alice.tokens["refreshToken"],
            "user access": alice.tokens["accessToken"],
            "nothing": "",
            "text": "a.b.c",
        }
        assert outcome(notes, others[kind]) == LOST
        assert outcome(notes, tokens["refresh_token"]) == (200, None)

    def test_our_own_refresh_takes_none_of_an_app(self, notes: AppClient, alice: Person) -> None:
        token = notes.sign_in(alice.tokens["accessToken"])["refresh_token"]
        assert alice.refresh(token).status_code == 401


class TestRotation:
    """O30: as R53 to R58."""

    def test_o30_each_refresh_gives_a_new_pair(self, notes: AppClient, alice: Person) -> None:
        """R53"""
        first = notes.sign_in(alice.tokens["accessToken"])
        second = notes.refresh(first["refresh_token"]).json
        assert second["refresh_token"] != first["refresh_token"]
        was, now = claims_of(first["refresh_token"]), claims_of(second["refresh_token"])
        assert (was["sid"], was["generation"], now["generation"]) == (now["sid"], 1, 2)
        assert notes.userinfo(second["access_token"]).json["sub"] == alice.id

    def test_o30_a_lost_answer_can_be_asked_again(self, notes: AppClient, alice: Person) -> None:
        """R56"""
        first = notes.sign_in(alice.tokens["accessToken"])["refresh_token"]
        second = notes.refresh(first).json["refresh_token"]
        with later(20):
            again = notes.refresh(first)
            assert claims_of(again.json["refresh_token"])["generation"] == 2
            assert outcome(notes, second) == (200, None)

    def test_o30_reuse_ends_that_session_and_no_other(self, notes: AppClient, alice: Person, mongo: Database) -> None:
        """R54, R58: also within the grace time, if it is the token before the last."""
        elsewhere = notes.sign_in(alice.tokens["accessToken"])
        tokens = chain(notes, notes.sign_in(alice.tokens["accessToken"])["refresh_token"], 3)
        last = notes.refresh(tokens[-1]).json
        assert outcome(notes, tokens[0]) == LOST
        for token in (*reversed(tokens), last["refresh_token"]):
            assert outcome(notes, token) == LOST
        assert notes.userinfo(last["access_token"]).status == 401
        assert outcome(notes, elsewhere["refresh_token"]) == (200, None)
        assert alice.home().status_code == 200
        assert alice.refresh().status_code == 200
        (record,) = mongo.audit.find({"action": "refresh_token.reused"})
        assert str(record["target"]) == alice.id

    def test_o30_without_grace_the_parent_is_theft_at_once(self, make_app: Callable[..., Flask], alice: Person) -> None:
        strict_app = make_app(REFRESH_REUSE_GRACE=0)
        strict = new_app(strict_app, strict_app.test_client(use_cookies=False))
        token = strict.sign_in(alice.tokens["accessToken"])["refresh_token"]
        child = strict.refresh(token).json["refresh_token"]
        assert outcome(strict, token) == LOST
        assert outcome(strict, child) == LOST

    def test_a_generation_that_never_was(self, app: Flask, notes: AppClient, alice: Person) -> None:
        """M7: a backup was restored."""
        token = notes.sign_in(alice.tokens["accessToken"])["refresh_token"]
        assert outcome(notes, altered(app, token, generation=7)) == LOST
        assert outcome(notes, token) == LOST

    @pytest.mark.parametrize(
        "changes", [{"generation": "1"}, {"generation": True}, {"sid": "x"}, {"iat": 2**40}], ids=repr
    )
    def test_claims_that_nobody_wrote(
        self, app: Flask, notes: AppClient, alice: Person, changes: dict[str, object]
    ) -> None:
        """R42: one from the future, too."""
        token = notes.sign_in(alice.tokens["accessToken"])["refresh_token"]
        assert outcome(notes, altered(app, token, **changes)) == LOST
        assert outcome(notes, token) == (200, None)

    def test_it_expires(self, app: Flask, notes: AppClient, alice: Person) -> None:
        token = notes.sign_in(alice.tokens["accessToken"])["refresh_token"]
        with later(app.config["SESSION_IDLE_TTL"] + 1):
            assert outcome(notes, token) == LOST


class TestReadAgain:
    """O31, R104: user, app and grant are read again at each refresh."""

    @pytest.mark.parametrize("change", OF_THE_ACCOUNT)
    def test_o31_a_change_of_the_account(
        self, app: Flask, notes: AppClient, alice: Person, mongo: Database, change: Change
    ) -> None:
        tokens = notes.sign_in(alice.tokens["accessToken"])
        change(app, mongo, alice)
        assert outcome(notes, tokens["refresh_token"]) == LOST
        assert notes.userinfo(tokens["access_token"]).status == 401

    @pytest.mark.parametrize("change", OF_THE_APP)
    def test_o31_a_change_of_the_app(
        self, app: Flask, notes: AppClient, alice: Person, mongo: Database, change: Change
    ) -> None:
        tokens = notes.sign_in(alice.tokens["accessToken"])
        change(app, mongo, alice)
        assert notes.refresh(tokens["refresh_token"]).error == "invalid_client"
        assert notes.userinfo(tokens["access_token"]).status == 401

    def test_an_app_of_the_operator_needs_no_grant(self, app: Flask, client: FlaskClient, alice: Person) -> None:
        own = new_app(app, client, trusted=True)
        token = own.sign_in(alice.tokens["accessToken"])["refresh_token"]
        assert len(chain(own, token, 2)) == 3

    def test_one_that_no_longer_is_asks_again(
        self, app: Flask, client: FlaskClient, alice: Person, mongo: Database
    ) -> None:
        own = new_app(app, client, trusted=True)
        token = own.sign_in(alice.tokens["accessToken"])["refresh_token"]
        mongo.apps.update_one({"_id": own.id}, {"$set": {"trusted": False}})
        assert outcome(own, token) == LOST

    def test_a_scope_that_is_taken_from_the_app(self, notes: AppClient, alice: Person, mongo: Database) -> None:
        token = notes.sign_in(alice.tokens["accessToken"])["refresh_token"]
        mongo.apps.update_one({"_id": notes.id}, {"$pull": {"scopes": "email"}})
        answer = notes.refresh(token)
        assert answer.json["scope"] == "openid"
        assert set(notes.userinfo(answer.json["access_token"]).json) == {"sub"}


class TestGrantType:
    """R103: a grant type that an app is not registered for is off on every path."""

    def test_r103_an_app_that_may_not_refresh_gets_no_refresh_token(
        self, app: Flask, client: FlaskClient, alice: Person
    ) -> None:
        notes = new_app(app, client, grant_types=["authorization_code"])
        tokens = notes.sign_in(alice.tokens["accessToken"])
        assert "refresh_token" not in tokens
        assert notes.userinfo(tokens["access_token"]).status == 200

    def test_r103_one_that_is_taken_away_is_off_for_what_was_given_before(
        self, notes: AppClient, alice: Person, mongo: Database
    ) -> None:
        code = notes.authorize(alice.tokens["accessToken"])
        token = notes.sign_in(alice.tokens["accessToken"])["refresh_token"]
        mongo.apps.update_one({"_id": notes.id}, {"$set": {"grantTypes": []}})
        assert outcome(notes, token) == (400, "unauthorized_client")
        assert notes.exchange(code).error == "unauthorized_client"


class TestScope:
    """O32 (RFC 6749 section 6)"""

    def test_o32_it_narrows(self, notes: AppClient, alice: Person) -> None:
        token = notes.sign_in(alice.tokens["accessToken"])["refresh_token"]
        narrow = notes.refresh(token, scope="email").json
        assert narrow["scope"] == "email"
        assert "id_token" not in narrow
        wide = notes.refresh(narrow["refresh_token"]).json  # for that answer only: the next may ask for all again
        assert wide["scope"] == "openid email"

    @pytest.mark.parametrize(
        "scope", ["openid profile", "openid email offline_access", "strange", "openid  email", "ü"]
    )
    def test_o32_it_never_widens_and_a_refusal_uses_nothing_up(
        self, notes: AppClient, alice: Person, scope: str
    ) -> None:
        token = notes.sign_in(alice.tokens["accessToken"])["refresh_token"]
        assert outcome(notes, token, scope=scope) == (400, "invalid_scope")
        with later(31):
            assert outcome(notes, token) == (200, None)


class TestLimit:
    def test_refreshes_of_a_session_are_limited(self, app: Flask, notes: AppClient, alice: Person) -> None:
        """R104: as people's own, and the app is told when to come again; it must not take that for the end."""
        token, other = (notes.sign_in(alice.tokens["accessToken"])["refresh_token"] for _ in range(2))
        with limited(app, refresh_session=(3, 60)):
            answers = [notes.refresh(token) for _ in range(4)]
            assert [answer.status for answer in answers] == [200, 200, 200, 429]
            assert answers[-1].error == "temporarily_unavailable"
            assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
            assert outcome(notes, other) == (200, None)
        assert outcome(notes, token) == (200, None)


class TestLetter:
    """Whoever's session may have been copied is told, and which app had it."""

    @pytest.fixture(autouse=True)
    def _verified(self, mongo: Database, alice: Person) -> None:
        verified(mongo, alice)  # nobody else gets notices

    def test_o30_after_a_refresh_token_is_used_again(
        self, app: Flask, client: FlaskClient, alice: Person, mongo: Database
    ) -> None:
        notes = new_app(app, client, name="My Notes")
        tokens = chain(notes, notes.sign_in(alice.tokens["accessToken"])["refresh_token"], 2)
        for token in tokens:
            notes.refresh(token)
        (letter,) = sent(app, "session_stolen")
        assert letter["to"] == alice.email
        assert "“My Notes”" in letter["text"]
        (record,) = mongo.audit.find({"action": "refresh_token.reused"})
        assert record["details"]["app"] == notes.id

    def test_o9_after_a_code_is_used_again(
        self, app: Flask, client: FlaskClient, alice: Person, mongo: Database
    ) -> None:
        notes = new_app(app, client, name="My Notes")
        code = notes.authorize(alice.tokens["accessToken"])
        for _ in range(4):
            notes.exchange(code)
        (letter,) = sent(app, "session_stolen")
        assert "“My Notes”" in letter["text"]
        (record,) = mongo.audit.find({"action": "app.code_reused"})
        assert (str(record["target"]), record["details"]["app"]) == (alice.id, notes.id)

    @pytest.mark.parametrize(
        "name",
        [
            "https://evil.example/reset",
            "<b>x</b>",
            "Click www.evil.example now",
            "a” in Bank “",
            "x" * 80,
            "evil.example",
        ],
    )
    def test_its_name_can_not_speak_for_us(self, app: Flask, client: FlaskClient, alice: Person, name: str) -> None:
        """Whoever registers an app writes it: no link, no markup, no end of the quotation, and not without end."""
        notes = new_app(app, client, name=name)
        code = notes.authorize(alice.tokens["accessToken"])
        for _ in range(2):
            notes.exchange(code)
        (letter,) = sent(app, "session_stolen")
        told = letter["text"].partition("the app “")[2].partition("”")[0]
        assert 0 < len(told) <= 60
        assert "evil.example" not in letter["text"] + letter["html"]
        assert "<b>" not in letter["html"]
        assert letter["text"].count("“") == letter["text"].count("”")

    def test_people_s_own_sessions_are_told_as_before(self, app: Flask, alice: Person) -> None:
        tokens = [alice.tokens["refreshToken"]]
        for _ in range(2):
            tokens.append(alice.refresh(tokens[-1]).get_json()["refreshToken"])
        alice.refresh(tokens[0])
        (letter,) = sent(app, "session_stolen")
        assert "the app" not in letter["text"]
        assert "A session of your account" in letter["text"]
