"""Creating an account: R1-R5, R8-R16, D14, D15."""

import re
import string
from itertools import product

import bcrypt
import pytest
from bson import ObjectId
from flask.testing import FlaskClient

import config
from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import USER_MEMBERS, WRONG_TYPES, Database, login, register, stored, told
from tests.support.races import race

SMUGGLED = """
    role roles isAdmin is_admin admin scopes permissions isActive is_active emailVerified email_verified emailVerifiedAt
    verified id _id pk _cls __v passwordHash password_hash passwordChangedAt disabledAt mfaEnabled mfa_enabled
    tokenVersion token_version createdAt created_at $set role.$ user.role __raw__ set__role Name
""".split()  # noqa: SIM905 - as prose, it can be read
EMOJI = "🦊🐼🐸🦉🐙🦋🐢🦄"


class TestRegister:
    def test_a_new_account_is_signed_in_at_once(self, client: FlaskClient, mongo: Database):
        answer = register(client, name="Zoë Ünal", email="zoe@example.com")
        assert answer.status_code == 201
        assert answer.headers["Cache-Control"] == "no-store"
        body = answer.get_json()
        assert set(body) == {"accessToken", "refreshToken", "tokenType", "expiresIn", "user"}
        assert (body["tokenType"], body["expiresIn"]) == ("Bearer", 900)
        assert set(body["user"]) == USER_MEMBERS
        shown = {key: body["user"][key] for key in ("name", "email", "emailVerified", "role", "mfaEnabled")}
        assert shown == {
            "name": "Zoë Ünal",
            "email": "zoe@example.com",
            "emailVerified": False,
            "role": "user",
            "mfaEnabled": False,
        }
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", body["user"]["createdAt"])
        assert stored(mongo, "zoe@example.com")["_id"] == ObjectId(body["user"]["id"])
        assert client.get("/", headers={"Authorization": f"Bearer {body['accessToken']}"}).status_code == 200

    def test_the_document_has_the_names_that_express_gave_it(self, alice: Person, mongo: Database):
        document = stored(mongo)
        assert {"_id", "name", "email", "password", "role", "createdAt"} <= set(document)
        assert not {key for key in document if "_" in key[1:]}

    def test_nothing_secret_is_answered(self, client: FlaskClient):
        """R15"""
        answer = register(client)
        me = client.get("/auth/me", headers={"Authorization": f"Bearer {answer.get_json()['accessToken']}"})
        for text in (str(answer.get_json()["user"]), me.text):
            for secret in ("password", "hash", "$2b$", "totp", "secret", "_cls", "recovery", PASSWORD, "__v"):
                assert secret not in text
        assert PASSWORD not in answer.text
        assert "$2b$" not in answer.text

    def test_a_member_that_is_not_asked_for_is_refused(self, client: FlaskClient, mongo: Database):
        """R1"""
        for member, value in product([*SMUGGLED, ""], ["admin", True, {"role": "admin"}]):
            answer = register(client, **{member: value})
            problem(answer, 422, "validation_failed")
            assert told(answer) == {(f"/{member}", "unknown_field")}, value
            assert mongo.users.count_documents({}) == 0

    @pytest.mark.parametrize("member", ["name", "email", "password"])
    def test_every_member_is_required(self, client: FlaskClient, member: str):
        body = {"name": "A", "email": "a@example.com", "password": PASSWORD}
        del body[member]
        answer = client.post("/auth/register", json=body)
        problem(answer, 422, "validation_failed")
        assert told(answer) == {(f"/{member}", "required")}

    def test_a_wrong_type_is_refused(self, alice: Person, mongo: Database):
        """R9, D7, D15"""
        for member, value in product(["name", "email", "password", "transport"], WRONG_TYPES):
            answer = register(alice.client, **{member: value})
            problem(answer, 422, "validation_failed")
            assert told(answer) == {(f"/{member}", "wrong_type")}, value
            assert mongo.users.count_documents({}) == 1
        assert alice.login()

    @pytest.mark.parametrize("char", ["\0", "\ud800"], ids=["NUL", "surrogate"])
    @pytest.mark.parametrize("member", ["name", "email", "password", "transport"])
    def test_what_no_database_can_hold_is_refused(self, alice: Person, mongo: Database, member: str, char: str):
        """D14"""
        answer = register(alice.client, **{member: f"correct{char}horse@example.com"})
        assert answer.status_code in (400, 422)
        problem(answer, answer.status_code, answer.get_json()["code"])
        assert mongo.users.count_documents({}) == 1
        assert alice.login()

    @pytest.mark.parametrize("name", ["", " ", "\u2003\u00a0", "a\nb", "a\x1b[31mb", "a\u2028b", "a\u202eb", "x" * 101])
    def test_a_name_is_printable_and_short(self, client: FlaskClient, name: str):
        problem(register(client, name=name), 422, "validation_failed")

    @pytest.mark.parametrize("name", ["X", "x" * 100, "O'Brien <b>&amp;", "张伟", "Анна-Мария", "{{7*7}}", "$where"])
    def test_a_name_is_kept_as_it_is(self, client: FlaskClient, name: str):
        assert register(client, name=name).get_json()["user"]["name"] == name

    def test_the_transport_is_one_of_two(self, client: FlaskClient):
        answer = register(client, transport="carrier pigeon")
        problem(answer, 422, "validation_failed")
        assert told(answer) == {("/transport", "not_allowed")}

    def test_a_taken_address_is_refused_and_the_account_is_as_before(self, alice: Person, mongo: Database):
        before = stored(mongo)
        problem(register(alice.client, email=alice.email, password="another good phrase"), 409, "email_taken")
        assert stored(mongo) == before
        assert alice.login()


