"""How apps show who they are at the token endpoint, and how they do not."""

import base64
import json
import time
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from flask.testing import FlaskClient

from authsvc.errors import ValidationFailed
from authsvc.models.apps import AppKind, AuthMethod
from authsvc.security import app_keys
from authsvc.services import apps, guesses
from tests.conftest import Person
from tests.support.accounts import Database, counted_work
from tests.support.assertions import (
    ISSUER,
    KEYS,
    assertion,
    base64url,
    claims_for,
    jwk_of,
    public_jwks,
    shown,
    with_hmac,
)
from tests.support.oauth import CALLBACK, TOKEN, AppClient, basic, new_app, send
from tests.support.sign_ins import limited

GRANT = {"grant_type": "refresh_token", "refresh_token": "x"}
"""What an app that has shown who it is gets `invalid_grant` for."""

ACCEPTED, REFUSED, UNCLEAR = (400, "invalid_grant"), (401, "invalid_client"), (400, "invalid_request")


def raw(credentials: bytes) -> dict[str, str]:
    """Return the header of Basic with these credentials, whatever they are."""
    return {"Authorization": f"Basic {base64.b64encode(credentials).decode()}"}


@pytest.fixture
def notes(app: Flask, client: FlaskClient) -> AppClient:
    """Return an app with a secret."""
    return new_app(app, client)


def tried(notes: AppClient, headers: dict[str, str], **form: str) -> tuple[int, str | None]:
    """Return how an app fares that shows this header and form."""
    answer = notes.token({**GRANT, **form}, headers=headers)
    if answer.status == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    return answer.status, answer.error


class TestBasic:
    """O24, A11, A13, A28"""

    def test_o24_the_right_credentials(self, notes: AppClient) -> None:
        assert tried(notes, basic(notes.id, notes.secret)) == ACCEPTED
        assert tried(notes, {"Authorization": basic(notes.id, notes.secret)["Authorization"].swapcase()}) == REFUSED
        name, value = basic(notes.id, notes.secret)["Authorization"].split()
        assert tried(notes, {"Authorization": f"{name.lower()}  {value}"}) == ACCEPTED

    def test_o24_form_encoded(self, notes: AppClient) -> None:
        """RFC 6749 section 2.3.1: openid-client encodes both."""
        text = "".join(f"%{byte:02X}" for byte in f"{notes.id}".encode())
        assert tried(notes, raw(f"{text}:{notes.secret}".encode())) == ACCEPTED

    @pytest.mark.parametrize(
        "header",
        [
            *("", " ", "Basic", "Basic ", "Basic  ", "basic", "Bearer x", "Digest x", "Basic !", "Basic QQ", "Basic Q"),
            *(
                "Basic QQ==, Basic QQ==",
                "Basic Og==",
                "Basic Ojo6",
                "Basic " + "A" * 4000,
                "Basic\tQTpC",
                "\x0bBasic x",
            ),
            *("Basic ÿ", "Bàsic QTpC", "Basic QTpC QTpC", "Basic QTpC=", "=", ",,,"),
        ],
        ids=ascii,
    )
    def test_o24_a_broken_header(self, notes: AppClient, header: str) -> None:
        assert tried(notes, {"Authorization": header.encode().decode("latin-1")}) == REFUSED
        assert tried(notes, {"Authorization": header.encode().decode("latin-1")}, client_id=notes.id)[0] in (400, 401)

    @pytest.mark.parametrize(
        "credentials",
        [
            *(b"", b":", b"::", b" : ", b"no colon", b"\xff\xfe:x", "app_ü:x".encode(), "app:ü".encode(), b"\0:\0"),
            *(b"%:%", b"%ff:%ff", b"a%b:a%b", b"%00:%00", b"app+x:ab+cd", b"%ED%A0%80:%ED%A0%80", b"x:" + b"y" * 700),
        ],
    )
    def test_o24_broken_credentials(self, notes: AppClient, credentials: bytes) -> None:
        assert tried(notes, raw(credentials)) == REFUSED
        own = credentials.replace(b"app:", f"{notes.id}:".encode())
        assert tried(notes, raw(own)) == REFUSED

    def test_o24_a_secret_of_other_letters(self, notes: AppClient) -> None:
        for secret in ("ü", "\0", "", " ", "x" * 500, f"{notes.secret} ", f" {notes.secret}", f"{notes.secret}\n"):
            assert tried(notes, raw(f"{notes.id}:{secret}".encode())) == REFUSED


