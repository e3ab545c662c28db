"""Recovery codes: the way in for who has lost the other factors. R84."""

import re
from datetime import timedelta

import pytest
from flask import Flask

from authsvc import clock
from authsvc.security import recovery_codes
from tests.conftest import Person, problem
from tests.support.accounts import EMAIL, WRONG_TYPES, Database, login, stored
from tests.support.factors import Protected, complete, post, ticket, with_passkey, with_totp
from tests.support.letters import sent


@pytest.fixture
def protected(alice: Person, mongo: Database) -> Protected:
    """Return Alice with an authenticator app."""
    return with_totp(alice, mongo)


def use(protected: Protected, code: object):
    client = protected.person.client
    return complete(client, ticket(client, protected.person), recoveryCode=code)


def remaining(protected: Protected) -> int:
    person = protected.person
    status = person.client.get("/auth/mfa", headers=person.headers).get_json()
    return int(status["recoveryCodes"]["remaining"])


class TestUse:
    def test_each_is_good_once(self, protected: Protected, app: Flask, mongo: Database):
        first, second = protected.recovery_codes[:2]
        assert use(protected, first).status_code == 200
        problem(use(protected, first), 403, "mfa_code_invalid")
        assert remaining(protected) == 9
        assert use(protected, second).status_code == 200
        letters = sent(app, "recovery_code_used", EMAIL)
        assert ["left: 8." in letters[0]["text"], "left: 9." in letters[1]["text"]] == [True, True]
        assert mongo.audit.count_documents({"action": "recovery_code.used"}) == 2

    @pytest.mark.parametrize(
        "typed", [str.upper, lambda code: code.replace("-", ""), lambda code: f" {code.replace('-', ' - ')} "]
    )
    def test_it_is_read_as_people_type_it(self, protected: Protected, typed):
        assert use(protected, typed(protected.recovery_codes[0])).status_code == 200

    def test_letters_that_look_like_digits_are_digits(self):
        shown = "0101ab-cdefgh-jkmnpq-rstvwx"
        assert recovery_codes.digest("oIlIAB cdefgh jkmnpq rstvwx".replace("lI", "01")) is not None
        assert recovery_codes.digest("OLo1ab-cdefgh-jkmnpq-rstvwx") == recovery_codes.digest(shown)

    @pytest.mark.parametrize("code", ["", "x" * 65, *(value for value in WRONG_TYPES if not isinstance(value, str))])
    def test_what_can_t_be_one_is_refused(self, protected: Protected, code: object):
        problem(use(protected, code), 422, "validation_failed")

    @pytest.mark.parametrize("code", ["000000", "u" * 24, "0" * 24, "é" * 24, "\uff10" * 24])
    def test_what_is_none_is_wrong(self, protected: Protected, code: str):
        problem(use(protected, code), 403, "mfa_code_invalid")
        assert remaining(protected) == 10

    def test_what_is_shorter_or_longer_is_none(self):
        assert recovery_codes.digest("0" * 24) is not None
        for length in (0, 6, 23, 25, 48):
            assert recovery_codes.digest("0" * length) is None, length

    def test_another_account_s_are_none(self, protected: Protected, bob: Person, mongo: Database):
        theirs = with_totp(bob, mongo)
        problem(use(protected, theirs.recovery_codes[0]), 403, "mfa_code_invalid")

    def test_none_is_spent_for_nothing(self, protected: Protected):
        """Shown with a ticket that was used."""
        client = protected.person.client
        used = ticket(client, protected.person)
        assert complete(client, used, code=protected.app.code()).status_code == 200
        problem(complete(client, used, recoveryCode=protected.recovery_codes[0]), 401, "mfa_token_invalid")
        assert remaining(protected) == 10


class TestRegenerate:
    def test_the_old_ones_are_good_no_more(self, protected: Protected, app: Flask, mongo: Database):
        answer = post(protected.person, "/auth/mfa/recovery-codes")
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
        new = answer.get_json()["recoveryCodes"]
        assert (len(new), set(new) & set(protected.recovery_codes)) == (10, set())
        problem(use(protected, protected.recovery_codes[0]), 403, "mfa_code_invalid")
        assert use(protected, new[0]).status_code == 200
        assert len(sent(app, "recovery_codes_replaced", EMAIL)) == 1
        assert mongo.audit.count_documents({"action": "recovery_codes.replaced"}) == 1

    def test_for_passkeys_too(self, alice: Person, mongo: Database):
        with_passkey(alice, mongo)
        codes = post(alice, "/auth/mfa/recovery-codes").get_json()["recoveryCodes"]
        assert login(alice.client).get_json()["methods"] == ["recovery_code", "passkey"]
        assert complete(alice.client, ticket(alice.client, alice), recoveryCode=codes[0]).status_code == 200

    def test_not_without_a_factor(self, alice: Person):
        problem(post(alice, "/auth/mfa/recovery-codes"), 409, "mfa_not_enabled")

    def test_it_needs_a_fresh_sign_in(self, protected: Protected, mongo: Database):
        mongo.sessions.update_many({}, {"$set": {"authTime": clock.now() - timedelta(minutes=11)}})
        problem(post(protected.person, "/auth/mfa/recovery-codes"), 403, "fresh_login_required")


class TestSecrets:
    def test_each_has_120_random_bits_and_is_stored_hashed(self, protected: Protected, mongo: Database):
        shape = re.compile(r"([0-9a-hjkmnp-tv-z]{6}-){3}[0-9a-hjkmnp-tv-z]{6}")
        assert all(shape.fullmatch(code) for code in protected.recovery_codes)
        hashes = stored(mongo)["recoveryCodeHashes"]
        assert hashes == recovery_codes.digests(protected.recovery_codes)
        assert all(re.fullmatch(r"[0-9a-f]{64}", one) for one in hashes)
        assert len({code for _ in range(20) for code in recovery_codes.generate()}) == 200
