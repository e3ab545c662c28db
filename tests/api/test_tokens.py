"""What the protected route takes for an access token, and what it does not (section 1.3)."""

import base64
import json
import secrets
import socket
import threading
from typing import Any

import jwt
import pytest
import time_machine
from bson import ObjectId
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database

from authsvc.security import jwk
from authsvc.services import sessions, signing_keys, tokens
from tests.api.forging import altered, claims_of, header_of, now, own_key, segment, sign
from tests.conftest import Person, problem


def refused(person: Person, token: str) -> None:
    """Assert that a token is invalid, and that the real one still works."""
    answer = person.client.get("/", headers={"Authorization": f"Bearer {token}"})
    problem(answer, 401, "token_invalid")
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert person.home().status_code == 200


class TestShape:
    def test_a_token_has_exactly_these_claims(self, alice: Person) -> None:
        """RFC 7519: the claims that the services behind rely on, and none that says more."""
        access, refresh = alice.tokens["accessToken"], alice.tokens["refreshToken"]
        assert header_of(access) == {"alg": "ES256", "typ": "JWT", "kid": header_of(refresh)["kid"]}
        claims = claims_of(access)
        assert set(claims) == {
            *("type", "fresh", "iat", "exp", "jti", "sub", "sid", "aud", "iss", "role", "auth_time", "amr"),
        }
        assert (claims["type"], claims["sub"], claims["role"], claims["amr"]) == ("access", alice.id, "user", ["pwd"])
        assert claims["exp"] - claims["iat"] == alice.tokens["expiresIn"] == 900
        assert claims["aud"] != claims_of(refresh)["aud"]
        assert claims_of(refresh)["sid"] == claims["sid"]


class TestSignature:
    @pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "none "])
    @pytest.mark.parametrize("signature", ["", None, "original"])
    def test_none_is_no_algorithm(self, alice: Person, alg: str, signature: str | None) -> None:
        """R32"""
        head, body, original = alice.tokens["accessToken"].split(".")
        del head
        parts = [segment({"alg": alg, "typ": "JWT", "kid": header_of(alice.tokens["accessToken"])["kid"]}), body]
        parts += [] if signature is None else [original if signature == "original" else ""]
        refused(alice, ".".join(parts))

    @pytest.mark.parametrize(
        "alg", ["HS256", "HS384", "HS512", "RS256", "ES384", "PS256", "EdDSA", "es256", "", None, 0, [], {}]
    )
    def test_no_other_algorithm(self, alice: Person, app: Flask, alg: Any) -> None:
        """R33"""
        token = alice.tokens["accessToken"]
        refused(alice, sign({**header_of(token), "alg": alg}, claims_of(token), own_key(app).private))

    def test_the_public_key_is_no_secret(self, alice: Person, app: Flask) -> None:
        """R34: CVE-2016-10555, CVE-2026-48526"""
        public = own_key(app).public
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        members = {"kid": own_key(app).kid, **jwk.public_members(public)}
        token = alice.tokens["accessToken"]
        for secret in (
            pem,
            pem.strip(),
            public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            json.dumps(members).encode(),
            json.dumps(jwk.public_members(public), separators=(",", ":")).encode(),
        ):
            signed = f"{segment({**header_of(token), 'alg': 'HS256'})}.{token.split('.')[1]}"
            key = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
            refused(alice, f"{signed}.{segment(key.sign(signed.encode(), secret))}")

    def test_every_change_breaks_it(self, alice: Person, bob: Person) -> None:
        """R35, D11"""
        token = alice.tokens["accessToken"]
        head, body, signature = token.split(".")
        for text in (
            f"{head}.{body}.",
            f"{head}.{body}",
            token[:-4],
            f"{head}.{body}.{'A' * len(signature)}",
            f"{head}.{body}.{bob.tokens['accessToken'].split('.')[2]}",
            token + "=",
            token + "==",
            *(f"{head}.{segment({**claims_of(token), **change})}.{signature}" for change in EDITS),
        ):
            refused(alice, text)
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        for letter in alphabet.replace(token[-1], ""):
            refused(alice, token[:-1] + letter)

    @pytest.mark.parametrize("secret", ["secret", "", "\n", "changeme", "your-256-bit-secret", "jwt_secret"])
    def test_no_well_known_secret(self, alice: Person, secret: str) -> None:
        """R36"""
        token = alice.tokens["accessToken"]
        signed = f"{segment({**header_of(token), 'alg': 'HS256'})}.{token.split('.')[1]}"
        key = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
        refused(alice, f"{signed}.{segment(key.sign(signed.encode(), secret.encode()))}")

    def test_a_key_in_the_header_is_not_used_and_not_fetched(self, alice: Person) -> None:
        """R37: CVE-2018-0114"""
        heard: list[object] = []
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(1)
            threading.Thread(target=lambda: heard.append(accepted(listener)), daemon=True).start()
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/jwks.json"
            mine = jwk.generate()
            token = alice.tokens["accessToken"]
            for extra in ({"jwk": jwk.public_members(mine.public)}, {"jku": url}, {"x5u": url}, {"x5c": ["MIIB"]}):
                for kid in (header_of(token)["kid"], mine.kid):
                    refused(alice, sign({**header_of(token), "kid": kid, **extra}, claims_of(token), mine.private))
        assert heard in ([], [None])

    @pytest.mark.parametrize(
        "kid",
        [
            *("../../../../dev/null", "/dev/null", "", "' OR 1=1--", "|sleep 10", "x" * 4096, "unknown"),
            *({"$ne": None}, 1, None, [], True),
        ],
    )
    def test_a_strange_key_id(self, alice: Person, app: Flask, kid: Any) -> None:
        """R38"""
        token = alice.tokens["accessToken"]
        refused(alice, sign({**header_of(token), "kid": kid}, claims_of(token), own_key(app).private))

    @pytest.mark.parametrize(
        "extra", [{"crit": ["x"]}, {"crit": ["b64"], "b64": False}, {"crit": []}, {"typ": "at+jwt"}]
    )
    def test_a_header_that_asks_for_more(self, alice: Person, app: Flask, extra: dict[str, Any]) -> None:
        """R39, R40: CVE-2026-32597"""
        token = alice.tokens["accessToken"]
        refused(alice, sign({**header_of(token), **extra}, claims_of(token), own_key(app).private))

    def test_another_elliptic_key(self, alice: Person) -> None:
        token = alice.tokens["accessToken"]
        refused(alice, sign(header_of(token), claims_of(token), ec.generate_private_key(ec.SECP256R1())))


