"""Codes at the token endpoint: each is used once, by the app that it was given to, and only while it holds."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import Person
from tests.support.accounts import Database
from tests.support.app_changes import OF_THE_ACCOUNT, OF_THE_APP, Change
from tests.support.oauth import AppClient, basic, new_app


@pytest.fixture
def notes(app: Flask, client: FlaskClient) -> AppClient:
    """Return an app with a secret."""
    return new_app(app, client)


@pytest.fixture
def other(app: Flask, client: FlaskClient) -> AppClient:
    """Return another app with a secret."""
    return new_app(app, client, name="Other")


class TestCode:
    def test_o9_a_second_use_ends_what_the_first_one_gave(self, notes: AppClient, alice: Person) -> None:
        code = notes.authorize(alice.tokens["accessToken"])
        tokens = notes.exchange(code).json
        assert notes.userinfo(tokens["access_token"]).status == 200
        assert notes.exchange(code).error == "invalid_grant"
        assert notes.userinfo(tokens["access_token"]).status == 401
        assert notes.refresh(tokens["refresh_token"]).error == "invalid_grant"

    @pytest.mark.parametrize("wrong", ["code_verifier", "redirect_uri", "no verifier", "no redirect_uri"])
    def test_o10_any_use_by_its_app_uses_it_up(self, notes: AppClient, alice: Person, wrong: str) -> None:
        """Also A4."""
        code = notes.authorize(alice.tokens["accessToken"])
        bent = {**code.form}
        if wrong.startswith("no "):
            bent = {name: value for name, value in bent.items() if wrong[3:] not in name}
        else:
            bent[wrong] = f"{bent[wrong]}a"
        for form in (bent, code.form):
            answer = notes.token(form)
            assert (answer.status, answer.error) == (400, "invalid_grant")

    def test_o10_another_app_uses_nothing_up(self, notes: AppClient, other: AppClient, alice: Person) -> None:
        code = notes.authorize(alice.tokens["accessToken"])
        for _ in range(2):
            assert other.exchange(code).error == "invalid_grant"
        tokens = notes.exchange(code)
        assert tokens.status == 200
        assert other.exchange(code).error == "invalid_grant"
        assert notes.userinfo(tokens.json["access_token"]).status == 200  # nor does it end what the code gave

    def test_o10_whoever_is_nobody_uses_nothing_up(self, notes: AppClient, alice: Person) -> None:
        code = notes.authorize(alice.tokens["accessToken"])
        assert notes.token(code.form, headers=basic(notes.id, "wrong")).status == 401
        assert notes.token({**code.form, "client_id": notes.id}, headers={}).status == 401
        assert notes.exchange(code).status == 200

    def test_o8_a_verifier_without_a_challenge(self, notes: AppClient, alice: Person, mongo: Database) -> None:
        """RFC 9700 section 4.8.2: nor is a code without one exchanged by whoever leaves it out."""
        code = notes.authorize(alice.tokens["accessToken"])
        mongo.authorizations.update_many({}, {"$unset": {"params.challenge": 1}})
        for form in (code.form, {name: value for name, value in code.form.items() if name != "code_verifier"}):
            assert notes.token(form).error == "invalid_grant"

    @pytest.mark.parametrize(
        "form",
        [{"code": ""}, {"code": "asc_x"}, {"code": "ü"}, {"code": "x" * 9000}, {"code_verifier": "ü" * 43}],
        ids=ascii,
    )
    def test_what_is_no_code(self, notes: AppClient, alice: Person, form: dict[str, str]) -> None:
        code = notes.authorize(alice.tokens["accessToken"])
        answer = notes.token({**code.form, **form})
        assert (answer.status, answer.error) == (400, "invalid_grant")


class TestInBetween:
    """O11, R104: what a code was given for is read again when it is exchanged."""

    @pytest.mark.parametrize("change", OF_THE_ACCOUNT)
    def test_o11_a_change_of_the_account(
        self, app: Flask, notes: AppClient, alice: Person, mongo: Database, change: Change
    ) -> None:
        code = notes.authorize(alice.tokens["accessToken"])
        change(app, mongo, alice)
        answer = notes.exchange(code)
        assert (answer.status, answer.error) == (400, "invalid_grant")
        assert mongo.sessions.count_documents({"app": notes.id, "endedAt": None}) == 0

    @pytest.mark.parametrize("change", OF_THE_APP)
    def test_o11_a_change_of_the_app(
        self, app: Flask, notes: AppClient, alice: Person, mongo: Database, change: Change
    ) -> None:
        code = notes.authorize(alice.tokens["accessToken"])
        change(app, mongo, alice)
        assert notes.exchange(code).error == "invalid_client"
        assert mongo.sessions.count_documents({"app": notes.id, "endedAt": None}) == 0

    def test_o11_after_a_minute(self, notes: AppClient, alice: Person) -> None:
        code, fresh = (notes.authorize(alice.tokens["accessToken"]) for _ in range(2))
        with time_machine.travel(datetime.now(UTC) + timedelta(seconds=61), tick=True):
            assert notes.exchange(code).error == "invalid_grant"
        with time_machine.travel(datetime.now(UTC) + timedelta(seconds=55), tick=True):
            assert notes.exchange(fresh).status == 200

    def test_o11_one_that_is_late_is_used_up_and_ends_nothing(
        self, notes: AppClient, alice: Person, mongo: Database
    ) -> None:
        code = notes.authorize(alice.tokens["accessToken"])
        with time_machine.travel(datetime.now(UTC) + timedelta(seconds=61), tick=True):
            notes.exchange(code)
        assert notes.exchange(code).error == "invalid_grant"
        assert mongo.letters.count_documents({"kind": "session_stolen"}) == 0
