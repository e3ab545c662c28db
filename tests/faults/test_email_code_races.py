"""Codes from letters over two workers of a real gunicorn: R112, R116, R119."""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from flask import Flask
from pymongo.database import Database as MongoDatabase

from tests.conftest import PASSWORD
from tests.support.accounts import EMAIL
from tests.support.email_codes import newest_code
from tests.support.letters import code_in, newest, sent
from tests.support.races import ROUNDS, race
from tests.support.service import Service, Visitor

THREADS = 16
FEW = range(max(1, ROUNDS // 3))
NEW = "alice.new@example.com"

pytestmark = pytest.mark.race
Database = MongoDatabase[dict[str, Any]]


def post(visitor: Visitor, path: str, access: str = "", **body: Any) -> Any:
    headers = {"Authorization": f"Bearer {access}"} if access else {}
    return visitor.request("POST", path, json=body, headers=headers)


def asked(visitor: Visitor, email: str = EMAIL, path: str = "/auth/login/email", **members: Any) -> str:
    """Return the challenge of a letter that somebody asked for."""
    answer = post(visitor, path, email=email, **members)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["challengeId"])


def typed(visitor: Visitor, challenge: str, code: str) -> Callable[[], Any]:
    """Return the call that types a code."""
    return partial(post, visitor, "/auth/login/email/code", challengeId=challenge, code=code)


def live(served: Database, **which: Any) -> int:
    return served.sessions.count_documents({"endedAt": None, **which})


@pytest.fixture
def access(visitor: Visitor, served: Database) -> str:
    """Return an access token of Alice's, whose address is verified."""
    token = str(visitor.register(EMAIL).json()["accessToken"])
    served.users.update_one({}, {"$currentDate": {"emailVerifiedAt": True}})
    return token


@pytest.fixture(scope="module")
def limited(app: Flask, settings: dict[str, str]) -> Iterator[Service]:
    """Return a running service that counts wrong codes, and nothing else so soon."""
    wide = "login_codes=999/60 link_letters=999/60 asked_letters=999/60 letter_address=999/60"
    own = {"WEB_CONCURRENCY": 2, "RATE_LIMITS": "on", "LIMITS": f"{wide} email_code_address=999/60"}
    with Service(**{**settings, **own}) as running:
        yield running


class TestOneSession:
    """R119: of sixteen at once."""

    def test_by_one_code(self, access: str, visitor: Visitor, app: Flask, served: Database) -> None:
        for turn in FEW:
            challenge = asked(visitor)
            answers = race(*[typed(visitor, challenge, newest_code(app))] * THREADS)
            assert Counter(one.status_code for one in answers) == {200: 1, 403: THREADS - 1}
            assert live(served, methods=["otp"]) == turn + 1

    def test_by_one_link(self, access: str, visitor: Visitor, app: Flask, served: Database) -> None:
        for turn in FEW:
            asked(visitor)
            follow = partial(post, visitor, "/auth/login/email/link", token=newest(app, "sign_in"), confirm=True)
            answers = race(*[follow] * THREADS)
            assert Counter(one.status_code for one in answers) == {200: 1, 400: THREADS - 1}
            assert live(served, methods=["otp"]) == turn + 1

    def test_by_both_faces_of_one_challenge(self, access: str, visitor: Visitor, app: Flask, served: Database) -> None:
        for turn in FEW:
            challenge = asked(visitor)
            follow = partial(post, visitor, "/auth/login/email/link", token=newest(app, "sign_in"), confirm=True)
            answers = race(*[follow, typed(visitor, challenge, newest_code(app))] * (THREADS // 2))
            assert [one.status_code for one in answers].count(200) == 1
            assert live(served, methods=["otp"]) == turn + 1

    def test_of_a_new_account(self, visitor: Visitor, app: Flask, served: Database) -> None:
        """And of two challenges for one address: one account."""
        for turn in FEW:
            email = f"{turn}@example.com"
            calls = []
            for name in ("One", "Two"):
                challenge = asked(visitor, email, name=name)
                calls += [typed(visitor, challenge, newest_code(app, "sign_up", email))] * (THREADS // 2)
            statuses = Counter(one.status_code for one in race(*calls))
            assert set(statuses) == {200, 403}
            assert served.users.count_documents({"email": email}) == 1
            assert statuses[200] <= 2
            assert live(served, email=email) == statuses[200]

    def test_a_code_sets_one_password(self, access: str, visitor: Visitor, app: Flask, served: Database) -> None:
        for _ in FEW:
            challenge = asked(visitor, path="/auth/password/forgot", challenge=True)
            members = {"challengeId": challenge, "code": newest_code(app, "reset"), "newPassword": PASSWORD[::-1]}
            answers = race(*[partial(post, visitor, "/auth/password/reset", **members)] * THREADS)
            assert Counter(one.status_code for one in answers) == {204: 1, 403: THREADS - 1}

    def test_a_code_verifies_once(self, visitor: Visitor, app: Flask, served: Database) -> None:
        token = str(visitor.register(EMAIL).json()["accessToken"])
        for _ in FEW:
            served.users.update_one({}, {"$unset": {"emailVerifiedAt": 1}})
            challenge = asked(visitor, path="/auth/email/resend", challenge=True)
            members = {"challengeId": challenge, "code": newest_code(app, "verify")}
            answers = race(*[partial(post, visitor, "/auth/email/verify", token, **members)] * THREADS)
            assert Counter(one.status_code for one in answers) == {200: 1, 403: THREADS - 1}
            assert live(served) == 1


class TestGuesses:
    def test_r116_no_more_than_five_of_fifty_are_compared(
        self, access: str, visitor: Visitor, app: Flask, served: Database
    ) -> None:
        for _ in FEW:
            challenge = asked(visitor)
            code = newest_code(app)
            guesses = [f"{(int(code) + one) % 1_000_000:06}" for one in range(1, 51)]
            answers = race(*(typed(visitor, challenge, guess) for guess in guesses))
            assert {one.status_code for one in answers} == {403}
            assert [one["tries"] for one in served.email_codes.find()][-1] == 5
            assert typed(visitor, challenge, code)().status_code == 403

    @pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
    def test_r116_wrong_codes_over_twenty_resends_are_counted_together(
        self, limited: Service, app: Flask, served: Database, known: bool
    ) -> None:
        visitor = Visitor(limited.url)
        if known:
            visitor.register(EMAIL)
        challenges = [asked(visitor) for _ in range(20)]
        letters = {code_in(letter) for letter in sent(app, "sign_in")} if known else set()
        guess = next(code for code in ("000000", "111111", "222222") if code not in letters)
        answers = race(*(typed(visitor, challenge, guess) for challenge in challenges))
        assert Counter(one.status_code for one in answers) == {403: 10, 429: 10}


class TestAgainstChanges:
    def test_r112_of_a_squatter_who_signs_in_meanwhile_nothing_stays(
        self, visitor: Visitor, app: Flask, served: Database
    ) -> None:
        for _ in FEW:
            served.users.delete_many({})
            served.sessions.delete_many({})
            visitor.register(EMAIL)
            challenge = asked(visitor)
            squats = [partial(visitor.login, EMAIL)] * 6
            answers = race(typed(visitor, challenge, newest_code(app)), *squats)
            assert answers[0].status_code == 200, answers[0].text
            assert live(served) == live(served, methods=["otp"]) == 1
            assert "password" not in served.users.find_one()

    def test_who_reads_the_mail_of_an_address_that_was_changed_gets_nothing(
        self, access: str, visitor: Visitor, app: Flask, served: Database
    ) -> None:
        for turn in FEW:
            before = served.users.find_one()["email"]
            after = NEW if before == EMAIL else EMAIL
            challenge = asked(visitor, before)
            code = newest_code(app, to=before)
            assert post(visitor, "/auth/me/email", access, email=after).status_code == 202
            token = newest(app, "change", after)
            confirm = partial(post, visitor, "/auth/email/verify", access, token=token)
            changed, *others = race(confirm, *[typed(visitor, challenge, code)] * 3)
            assert changed.status_code == 200, (turn, changed.text)
            assert {one.status_code for one in others} <= {200, 401, 403}
            assert live(served, methods=["otp"]) == 0

    def test_a_disabled_account_has_no_session(
        self, access: str, visitor: Visitor, app: Flask, served: Database
    ) -> None:
        for _ in FEW:
            challenge = asked(visitor)
            code = newest_code(app)

            def disable() -> int:
                return app.test_cli_runner().invoke(args=["users", "disable", EMAIL]).exit_code

            done, *answers = race(disable, *[typed(visitor, challenge, code)] * 4)
            assert done == 0
            assert {one.status_code for one in answers} <= {200, 401, 403}
            assert live(served) == 0
            assert app.test_cli_runner().invoke(args=["users", "enable", EMAIL]).exit_code == 0