WRONG_CLAIMS: list[tuple[str, Any]] = [
    *(("type", value) for value in ("refresh", "foo", ["access"], "ACCESS", "", None, "password_reset")),
    *(("exp", value) for value in (None, "9999999999", [], float("nan"), True, 10**30, 1.5)),
    *(("iat", value) for value in (None, "1", [], True, 1.5)),
    *(("aud", value) for value in ("other", None, [], ["http://localhost:8000"], 1, "http://localhost:800")),
    *(("aud", value) for value in ("http://localhost:8000/", "HTTP://LOCALHOST:8000")),
    *(("iss", value) for value in ("evil", None, [], ["http://localhost:8000"], 1, "http://localhost:80001")),
    *(("iss", value) for value in ("http://localhost:800", "HTTP://localhost:8000")),
    *(("sub", value) for value in (None, 1, {"$ne": None}, ["a"], "", "f" * 24, "nope")),
    *(("sid", value) for value in (None, 1, {"$ne": None}, ["a"], "", "f" * 24, "nope")),
    *(("jti", value) for value in (None, 1, [], {}, "")),
]


class TestClaims:
    """Signed with the real key: only the claims are wrong."""

    @pytest.mark.parametrize("name", ["type", "exp", "iat", "jti", "sub", "sid", "aud", "iss"])
    def test_none_may_be_missing(self, alice: Person, app: Flask, name: str) -> None:
        """R40, R41, R43-R45, D1, D2"""
        refused(alice, altered(app, alice.tokens["accessToken"], without=(name,)))

    def test_none_may_be_wrong(self, alice: Person, app: Flask) -> None:
        """R40-R45, D1, D2"""
        for name, value in WRONG_CLAIMS:
            refused(alice, altered(app, alice.tokens["accessToken"], **{name: value}))

    def test_expired_by_a_second(self, alice: Person, app: Flask) -> None:
        """R41: `exp` has no leeway"""
        for iat, exp in ((now() - 900, now() - 1), (now(), 0), (now(), -1)):
            token = altered(app, alice.tokens["accessToken"], iat=iat, exp=exp)
            problem(alice.client.get("/", headers={"Authorization": f"Bearer {token}"}), 401, "token_expired")
        with time_machine.travel(now() + 901, tick=False):
            problem(alice.home(), 401, "token_expired")

    def test_a_longer_life_than_any_we_give(self, alice: Person, app: Flask) -> None:
        """R41"""
        refused(alice, altered(app, alice.tokens["accessToken"], iat=now(), exp=now() + 901))

    @pytest.mark.parametrize("name", ["iat", "nbf"])
    def test_a_token_from_the_future_is_refused(self, alice: Person, app: Flask, name: str) -> None:
        """R42: ten seconds of another machine's clock are taken, a minute is not"""
        token = alice.tokens["accessToken"]
        refused(alice, altered(app, token, **{name: now() + 60}))
        near = altered(app, token, **{name: now() + 5})
        assert alice.client.get("/", headers={"Authorization": f"Bearer {near}"}).status_code == 200

    def test_the_subject_of_another(self, alice: Person, bob: Person, app: Flask) -> None:
        """R44"""
        refused(alice, altered(app, alice.tokens["accessToken"], sub=bob.id))
        refused(alice, altered(app, alice.tokens["accessToken"], sid=claims_of(bob.tokens["accessToken"])["sid"]))

    def test_a_refresh_token_is_no_access_token_nor_the_other_way_round(self, alice: Person) -> None:
        """R40, R62: only the diagonal"""
        refused(alice, alice.tokens["refreshToken"])
        problem(alice.refresh(alice.tokens["accessToken"]), 401, "token_invalid")
        swapped = alice.client.post("/auth/logout", json={"refreshToken": alice.tokens["accessToken"]})
        problem(swapped, 401, "token_invalid")
        headers = {"Authorization": f"Bearer {alice.tokens['refreshToken']}"}
        problem(alice.client.post("/auth/logout", headers=headers), 401, "token_invalid")
        assert alice.home().status_code == 200

    @pytest.mark.parametrize("name", ["type", "exp", "iat", "jti", "sub", "sid", "aud", "iss", "generation"])
    def test_a_refresh_token_without_one(self, alice: Person, app: Flask, name: str) -> None:
        """R40, R45"""
        problem(alice.refresh(altered(app, alice.tokens["refreshToken"], without=(name,))), 401, "token_invalid")
        assert alice.refresh().status_code == 200