class TestOneWay:
    """O25, O26, A14"""

    def test_o25_two_ways_at_once(self, app: Flask, client: FlaskClient, notes: AppClient) -> None:
        header = basic(notes.id, notes.secret)
        assert tried(notes, header, client_secret=notes.secret or "") == UNCLEAR
        assert tried(notes, header, client_id="app_other") == UNCLEAR
        assert tried(notes, header, client_id=notes.id) == ACCEPTED
        signed = shown(assertion(notes.id))
        assert tried(notes, header, **signed) == UNCLEAR
        assert tried(notes, {}, client_id=notes.id, client_secret=notes.secret or "", **signed) == UNCLEAR

    def test_o26_an_app_uses_the_method_that_it_is_registered_for(self, app: Flask, client: FlaskClient) -> None:
        with_basic = new_app(app, client)
        with_form = new_app(app, client, auth_method=AuthMethod.POST)
        with_key = new_app(app, client, auth_method=AuthMethod.PRIVATE_KEY, jwks=public_jwks("ES256"))
        public = new_app(app, client, AppKind.SPA)
        for one in (with_basic, with_form, with_key, public):
            ways = {
                "client_secret_basic": (basic(one.id, one.secret or "x"), {}),
                "client_secret_post": ({}, {"client_id": one.id, "client_secret": one.secret or "x"}),
                "private_key_jwt": ({}, shown(assertion(one.id))),
                "none": ({}, {"client_id": one.id}),
            }
            answers = {name: tried(one, header, **form) for name, (header, form) in ways.items()}
            assert answers == {name: ACCEPTED if name == one.method else REFUSED for name in ways}
        assert tried(public, basic(public.id, "")) == ACCEPTED
        assert tried(with_basic, basic(with_basic.id, "")) == REFUSED

    @pytest.mark.parametrize("method", list(AuthMethod))
    def test_o26_a_confidential_app_is_never_without_one(self, app: Flask, clean: None, method: AuthMethod) -> None:
        keys = public_jwks("ES256") if method == AuthMethod.PRIVATE_KEY else None
        for kind in (AppKind.WEB, AppKind.SPA, AppKind.NATIVE):
            fits = (method == AuthMethod.NONE) == (kind != AppKind.WEB)
            with app.test_request_context():
                if fits:
                    assert apps.create("A", kind, [CALLBACK], auth_method=method, jwks=keys).app.auth_method == method
                    continue
                with pytest.raises(ValidationFailed):
                    apps.create("A", kind, [CALLBACK], auth_method=method, jwks=keys)

    def test_o26_a_disabled_app(self, notes: AppClient, mongo: Database) -> None:
        mongo.apps.update_one({"_id": notes.id}, {"$currentDate": {"disabledAt": True}})
        assert tried(notes, basic(notes.id, notes.secret)) == REFUSED


class TestGuesses:
    """O27"""

    def test_o27_an_unknown_app_costs_what_a_wrong_secret_does(
        self, app: Flask, client: FlaskClient, notes: AppClient, mongo: Database
    ) -> None:
        other = new_app(app, client, auth_method=AuthMethod.POST)
        signer = new_app(app, client, auth_method=AuthMethod.PRIVATE_KEY, jwks=public_jwks("ES256"))
        ways: list[tuple[dict[str, str], dict[str, str]]] = [
            (basic("app_unknown", "x"), {}),
            (basic(notes.id, "x"), {}),
            (basic(notes.id, f"aps_{'x' * 49}"), {}),
            (basic(other.id, other.secret), {}),
            ({}, {"client_id": notes.id, "client_secret": notes.secret or ""}),
            ({}, shown(assertion("app_unknown"))),
            ({}, shown(assertion(notes.id))),
            ({}, shown(assertion(signer.id, exp=1))),
        ]
        counted = []
        with limited(app):
            for header, form in ways:
                mongo.throttles.delete_many({})
                with counted_work() as work:
                    assert tried(notes, header, **form) == REFUSED
                counted.append(work.commands)
        assert counted == [counted[0]] * len(ways)
        assert len(counted[0]) > 1

    def test_o27_guesses_are_throttled_for_each_app_and_network(self, app: Flask, notes: AppClient) -> None:
        """And the right secret always works: nobody shuts out an app that shares their network."""
        with limited(app, app_guesses=(5, 60)):
            outcomes = [tried(notes, basic(notes.id, f"{number}")) for number in range(7)]
            assert outcomes == [REFUSED] * 5 + [(429, "temporarily_unavailable")] * 2
            answer = notes.token(GRANT, headers=basic(notes.id, "x"))
            assert 0 < int(answer.headers["Retry-After"]) <= 60
            assert answer.json == {
                "error": "temporarily_unavailable",
                "error_description": answer.json["error_description"],
            }
            assert tried(notes, basic(notes.id, notes.secret)) == ACCEPTED
            elsewhere = send(
                notes.client,
                "POST",
                TOKEN,
                data=GRANT,
                headers=basic(notes.id, "x"),
                environ_overrides={"REMOTE_ADDR": "198.51.100.7"},
            )
            assert elsewhere.status == 401

    def test_o27_made_up_apps_leave_few_counters(self, app: Flask) -> None:
        with app.test_request_context():
            buckets = {guesses.at_app(f"app_{number}") for number in range(3000)}
        assert len(buckets) <= 256

    def test_o27_unclear_requests_are_no_guesses(self, app: Flask, notes: AppClient, mongo: Database) -> None:
        with limited(app, app_guesses=(1, 60)):
            for _ in range(3):
                assert tried(notes, basic(notes.id, notes.secret), client_id="other") == UNCLEAR
        assert mongo.throttles.count_documents({}) == 0