class TestPasswords:
    @pytest.mark.parametrize("short", ["kq7Vz_m", EMOJI[:7], "ü" * 7, "x"], ids=ascii)
    def test_a_short_one_is_refused_counted_in_code_points(self, client: FlaskClient, short: str):
        """R2"""
        answer = register(client, password=short)
        problem(answer, 422, "validation_failed")
        assert told(answer) == {("/password", "too_short")}

    @pytest.mark.parametrize("shortest", ["kq7Vz_mw", EMOJI], ids=ascii)
    def test_eight_characters_are_enough(self, client: FlaskClient, shortest: str):
        """R2"""
        assert register(client, password=shortest).status_code == 201

    def test_seventy_three_bytes_are_not_seventy_two(self, client: FlaskClient):
        """R3, D13"""
        assert register(client, password="A" * 72 + "x").status_code == 201
        for wrong in ("A" * 72 + "y", "A" * 72, "A" * 73, "A" * 72 + "xx"):
            problem(login(client, "somebody@example.com", wrong), 401, "invalid_credentials")
        assert login(client, "somebody@example.com", "A" * 72 + "x").status_code == 200

    @pytest.mark.parametrize("whole", ["A" * 71 + "x", "é" * 35 + "ü"], ids=["one byte each", "two bytes each"])
    def test_seventy_two_bytes_are_not_more(self, client: FlaskClient, whole: str):
        """R3: our own hashes are never compared with a password that was cut."""
        assert register(client, password=whole).status_code == 201
        for wrong in (whole + "y", whole + "y" * 100, whole[:-1]):
            problem(login(client, "somebody@example.com", wrong), 401, "invalid_credentials")
        assert login(client, "somebody@example.com", whole).status_code == 200

    @pytest.mark.parametrize("long", [EMOJI * 8, "é" * 36 + "x", "Å" * 255 + "!", "𐍈k" * 128], ids=len)
    def test_a_long_one_counts_to_its_end(self, client: FlaskClient, long: str):
        """R3, D13"""
        assert register(client, password=long).status_code == 201
        assert login(client, "somebody@example.com", long).status_code == 200
        problem(login(client, "somebody@example.com", long[:-1]), 401, "invalid_credentials")
        problem(login(client, "somebody@example.com", long[:-1] + "?"), 401, "invalid_credentials")

    def test_the_reduced_form_of_a_long_one_is_not_its_password(self, client: FlaskClient, mongo: Database):
        """D13: what bcrypt is given for a long password must not sign in by itself (password shucking)."""
        long = "correct horse battery staple " * 3
        register(client, password=long)
        assert not bcrypt.checkpw(long.encode()[:72], stored(mongo, "somebody@example.com")["password"].encode())
        problem(login(client, "somebody@example.com", long[:72]), 401, "invalid_credentials")

    def test_one_is_verified_exactly_as_received(self, client: FlaskClient):
        """R4"""
        exact = " P\u00e4ssword  1234 "
        assert register(client, password=exact).status_code == 201
        assert login(client, "somebody@example.com", exact).status_code == 200
        decomposed = exact.replace("\u00e4", "a\u0308")
        for other in (exact.strip(), exact.lower(), exact.upper(), exact.replace("  ", " "), decomposed):
            problem(login(client, "somebody@example.com", other), 401, "invalid_credentials")

    def test_there_are_no_composition_rules(self, client: FlaskClient):
        """R5"""
        assert register(client, email="lower@example.com", password="plumtreewindowgarden").status_code == 201
        assert register(client, email="words@example.com", password="a tea pot on the hill").status_code == 201

    @pytest.mark.slow
    @pytest.mark.parametrize("some", [string.printable[i : i + 5] for i in range(0, 95, 5)], ids=ascii)
    def test_every_printable_character_counts(self, client: FlaskClient, some: str):
        """R5"""
        for char in some:
            email = f"c{ord(char)}@example.com"
            chosen = f"{char}plum{char}tree{char}"
            assert register(client, email=email, password=chosen).status_code == 201
            assert login(client, email, chosen).status_code == 200

    @pytest.mark.parametrize(
        ("chosen", "code"),
        [
            ("password", "password_too_common"),
            ("PassWord1!", "password_too_common"),
            ("jennifer", "password_too_common"),
            ("1q2w3e4r5t", "password_too_common"),
            ("zzzzzzzzzzzz", "password_too_common"),
            ("bob@example.com", "password_like_account"),
            ("bobbobbob", "password_like_account"),
            ("Builder-2026", "password_like_account"),
            ("authsvc2026", "password_like_account"),
        ],
    )
    def test_one_that_an_attacker_tries_first_is_refused(
        self, client: FlaskClient, mongo: Database, chosen: str, code: str
    ):
        """R6, R7; all of them: tests/security/test_password_policy.py"""
        answer = register(client, name="Bob Builder", email="bob@example.com", password=chosen)
        problem(answer, 422, "validation_failed")
        assert told(answer) == {("/password", code)}
        assert mongo.users.count_documents({}) == 0

    def test_a_refused_one_is_not_repeated(self, client: FlaskClient):
        for chosen in ("qwertyuiop", "kq7Vz_m", "k" * 300):
            assert chosen not in register(client, password=chosen).text

    @pytest.mark.parametrize(
        ("length", "status", "code"),
        [
            (257, 422, "validation_failed"),
            (1_000, 422, "validation_failed"),
            (10_000, 422, "validation_failed"),
            (1_000_000, 413, "body_too_large"),
        ],
    )
    def test_an_overlong_one_is_refused(self, alice: Person, length: int, status: int, code: str):
        """R8; that none of it is hashed: TestEqualWork in test_auth_login.py"""
        problem(register(alice.client, password="pa ss" * (length // 5) + "x" * (length % 5)), status, code)
        assert alice.login()

    def test_the_hash_is_bcrypt_of_the_configured_cost(self, client: FlaskClient, mongo: Database):
        """R16"""
        register(client)
        assert re.fullmatch(r"\$2b\$04\$[./A-Za-z0-9]{53}", stored(mongo, "somebody@example.com")["password"])

    @pytest.mark.parametrize("kind", [config.Development, config.Production])
    def test_the_default_cost_is_twelve_and_production_takes_no_less_than_ten(self, kind: type[config.Config]):
        """R16"""
        assert kind({"SECRET_KEY": "x"}).BCRYPT_ROUNDS == 12
        assert "BCRYPT_ROUNDS" in (config.Production({"BCRYPT_ROUNDS": "9"}).refusal() or "")


class TestAddresses:
    @pytest.mark.parametrize("other", ["user@example.com", "USER@EXAMPLE.com", "uSeR@eXaMpLe.CoM"])
    def test_one_address_in_any_case_is_one_account(self, client: FlaskClient, mongo: Database, other: str):
        """R10"""
        answer = register(client, email="User@Example.COM")
        assert answer.get_json()["user"]["email"] == "user@example.com"
        problem(register(client, email=other), 409, "email_taken")
        assert mongo.users.count_documents({}) == 1
        for spelling in (other, "User@Example.COM"):
            assert login(client, spelling).status_code == 200

    @pytest.mark.parametrize(
        "look_alike", ["\u212aate", "\u017fam", "m\u0131ke", "\uff41lice", "\u041aate", "kate\u0301"], ids=ascii
    )
    def test_a_look_alike_is_refused(self, client: FlaskClient, mongo: Database, look_alike: str):
        """R11, D15"""
        answer = register(client, email=f"{look_alike}@example.com")
        problem(answer, 422, "validation_failed")
        assert told(answer) == {("/email", "not_ascii")}
        assert mongo.users.count_documents({}) == 0

    @pytest.mark.parametrize(
        ("first", "second"), [("bücher.de", "xn--bcher-kva.de"), ("XN--BCHER-KVA.de", "BÜCHER.de")]
    )
    def test_a_domain_has_one_spelling(self, client: FlaskClient, first: str, second: str):
        """R12"""
        answer = register(client, email=f"a@{first}")
        assert answer.get_json()["user"]["email"] == "a@xn--bcher-kva.de"
        problem(register(client, email=f"a@{second}"), 409, "email_taken")
        assert login(client, f"a@{second}").status_code == 200

    @pytest.mark.parametrize(
        ("email", "code"),
        [
            ("", "bad_format"),
            ("@", "bad_format"),
            ("a@b@x.io", "bad_format"),
            ("a@exam\u200bple.org", "bad_format"),
            ("a@exam\u00adple.org", "bad_format"),
            ("a@example.org.", "bad_format"),
            ("a@[127.0.0.1]", "bad_format"),
            ("a@localhost", "bad_format"),
            ('"a b"@x.io', "bad_format"),
            ("a@x.io\n", "bad_format"),
            ("a@x.io\r\nBcc: v@x.io", "bad_format"),
            ("A <a@x.io>", "bad_format"),
            ("x" * 65 + "@x.io", "bad_format"),
            ("a@" + "x." * 130 + "io", "too_long"),
            ("a@" + "x" * 60_000 + ".io", "too_long"),
        ],
        ids=lambda value: ascii(value)[:24],
    )
    def test_what_is_no_address_is_refused(self, alice: Person, email: str, code: str):
        """R12, R13"""
        answer = register(alice.client, email=email)
        problem(answer, 422, "validation_failed")
        assert told(answer) == {("/email", code)}
        assert alice.login()


class TestRace:
    @pytest.mark.race
    def test_of_fifty_registrations_of_one_address_one_wins(self, client: FlaskClient, mongo: Database):
        """R14, F5"""
        spellings = ["race@example.com", "RACE@example.com", "Race@Example.Com", "race@EXAMPLE.COM", "rAcE@example.com"]
        chosen = [f"a good phrase, number {n}" for n in range(50)]
        answers = race(
            *(
                lambda n=n: register(client.application.test_client(), email=spellings[n % 5], password=chosen[n])
                for n in range(50)
            )
        )
        won = [n for n, answer in enumerate(answers) if answer.status_code == 201]
        assert len(won) == 1
        for n in set(range(50)) - set(won):
            problem(answers[n], 409, "email_taken")
        assert mongo.users.count_documents({}) == 1
        assert login(client, "race@example.com", chosen[won[0]]).status_code == 200