class TestText:
    @pytest.mark.parametrize(
        "text",
        [
            *(".", "..", "a.b", "a.b.c", "a.b.c.d", "....", "a" * 8000, "%00.%00.%00"),
            f"{segment(b'[1]')}.{segment({})}.AAAA",
            f"{segment({'alg': 'ES256'})}.{segment([1])}.AAAA",
            f"{segment(b'[' * 3000 + b']' * 3000)}.{segment({})}.AAAA",
            f"{segment({'alg': 'ES256'})}.{segment(b'[' * 3000 + b']' * 3000)}.AAAA",
            f"{segment({'alg': 'ES256'})}.{segment(b'1' * 5000)}.AAAA",
            f"{segment(bytes([255, 254]))}.{segment(bytes([255]))}.{segment(bytes([255]))}",
            f"{base64.b64encode(bytes([251, 255])).decode()}.e30.e30",
        ],
    )
    def test_no_token_at_all(self, alice: Person, text: str) -> None:
        """R46"""
        refused(alice, text)


class TestHeader:
    @pytest.mark.parametrize(
        "value",
        [
            *("Bearer", "Bearer ", "Bearer a b", "Token {0}", "Basic eDp5", ",  ,x", "Bearer {0}, Bearer {0}"),
            *(
                "Basic eDp5, Bearer {0}",
                "Bearer\t{0}",
                "Bearer {0}é",
                "Bearer{0}",
                "{0}",
                "Bearer: {0}",
                'Bearer "{0}"',
            ),
        ],
    )
    def test_other_shapes_are_refused(self, alice: Person, value: str) -> None:
        """R47, R50, D5, D9"""
        header = value.format(alice.tokens["accessToken"])
        problem(alice.client.get("/", headers={"Authorization": header}), 401, "token_invalid")

    def test_two_headers_are_refused(self, alice: Person) -> None:
        """R47"""
        good = f"Bearer {alice.tokens['accessToken']}"
        problem(alice.client.get("/", headers=[("Authorization", good), ("Authorization", good)]), 401, "token_invalid")

    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR", "Bearer  "])
    def test_the_scheme_has_no_case(self, alice: Person, scheme: str) -> None:
        """R47: RFC 9110 11.1"""
        header = f"{scheme} {alice.tokens['accessToken']}"
        assert alice.client.get("/", headers={"Authorization": header}).status_code == 200

    def test_none_is_missing(self, client: FlaskClient) -> None:
        answer = client.get("/")
        problem(answer, 401, "token_missing")
        assert answer.headers["WWW-Authenticate"] == "Bearer"

    def test_a_token_elsewhere_does_not_count(self, alice: Person) -> None:
        """R48"""
        token = alice.tokens["accessToken"]
        for path in (f"/?jwt={token}", f"/?access_token={token}"):
            problem(alice.client.get(path), 401, "token_missing")
        problem(alice.client.get("/", json={"access_token": token}), 401, "token_missing")
        problem(alice.client.get("/", headers={"Cookie": f"access_token_cookie={token}"}), 401, "token_missing")


