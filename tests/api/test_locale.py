"""The language of an account: from its sign-up, changed by its owner, and that of its letters."""

from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authsvc import clock
from tests.conftest import Person, problem
from tests.support.accounts import EMAIL, WRONG_TYPES, Database, stored, told
from tests.support.letters import sent

GERMAN = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.8"}


def change(person: Person, **members: Any) -> Any:
    """Return the answer to a change of one's own account."""
    return person.client.patch("/auth/me", json=members, headers=person.headers)


def sign_up(client: FlaskClient, headers: dict[str, str], email: str = EMAIL) -> Any:
    """Return the account that somebody gets whose browser sends these headers."""
    body = {"name": "Ada", "email": email, "password": "correct horse battery staple"}
    answer = client.post("/auth/register", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.get_json()["user"]


def newest(app: Flask) -> dict[str, Any]:
    """Return the newest letter."""
    return sent(app)[0]


def is_german(letter: dict[str, Any]) -> bool:
    """Tell whether a letter is in German."""
    return '<html lang="de"' in letter["html"]


class TestSignUp:
    @pytest.mark.parametrize(("header", "locale"), [("de-AT,en;q=0.5", "de"), ("tlh", None), ("", None), ("en", "en")])
    def test_it_is_what_the_browser_prefers(
        self, client: FlaskClient, mongo: Database, header: str, locale: str | None
    ):
        assert sign_up(client, {"Accept-Language": header})["locale"] == locale
        assert stored(mongo).get("locale") == locale

    def test_what_was_chosen_on_the_pages_counts_more(self, browser_client: FlaskClient):
        browser_client.set_cookie("pages_language", "en")
        assert sign_up(browser_client, GERMAN)["locale"] == "en"

    def test_a_letter_to_somebody_new_is_in_it(self, client: FlaskClient):
        sign_up(client, GERMAN)
        assert is_german(newest(client.application))


class TestChange:
    @pytest.mark.parametrize(("tag", "locale"), [("de", "de"), ("de-CH", "de"), ("en-GB", "en")])
    def test_it_is_one_that_is_known(self, alice: Person, mongo: Database, tag: str, locale: str):
        before = stored(mongo)
        answer = change(alice, locale=tag)
        assert (answer.status_code, answer.get_json()["locale"]) == (200, locale)
        assert stored(mongo) == {**before, "locale": locale}
        assert change(alice, locale="en", name="Al").get_json()["name"] == "Al"

    @pytest.mark.parametrize("tag", ["", "tlh", "../de", "de_DE", "d", "DE", "de-" + "x" * 61, "de\n", "de-é"])
    def test_no_other_is_taken(self, alice: Person, mongo: Database, tag: str):
        before = stored(mongo)
        answer = change(alice, locale=tag)
        problem(answer, 422, "validation_failed")
        assert told(answer) == {("/locale", "not_allowed")}
        assert stored(mongo) == before

    @pytest.mark.parametrize("value", WRONG_TYPES, ids=str)
    def test_nor_a_wrong_type(self, alice: Person, value: Any):
        assert told(change(alice, locale=value)) == {("/locale", "wrong_type")}

    @pytest.mark.parametrize("value", [5, {"language": "de"}, ["de"], "tlh", ""])
    def test_what_another_program_has_stored_is_none(self, alice: Person, mongo: Database, value: Any):
        mongo.users.update_one({"email": alice.email}, {"$set": {"locale": value}})
        answer = alice.client.get("/auth/me", headers=alice.headers)
        assert (answer.status_code, answer.get_json()["locale"]) == (200, None)
        assert alice.login()


class TestLetters:
    def test_they_are_in_the_language_of_their_owner(self, alice: Person, app: Flask):
        change(alice, locale="de")
        alice.client.post("/auth/password/forgot", json={"email": alice.email})
        assert is_german(newest(app))

    def test_whoever_asks_decides_nothing_for_an_owner(self, alice: Person, app: Flask):
        alice.client.post("/auth/password/forgot", json={"email": alice.email}, headers=GERMAN)
        assert not is_german(newest(app))

    def test_the_last_one_is_in_it_too(self, alice: Person, app: Flask, mongo: Database):
        mongo.users.update_one({"email": alice.email}, {"$set": {"emailVerifiedAt": clock.now()}})
        change(alice, locale="de")
        assert alice.client.delete("/auth/me", headers=alice.headers).status_code == 204
        assert is_german(newest(app))

    def test_one_to_an_address_without_an_account_is_in_that_of_whoever_asked(self, client: FlaskClient, app: Flask):
        client.post("/auth/login/email", json={"email": "new@example.com", "name": "New"}, headers=GERMAN)
        assert is_german(newest(app))

    def test_templates_of_an_operator_count_first(
        self, alice: Person, app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setitem(app.config, "MAIL_TEMPLATES", str(tmp_path))
        change(alice, locale="de")
        alice.client.post("/auth/password/forgot", json={"email": alice.email})
        assert not is_german(newest(app))
        (tmp_path / "de").mkdir()
        assert is_german(newest(app))