@pytest.fixture
def signer(app: Flask, client: FlaskClient) -> AppClient:
    """Return an app with a key for each algorithm."""
    return new_app(app, client, auth_method=AuthMethod.PRIVATE_KEY, jwks=public_jwks("ES256", "RS256", "EdDSA"))


class TestAssertion:
    """O28 (RFC 7523 section 3), A27"""

    @pytest.mark.parametrize("alg", list(KEYS))
    def test_o28_each_algorithm(self, signer: AppClient, alg: str) -> None:
        assert tried(signer, {}, **shown(assertion(signer.id, alg))) == ACCEPTED
        assert tried(signer, {}, **shown(assertion(signer.id, alg), client_id=signer.id)) == ACCEPTED

    @pytest.mark.parametrize(
        "changes",
        [
            {"aud": f"{ISSUER}/oauth2/token"},
            {"aud": [ISSUER]},
            {"iat": None},
            {"exp": timedelta(seconds=299)},
            {"jti": "ü \0 \ud800"},
            {"more": {"a": []}},
        ],
        ids=repr,
    )
    def test_o28_good_claims(self, signer: AppClient, changes: dict[str, Any]) -> None:
        assert tried(signer, {}, **shown(assertion(signer.id, **changes))) == ACCEPTED

    @pytest.mark.parametrize(
        "changes",
        [
            *(
                {"iss": None},
                {"iss": "other"},
                {"iss": 1},
                {"iss": ["x"]},
                {"sub": None},
                {"sub": "other"},
                {"sub": []},
            ),
            *({"aud": None}, {"aud": "other"}, {"aud": []}, {"aud": [ISSUER, "other"]}, {"aud": {}}, {"aud": 1}),
            *({"aud": f"{ISSUER}/"}, {"aud": f"{ISSUER}/oauth2/userinfo"}, {"aud": [[ISSUER]]}, {"aud": ""}),
            *({"exp": None}, {"exp": 1}, {"exp": timedelta(days=1)}, {"exp": "9999999999"}, {"exp": True}),
            *({"exp": 1e300}, {"exp": -1}, {"exp": float("nan")}, {"exp": float("inf")}, {"exp": 10**40}, {"exp": []}),
            *({"jti": None}, {"jti": ""}, {"jti": 1}, {"jti": "x" * 300}, {"jti": []}, {"jti": {}}),
            *({"iat": timedelta(hours=1)}, {"iat": "x"}, {"nbf": timedelta(hours=1)}, {"nbf": {}}, {"iat": True}),
        ],
        ids=repr,
    )
    def test_o28_bad_claims(self, signer: AppClient, changes: dict[str, Any]) -> None:
        text = assertion(signer.id, **changes)
        assert tried(signer, {}, **shown(text)) == REFUSED
        assert tried(signer, {}, **shown(text, client_id=signer.id)) == REFUSED

    def test_o28_it_expires_within_five_minutes(self, signer: AppClient) -> None:
        """Ten seconds more are for clocks that differ."""
        assert tried(signer, {}, **shown(assertion(signer.id, exp=int(time.time()) + 320))) == REFUSED
        assert tried(signer, {}, **shown(assertion(signer.id, exp=int(time.time()) - 1))) == REFUSED

    def test_o28_algorithms_that_prove_nothing(self, signer: AppClient) -> None:
        claims = claims_for(signer.id)
        pem = KEYS["ES256"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        bodiless = jwt.encode(claims, "", algorithm="none")
        for text in (
            bodiless,
            f"{bodiless}AAAA",
            with_hmac(signer.id, pem),
            with_hmac(signer.id, pem.strip()),
            with_hmac(signer.id, json.dumps(public_jwks("ES256")["keys"][0]).encode()),
            with_hmac(signer.id, b""),
            jwt.encode(claims, "x" * 64, algorithm="HS512"),
            jwt.encode(claims, KEYS["RS256"], algorithm="RS512"),
            jwt.encode(claims, KEYS["PS256"], algorithm="PS384"),
        ):
            assert tried(signer, {}, **shown(text)) == REFUSED
            assert tried(signer, {}, **shown(text, client_id=signer.id)) == REFUSED

    def test_o28_of_another_key_or_app(self, app: Flask, signer: AppClient) -> None:
        other = new_app(app, signer.client, auth_method=AuthMethod.PRIVATE_KEY, jwks=public_jwks("ES256"))
        strange = jwt.encode(claims_for(other.id), KEYS["EdDSA"], algorithm="EdDSA")
        assert tried(signer, {}, **shown(strange)) == REFUSED
        assert tried(signer, {}, **shown(assertion(other.id), client_id=signer.id)) == REFUSED
        assert tried(signer, {}, **shown(assertion(signer.id, sub=other.id))) == REFUSED

    def test_o28_a_key_is_found_by_its_kid_and_used_as_it_says(self, app: Flask, client: FlaskClient) -> None:
        keys = {"keys": [jwk_of(KEYS["RS256"].public_key(), "RS256", kid="a", alg="PS256", use="sig", x5c=["x"])]}
        one = new_app(app, client, auth_method=AuthMethod.PRIVATE_KEY, jwks=keys)
        assert tried(one, {}, **shown(assertion(one.id, "PS256", {"kid": "a"}))) == ACCEPTED
        assert tried(one, {}, **shown(assertion(one.id, "PS256"))) == ACCEPTED
        assert tried(one, {}, **shown(assertion(one.id, "PS256", {"kid": "b"}))) == REFUSED
        assert tried(one, {}, **shown(assertion(one.id, "RS256", {"kid": "a"}))) == REFUSED

    @pytest.mark.parametrize(
        "text", ["", ".", "..", "a.b.c", "e30.e30.e30", "x" * 9000, "W10.W10.W10", "bnVsbA.e30.AAAA"]
    )
    def test_o28_no_token_at_all(self, signer: AppClient, text: str) -> None:
        assert tried(signer, {}, **shown(text, client_id=signer.id)) == REFUSED
        assert tried(signer, {}, **shown(text)) == REFUSED

    def test_o28_nested_too_deeply(self, signer: AppClient) -> None:
        deep = base64url(b"[" * 3000)
        nested = base64url(b'{"alg":"ES256"}')
        for text in (f"{deep}.{deep}.AAAA", f"{nested}.{deep}.AAAA"):
            assert tried(signer, {}, **shown(text)) == REFUSED
            assert tried(signer, {}, **shown(text, client_id=signer.id)) == REFUSED

    def test_o28_the_kind_is_named(self, signer: AppClient) -> None:
        for kind in ("", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"):
            form = {"client_assertion": assertion(signer.id), "client_assertion_type": kind, "client_id": signer.id}
            assert tried(signer, {}, **form) == REFUSED

    def test_o28_it_serves_once(self, signer: AppClient, mongo: Database) -> None:
        text = assertion(signer.id)
        assert [tried(signer, {}, **shown(text)) for _ in range(3)] == [ACCEPTED, REFUSED, REFUSED]
        (stored,) = mongo.assertions.find()
        assert stored["expiresAt"].timestamp() >= time.time() + 60
        same = assertion(signer.id, jti="same")
        assert tried(signer, {}, **shown(same)) == ACCEPTED
        assert tried(signer, {}, **shown(assertion(signer.id, "RS256", jti="same"))) == REFUSED

    def test_o28_the_jti_of_another_app_is_another(self, app: Flask, signer: AppClient) -> None:
        other = new_app(app, signer.client, auth_method=AuthMethod.PRIVATE_KEY, jwks=public_jwks("ES256"))
        for one in (signer, other):
            assert tried(one, {}, **shown(assertion(one.id, jti="same"))) == ACCEPTED

    def test_o28_what_was_refused_can_not_be_made_up_for(self, signer: AppClient, mongo: Database) -> None:
        """Nobody uses up the `jti` of an app by tokens that it did not sign."""
        forged = jwt.encode(claims_for(signer.id, jti="a"), "x" * 40, algorithm="HS256")
        assert tried(signer, {}, **shown(forged)) == REFUSED
        assert mongo.assertions.count_documents({}) == 0

    def test_an_app_with_a_key_signs_somebody_in(self, signer: AppClient, alice: Person) -> None:
        code = signer.authorize(alice.tokens["accessToken"])
        answer = signer.token({**code.form, **shown(assertion(signer.id))}, headers={})
        assert answer.status == 200, answer.text


class TestKeys:
    """What may be registered: public keys, of bounded size and number."""

    @pytest.mark.parametrize("alg", list(KEYS))
    def test_private_and_symmetric_keys_are_refused(self, app: Flask, clean: None, alg: str) -> None:
        private = jwk_of(KEYS[alg], alg)
        assert "d" in private
        for key in (private, {"kty": "oct", "k": "AAAA"}, {**public_jwks(alg)["keys"][0], "k": "AAAA"}):
            with pytest.raises(ValueError, match="is"):
                app_keys.read({"keys": [key]})
            with app.test_request_context(), pytest.raises(ValidationFailed):
                apps.create("A", AppKind.WEB, [CALLBACK], auth_method=AuthMethod.PRIVATE_KEY, jwks={"keys": [key]})

    @pytest.mark.parametrize(
        "change",
        [
            *({"kty": None}, {"kty": []}, {"kty": "RSA"}, {"crv": "P-384"}, {"crv": None}, {"use": "enc"}, {"x": 1}),
            *({"key_ops": ["sign"]}, {"key_ops": 1}, {"alg": "HS256"}, {"alg": "RS256"}, {"alg": []}, {"kid": 1}),
            *({"kid": ""}, {"kid": "a b"}, {"kid": "x" * 201}, {"x": "AAAA"}, {"x": "A" * 43}, {"x": "=" * 43}),
            *({"x": "A" * 900}, {"y": None}, {"d": "AAAA"}),
        ],
        ids=repr,
    )
    def test_bent_keys_are_refused(self, change: dict[str, Any]) -> None:
        key = {
            name: value for name, value in {**public_jwks("ES256")["keys"][0], **change}.items() if value is not None
        }
        with pytest.raises(ValueError, match=r"is|has"):
            app_keys.read({"keys": [key]})

    @pytest.mark.parametrize(
        "jwks", [None, [], {}, {"keys": None}, {"keys": []}, {"keys": "x"}, {"keys": [1]}, "x"], ids=repr
    )
    def test_what_is_no_set_is_refused(self, jwks: Any) -> None:
        with pytest.raises(ValueError, match="is"):
            app_keys.read(jwks)

    def test_too_many_and_twice_one_kid(self) -> None:
        for keys in (public_jwks(*["ES256"] * 11), public_jwks("ES256", "RS256", kid="a")):
            with pytest.raises(ValueError, match=r"is|has"):
                app_keys.read(keys)
        assert len(app_keys.read(public_jwks(*["ES256"] * 10))["keys"]) == 10

    @pytest.mark.parametrize("bits", [1024, 4608])
    def test_rsa_keys_of_another_size(self, bits: int) -> None:
        number = base64url(((1 << (bits - 1)) + 1).to_bytes(bits // 8))
        for exponent in ("AQAB", "AQ"):
            with pytest.raises(ValueError, match=r"has|is"):
                app_keys.read({"keys": [{"kty": "RSA", "n": number, "e": exponent}]})

    def test_rsa_keys_with_a_large_exponent(self) -> None:
        """Each signature would take long to verify."""
        (key,) = public_jwks("RS256")["keys"]
        exponent = base64url(((1 << 60) + 1).to_bytes(8))
        with pytest.raises(ValueError, match="small exponent"):
            app_keys.read({"keys": [{**key, "e": exponent}]})

    def test_only_what_counts_is_stored(self) -> None:
        (key,) = app_keys.read(public_jwks("ES256", kid="a", **{"x5c": ["x"], "$where": 1, "a.b": 2}))["keys"]
        assert set(key) == {"kty", "crv", "x", "y", "kid"}

    def test_keys_go_with_their_method_alone(self, app: Flask, clean: None) -> None:
        for method, keys in ((AuthMethod.BASIC, public_jwks("ES256")), (AuthMethod.PRIVATE_KEY, None)):
            with app.test_request_context(), pytest.raises(ValidationFailed):
                apps.create("A", AppKind.WEB, [CALLBACK], auth_method=method, jwks=keys)