class TestFreshness:
    """R52, R44: role and standing are read on every request."""

    def test_an_account_that_is_gone(self, alice: Person, mongo: Database[dict[str, Any]]) -> None:
        mongo.users.delete_one({"_id": ObjectId(alice.id)})
        answer = alice.client.get("/auth/me", headers=alice.headers)
        assert problem(answer, 401, "session_ended")["reason"] == "account_deleted"

    def test_a_session_that_is_gone(self, alice: Person, mongo: Database[dict[str, Any]]) -> None:
        mongo.sessions.delete_many({})
        problem(alice.home(), 401, "token_invalid")

    def test_an_ended_session_says_why(self, alice: Person, mongo: Database[dict[str, Any]]) -> None:
        mongo.sessions.update_many({}, {"$set": {"endedAt": ObjectId().generation_time, "endReason": "admin"}})
        answer = alice.home()
        assert problem(answer, 401, "session_ended")["reason"] == "admin"
        assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


EDITS = (
    {"sub": "f" * 24},
    {"role": "admin"},
    {"exp": now() + 800},
    {"jti": secrets.token_hex(4)},
)


def accepted(listener: socket.socket) -> object:
    """Return who connected, None for nobody."""
    try:
        return listener.accept()
    except OSError:
        return None


class TestMemory:
    """A signature that was found good is not checked again; everything else is, each time."""

    def test_a_second_request_checks_no_signature(self, alice: Person, app: Flask) -> None:
        assert alice.home().status_code == 200
        with app.app_context():
            assert alice.tokens["accessToken"] in signing_keys.snapshot().verified
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(jwt.PyJWS, "_verify_signature", lambda *_, **__: pytest.fail("it was checked"))
            assert alice.home().status_code == 200

    def test_one_other_bit_is_another_token(self, alice: Person) -> None:
        """R35"""
        token = alice.tokens["accessToken"]
        assert alice.home().status_code == 200
        for place in range(0, len(token), 7):
            changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
            problem(alice.client.get("/", headers={"Authorization": f"Bearer {changed}"}), 401, "token_invalid")

    def test_it_expires_and_ends_as_any_other(self, alice: Person, mongo: Database[dict[str, Any]]) -> None:
        """R41, R52, R64"""
        assert alice.home().status_code == 200
        mongo.sessions.update_many({}, {"$set": {"role": "admin"}})
        assert alice.client.get("/auth/verify", headers=alice.headers).headers["X-Auth-Role"] == "admin"
        with time_machine.travel(claims_of(alice.tokens["accessToken"])["exp"], tick=False):
            problem(alice.home(), 401, "token_expired")
        alice.client.post("/auth/logout", headers=alice.headers)
        assert problem(alice.home(), 401, "session_ended")["reason"] == "logout"
        mongo.sessions.delete_many({})
        problem(alice.home(), 401, "token_invalid")

    def test_nothing_that_was_refused_is_kept(self, alice: Person, app: Flask, mongo: Database[dict[str, Any]]) -> None:
        alice = alice.login()  # whose tokens nobody has shown yet
        alice.client.post("/auth/logout", headers=alice.headers)
        for token in (
            alice.tokens["accessToken"],
            alice.tokens["refreshToken"],
            altered(app, alice.tokens["accessToken"], aud="other"),
            altered(app, alice.tokens["accessToken"], without=("type",)),
        ):
            alice.client.get("/", headers={"Authorization": f"Bearer {token}"})
            with app.app_context():
                assert token not in signing_keys.snapshot().verified

    def test_it_is_bounded(self, alice: Person, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tokens, "REMEMBERED", 3)
        people = [alice.login() for _ in range(5)]
        assert [person.home().status_code for person in people * 2] == [200] * 10
        with app.app_context():
            kept = list(signing_keys.snapshot().verified)
        assert kept == [person.tokens["accessToken"] for person in people[-3:]]

    def test_a_key_that_goes_during_the_check_leaves_nothing_behind(
        self, alice: Person, app: Flask, own_ring: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """R98: verified under the old ring, it is not remembered in the new one."""
        caller = sessions.caller

        def while_the_ring_changes(header: Any, claims: Any) -> Any:
            with app.app_context():
                signing_keys.rotate()
            return caller(header, claims)

        monkeypatch.setattr(app.extensions["flask-jwt-extended"], "_user_lookup_callback", while_the_ring_changes)
        assert alice.home().status_code == 200
        with app.app_context():
            assert len(signing_keys.snapshot().keys) == 2
            assert signing_keys.snapshot().verified == {}
