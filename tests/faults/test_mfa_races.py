"""Second factors over two workers of a real gunicorn: of sixteen at once one wins; and a worker killed meanwhile."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from flask.testing import FlaskClient
from pymongo.database import Database as MongoDatabase

from authsvc.security import recovery_codes
from tests.conftest import Person
from tests.support.authenticator import Authenticator
from tests.support.factors import (
    App,
    complete,
    enrol,
    options_for,
    post,
    register_passkey,
    ticket,
    verified,
    with_passkey,
    with_totp,
)
from tests.support.faults import kill_while
from tests.support.races import ROUNDS, race
from tests.support.service import Service, Visitor

THREADS = 16
FEW = range(max(1, ROUNDS // 5))

pytestmark = pytest.mark.race
Database = MongoDatabase[dict[str, Any]]


def send(visitor: Visitor, path: str, person: Person | None = None, **body: Any) -> Any:
    return visitor.request("POST", path, json=body, headers=person.headers if person else {})


def one_wins(calls: list[Callable[[], Any]], refused: set[int]) -> None:
    """Run the calls at once; assert that one is answered well, and the others as refusals of these kinds."""
    answers = race(*calls)
    counted = Counter(answer.status_code for answer in answers)
    won = sum(count for status, count in counted.items() if status < 300)
    assert won == 1, counted
    assert {status for status in counted if status >= 300} <= refused, [answer.text for answer in answers]


def opened(served: Database) -> int:
    """Return how many sessions of two factors there are."""
    return served.sessions.count_documents({"methods": "mfa", "endedAt": None})


def reauthenticated(served: Database) -> int:
    """Return how often somebody is on record as having proved again who they are."""
    return served.audit.count_documents({"action": "session.reauthenticated"})


class TestOneWinner:
    """F9; R83, R84, R85."""

    def test_a_code(self, alice: Person, visitor: Visitor, served: Database) -> None:
        protected = with_totp(alice, served)
        for _ in FEW:
            served.users.update_one({}, {"$set": {"totp.step": 0}})
            tickets = [ticket(alice.client, alice) for _ in range(THREADS)]
            code = protected.app.code()
            before = opened(served)
            one_wins([partial(send, visitor, "/auth/login/mfa", mfaToken=one, code=code) for one in tickets], {403})
            assert opened(served) == before + 1

    def test_a_recovery_code(self, alice: Person, visitor: Visitor, served: Database) -> None:
        protected = with_totp(alice, served)
        for turn in FEW:
            code = protected.recovery_codes[turn % 10]
            tickets = [ticket(alice.client, alice) for _ in range(THREADS)]
            one_wins(
                [partial(send, visitor, "/auth/login/mfa", mfaToken=one, recoveryCode=code) for one in tickets], {403}
            )
            assert served.letters.count_documents({"kind": "recovery_code_used"}) == turn + 1

    def test_a_ticket(self, alice: Person, visitor: Visitor, served: Database) -> None:
        """Shown sixteen times, with ten good codes and six bad ones."""
        for _ in FEW:
            protected = with_totp(alice, served)
            mfa_token = ticket(alice.client, alice)
            before = opened(served)
            shown = [*protected.recovery_codes, *recovery_codes.generate()[:6]]
            one_wins(
                [partial(send, visitor, "/auth/login/mfa", mfaToken=mfa_token, recoveryCode=code) for code in shown],
                {401, 403},
            )
            assert opened(served) == before + 1
            assert len(served.users.find_one()["recoveryCodeHashes"]) == 9
            assert alice.client.delete("/auth/mfa/totp", headers=alice.headers).status_code == 204

    def test_the_enrolling_code(self, alice: Person, visitor: Visitor, served: Database) -> None:
        verified(served, alice)
        for _ in FEW:
            code = enrol(alice).code()
            one_wins([partial(send, visitor, "/auth/mfa/totp/confirm", alice, code=code)] * THREADS, {409})
            assert len(served.users.find_one()["recoveryCodeHashes"]) == 10
            assert alice.client.delete("/auth/mfa/totp", headers=alice.headers).status_code == 204

    def test_a_challenge(self, alice: Person, visitor: Visitor, served: Database) -> None:
        device = with_passkey(alice, served)
        for _ in FEW:
            options = options_for(alice.client)
            body = {"challengeId": options["challengeId"], "credential": device.get(options["publicKey"])}
            before = opened(served)
            one_wins([partial(send, visitor, "/auth/login/passkey", **body)] * THREADS, {400})
            assert opened(served) == before + 1

    def test_a_challenge_beside_a_password_and_one_for_freshness(
        self, alice: Person, visitor: Visitor, served: Database
    ) -> None:
        device = with_passkey(alice, served)
        mfa_token = ticket(alice.client, alice)
        options = options_for(alice.client, mfaToken=mfa_token)
        body = {"challengeId": options["challengeId"], "credential": device.get(options["publicKey"])}
        calls = [partial(send, visitor, "/auth/login/mfa", mfaToken=mfa_token, **body)] * THREADS
        before = opened(served)
        one_wins(calls, {400, 401})
        assert opened(served) == before + 1
        options = post(alice, "/auth/reauthenticate/options").get_json()
        body = {"challengeId": options["challengeId"], "credential": device.get(options["publicKey"])}
        one_wins([partial(send, visitor, "/auth/reauthenticate", alice, **body)] * THREADS, {400})
        assert reauthenticated(served) == 1

    def test_a_code_for_freshness(self, alice: Person, visitor: Visitor, served: Database) -> None:
        code = with_totp(alice, served).app.code()
        one_wins([partial(send, visitor, "/auth/reauthenticate", alice, code=code)] * THREADS, {403})
        assert reauthenticated(served) == 1

    def test_a_challenge_to_register(self, alice: Person, visitor: Visitor, served: Database) -> None:
        verified(served, alice)
        for turn in FEW:
            options = post(alice, "/auth/passkeys/options").get_json()
            made = Authenticator().create(options["publicKey"])
            body = {"challengeId": options["challengeId"], "name": "x", "credential": made}
            one_wins([partial(send, visitor, "/auth/passkeys", alice, **body)] * THREADS, {400})
            assert served.passkeys.count_documents({}) == turn + 1

    def test_the_last_ways_in_do_not_go_together(self, alice: Person, visitor: Visitor, served: Database) -> None:
        """R85: of two passkeys without a password one stays."""
        for _ in FEW:
            for _number in range(2 - served.passkeys.count_documents({})):
                with_passkey(alice, served)
            served.users.update_one({}, {"$unset": {"password": True}})
            paths = [f"/auth/passkeys/{one['_id']}" for one in served.passkeys.find()]
            race(*(partial(visitor.request, "DELETE", path, headers=alice.headers) for path in paths))
            assert served.passkeys.count_documents({}) == len(served.users.find_one()["passkeys"]) == 1
        served.users.delete_many({})
        served.sessions.delete_many({})


class TestAgainstSignIn:
    def test_a_sign_in_by_password_alone_does_not_outlive_the_enrolment(
        self, alice: Person, visitor: Visitor, served: Database
    ) -> None:
        """F8: whatever comes first, no session of one factor is fresh afterwards."""
        verified(served, alice)
        for _ in range(ROUNDS):
            code = enrol(alice).code()
            confirmed, *signed_in = race(
                partial(send, visitor, "/auth/mfa/totp/confirm", alice, code=code),
                *[partial(visitor.login, alice.email)] * 4,
            )
            assert confirmed.status_code == 200, confirmed.text
            for answer in signed_in:
                assert answer.status_code in (200, 202, 401)
                if answer.status_code == 200:
                    person = Person(alice.client, alice.email, alice.password, tokens=answer.json())
                    fresh = alice.client.get("/auth/me/export", headers=person.headers)
                    assert fresh.status_code in (401, 403)
            assert alice.client.delete("/auth/mfa/totp", headers=alice.headers).status_code == 204

    def test_p2_nor_the_word_that_a_passkey_is_asked_for(
        self, alice: Person, visitor: Visitor, served: Database
    ) -> None:
        """Beside a removal of that passkey: it is asked for while it is there, and nobody is locked out."""
        verified(served, alice)
        for _ in FEW:
            made = register_passkey(alice, Authenticator()).get_json()
            required, removed, *signed_in = race(
                partial(send, visitor, "/auth/mfa/require", alice),
                partial(visitor.request, "DELETE", f"/auth/passkeys/{made['id']}", headers=alice.headers),
                *[partial(visitor.login, alice.email)] * 4,
            )
            assert required.status_code in (204, 409), required.text
            assert removed.status_code == 204, removed.text
            assert {answer.status_code for answer in signed_in} <= {200, 202, 401}
            (stored,) = served.users.find()
            assert {"passkeys", "passkeysOptional"} & stored.keys() == set()
            assert visitor.login(alice.email).status_code == 200

    def test_p2_no_session_by_password_alone_outlives_that_word(
        self, alice: Person, visitor: Visitor, served: Database
    ) -> None:
        verified(served, alice)
        for _ in FEW:
            made = register_passkey(alice, Authenticator()).get_json()
            required, *signed_in = race(
                partial(send, visitor, "/auth/mfa/require", alice), *[partial(visitor.login, alice.email)] * 4
            )
            assert required.status_code == 204, required.text
            for answer in signed_in:
                assert answer.status_code in (200, 202, 401)
                if answer.status_code == 200:
                    person = Person(alice.client, alice.email, alice.password, tokens=answer.json())
                    fresh = alice.client.get("/auth/me/export", headers=person.headers)
                    assert fresh.status_code in (401, 403)
            removed = visitor.request("DELETE", f"/auth/passkeys/{made['id']}", headers=alice.headers)
            assert removed.status_code == 204, removed.text


class TestKilled:
    def test_enabling_a_factor(self, alice: Person, service_to_kill: Service, served: Database) -> None:
        """F4: it is enabled with ten recovery codes, or it can be enabled."""
        verified(served, alice)
        visitor = Visitor(service_to_kill.url)
        for turn in range(max(3, ROUNDS // 3)):
            app = enrol(alice)
            act = partial(send, visitor, "/auth/mfa/totp/confirm", alice, code=app.code())
            kill_while(service_to_kill, act, 0.008 * (turn % 4))
            stored = served.users.find_one()
            if "confirmedAt" in stored["totp"]:
                assert len(stored["recoveryCodeHashes"]) == 10
            else:
                assert send(visitor, "/auth/mfa/totp/confirm", alice, code=app.code()).status_code == 200
            assert complete_by(app, alice.client, alice, served).status_code == 200
            assert alice.client.delete("/auth/mfa/totp", headers=alice.headers).status_code == 204


def complete_by(app: App, client: FlaskClient, person: Person, served: Database) -> Any:
    """Return the answer to a sign-in with a code that was not shown yet."""
    served.users.update_one({}, {"$set": {"totp.step": 0}})
    return complete(client, ticket(client, person), code=app.code())
