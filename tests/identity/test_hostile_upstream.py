"""A provider that bends what it says, is slow, or leads elsewhere. O54, O55, O56, O57.

Nothing of it is believed, nothing fails with an error of ours, and nobody waits longer than six seconds.
"""

import base64
import hashlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
import time_machine
import trustme
from flask import Flask
from hypothesis import given
from hypothesis import settings as options
from hypothesis import strategies as st

from authsvc import clock
from authsvc.clients.connector import Connector
from authsvc.clients.identity.base import Claims, Errand, IdentityProvider
from authsvc.clients.identity.oidc import OidcProvider
from authsvc.clients.identity.upstream import MOST_AT_ONCE, MOST_BYTES, SECONDS
from authsvc.errors import ProviderRefused, UpstreamUnavailable
from authsvc.security import jwk
from authsvc.security.jwk import Algorithm
from authsvc.services import providers
from tests.support.app_documents import here, trust_of
from tests.support.outside import Server, dripping, silent
from tests.support.races import race
from tests.support.service import ROOT
from tests.support.upstreams import CALLBACK, CLIENT_ID, Trip, Upstream, answer_json, key_pair, signing_in_with

ELSEWHERE = "https://other.example"


def since_now(seconds: int) -> timedelta:
    """Return a time that is so many seconds from when a test runs: the name of its case stays the same."""
    return timedelta(seconds=seconds)


def settled(value: Any) -> Any:
    """Return a value, or the moment that it stands for."""
    return int(time.time() + value.total_seconds()) if isinstance(value, timedelta) else value


NAMES = st.sampled_from(
    [
        *("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint", "keys", "kty", "n"),
        *("e", "kid", "alg", "use", "id_token", "access_token", "error", "sub", "email", "email_verified", "name"),
    ]
)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["RSA", "https://a.example/"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=8,
)
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(b"v" * 43).digest()).decode().rstrip("=")


def refused(ask: Callable[[], Any]) -> str:
    """Return why, as the log has it, a provider was not believed."""
    with pytest.raises(ProviderRefused) as caught:
        ask()
    return str(caught.value.__cause__)


def unavailable(ask: Callable[[], Any]) -> str:
    """Return why, as the log has it, a provider was given up."""
    with pytest.raises(UpstreamUnavailable) as caught:
        ask()
    return str(caught.value.__cause__)


class TestO56Claims:
    @pytest.mark.parametrize(
        "bent",
        [
            *({"iss": value} for value in (None, "", 1, [], ELSEWHERE, "{issuer}/", "{issuer} ", "{ISSUER}")),
            *({"aud": value} for value in (None, "", 1, [], {}, ELSEWHERE, [ELSEWHERE], [CLIENT_ID, ELSEWHERE])),
            *({"aud": value} for value in ([CLIENT_ID, 1], [CLIENT_ID, None], [[CLIENT_ID]], {CLIENT_ID: 1})),
            *({"aud": [*others, CLIENT_ID], "azp": CLIENT_ID} for others in ([ELSEWHERE], [1], ["a", "b"])),
            *({"azp": value} for value in (ELSEWHERE, "", 1, [CLIENT_ID], False)),
            *({"nonce": value} for value in (None, "", 1, ["nonce-of-the-trip"], "other", "\ud800")),
            *({"exp": value} for value in (None, since_now(-31), 0, -1, "9999999999", True, 1e300, float("nan"), [])),
            *({"exp": value} for value in (float("inf"), 10**400, {})),
            *({"iat": value} for value in (None, since_now(3600), "0", False, float("nan"), -5, [])),
            *({"nbf": value} for value in (since_now(3600),)),
            *({"sub": value} for value in (None, "", 0, 4711, ["alice-4711"], {}, True, "a" * 256, "\u00e4", "a\x00b")),
            *({"at_hash": value} for value in ("", 1, "AAAAAAAAAAAAAAAAAAAAAA", [])),
        ],
        ids=lambda bent: f"{next(iter(bent))}-{str(next(iter(bent.values())))[:20]!a}",
    )
    def test_o56_each_bent_one_is_refused(self, provider: IdentityProvider, upstream: Upstream, bent: dict[str, Any]):
        trip = Trip(provider)
        assert trip.claims(upstream).subject == "alice-4711"
        (name, value), issuer = next(iter(bent.items())), upstream.issuer
        if isinstance(value, str):
            value = value.replace("{issuer}", issuer).replace("{ISSUER}", issuer.upper())
        upstream.bent = {**bent, name: settled(value)}
        assert refused(lambda: trip.claims(upstream)).startswith("the token")

    @pytest.mark.parametrize(
        "bent", [{"exp": since_now(-20)}, {"iat": since_now(20)}, {"aud": [CLIENT_ID]}, {"azp": CLIENT_ID}]
    )
    def test_o56_what_is_within_the_rules_is_taken(
        self, provider: IdentityProvider, upstream: Upstream, bent: dict[str, Any]
    ):
        upstream.bent = {name: settled(value) for name, value in bent.items()}
        assert Trip(provider).claims(upstream).subject == "alice-4711"

    def test_other_audiences_count_only_if_the_operator_knows_them(self, app: Flask, upstream: Upstream):
        upstream.bent = {"aud": [CLIENT_ID, "project"], "azp": CLIENT_ID}
        with signing_in_with(app, upstream.settings(audiences=("project",))), app.app_context():
            trip = Trip(providers.find("work"))
            assert trip.claims(upstream).subject == "alice-4711"
            del upstream.bent["azp"]
            refused(lambda: trip.claims(upstream))

    def test_o56_the_time_of_the_sign_in_is_checked_if_it_was_asked_for(
        self, provider: IdentityProvider, upstream: Upstream
    ):
        since = clock.now()
        trip = Trip(provider, max_age=0, since=since)
        found = trip.claims(upstream)
        assert found.auth_time is not None
        assert abs(found.auth_time - since) < timedelta(seconds=5)
        upstream.bent = {"auth_time": int(since.timestamp()) - 290}  # the errand took five minutes
        assert Trip(provider, max_age=0, since=since - timedelta(seconds=300)).claims(upstream).auth_time is not None
        for value in (None, "1", True, since_now(-120), since_now(3600), [], float("nan")):
            upstream.bent = {"auth_time": settled(value)}
            assert "signed in" in refused(lambda: trip.claims(upstream))
        upstream.bent = {"auth_time": int(since.timestamp()) - 100}
        assert Trip(provider, max_age=100, since=since).claims(upstream).auth_time is not None
        refused(lambda: Trip(provider, max_age=60, since=since).claims(upstream))

    @given(
        bent=st.dictionaries(
            st.sampled_from(
                ["iss", "aud", "azp", "nonce", "exp", "iat", "sub", "email", "email_verified", "name", "at_hash"]
            ),
            st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=3),
            min_size=1,
        )
    )
    @options(max_examples=60, deadline=None)
    def test_o56_nothing_that_is_said_is_an_error_of_ours(self, fuzzed: tuple[Trip, Upstream], bent: dict[str, Any]):
        trip, upstream = fuzzed
        upstream.bent, upstream.metadata = bent, {"userinfo_endpoint": None}
        try:
            claims = trip.claims(upstream)
        except ProviderRefused:
            return
        assert claims.issuer == upstream.issuer
        assert claims.email_verified is (bent.get("email_verified", True) is True and claims.email is not None)


@pytest.fixture(scope="module")
def fuzzed(app: Flask) -> Iterator[tuple[Trip, Upstream]]:
    """Return a trip to an upstream, which many examples share."""
    with Upstream() as upstream, signing_in_with(app, upstream.settings()), app.app_context():
        yield Trip(providers.find("work")), upstream


def by_algorithm(alg: str) -> Callable[[Upstream, dict[str, Any]], str]:
    """Return what signs by an algorithm of secrets, with what a provider and its client both know."""
    return lambda upstream, claims: jwt.encode(claims, upstream.client_secret * 3, alg, {"kid": upstream.pair.kid})


def with_public_key(upstream: Upstream, claims: dict[str, Any]) -> str:
    """Sign with the public key as if it were a secret."""
    public = base64.urlsafe_b64decode(jwk.public_jwk(upstream.pair)["n"] + "==")
    return jwt.encode(claims, public, "HS256", {"kid": upstream.pair.kid})


def by_es256(upstream: Upstream, claims: dict[str, Any]) -> str:
    """Sign by an algorithm that is not set for this provider, with a key that it shows."""
    pair = key_pair(7, Algorithm.ES256)
    upstream.published = [upstream.pair, pair]
    return jwt.encode(claims, pair.private, "ES256", {"kid": pair.kid})


def segments(upstream: Upstream, claims: dict[str, Any]) -> list[str]:
    """Return the segments of a genuine token."""
    return upstream.signed(claims).split(".")


SIGNED: dict[str, Callable[[Upstream, dict[str, Any]], Any]] = {
    "none": lambda _, claims: jwt.encode(claims, None, "none"),
    "NONE": lambda _, claims: jwt.encode(claims, None, "none").replace("bm9uZ", "Tk9OR", 1),
    "HS256": by_algorithm("HS256"),
    "HS512": by_algorithm("HS512"),
    "HS256 by the public key": with_public_key,
    "ES256 by a key that is shown": by_es256,
    "RS512": lambda upstream, claims: jwt.encode(claims, upstream.pair.private, "RS512", {"kid": upstream.pair.kid}),
    "an unknown kid": lambda upstream, claims: upstream.signed(claims, kid="other"),
    "a kid that is no text": lambda upstream, claims: "eyJraWQiOjF9." + upstream.signed(claims).partition(".")[2],
    "another's key under its kid": lambda upstream, claims: jwt.encode(
        claims, key_pair(5).private, "RS256", {"kid": upstream.pair.kid}
    ),
    "a key of its own in the header": lambda upstream, claims: jwt.encode(
        claims, key_pair(5).private, "RS256", {"jwk": jwk.public_jwk(key_pair(5)), "kid": key_pair(5).kid}
    ),
    "an extension that is critical": lambda upstream, claims: upstream.signed(claims, crit=["x"], x=1),
    "no signature": lambda upstream, claims: ".".join([*segments(upstream, claims)[:2], ""]),
    "two segments": lambda upstream, claims: ".".join(segments(upstream, claims)[:2]),
    "padding": lambda upstream, claims: f"{upstream.signed(claims)}=",
    "claims of others": lambda upstream, claims: ".".join(
        [segments(upstream, claims)[0], segments(upstream, {**claims, "sub": "x"})[1], segments(upstream, claims)[2]]
    ),
    "no object": lambda upstream, claims: jwt.PyJWS().encode(
        b"[1]", upstream.pair.private, "RS256", {"kid": upstream.pair.kid}
    ),
    "too long": lambda upstream, claims: upstream.signed({**claims, "groups": "x" * 40_000}),
    "empty": lambda *_: "",
    "a number": lambda *_: 1,
    "nothing": lambda *_: None,
    "letters of elsewhere": lambda *_: "\u00e4.\u00e4.\u00e4",
}


class TestO56Signatures:
    @pytest.mark.parametrize("way", SIGNED)
    def test_o56_each_bent_one_is_refused(self, provider: IdentityProvider, upstream: Upstream, way: str):
        upstream.sign = lambda claims: SIGNED[way](upstream, claims)
        assert "token" in refused(lambda: Trip(provider).claims(upstream)).lower()

    @pytest.mark.parametrize("hashing", [hashlib.sha256, hashlib.sha512])
    def test_the_access_token_may_be_named(
        self, provider: IdentityProvider, upstream: Upstream, hashing: Callable[[bytes], Any]
    ):
        upstream.intercept = lambda _, path, form: self.with_hash(upstream, form, hashing) if path == "/token" else None
        assert Trip(provider).claims(upstream).subject == "alice-4711"

    @staticmethod
    def with_hash(upstream: Upstream, form: dict[str, str], hashing: Callable[[bytes], Any]) -> Any:
        digest = hashing(b"the access token").digest()
        named = base64.urlsafe_b64encode(digest[: len(digest) // 2]).decode().rstrip("=")
        claims = upstream._claims(upstream._codes.pop(form["code"]))
        token = upstream.signed({**claims, "at_hash": named})
        return answer_json({"access_token": "the access token", "token_type": "Bearer", "id_token": token})

    @pytest.mark.parametrize("algorithm", [Algorithm.ES256, Algorithm.RS256])
    def test_the_algorithm_is_that_of_the_setting(self, app: Flask, upstream: Upstream, algorithm: Algorithm):
        upstream.pair = key_pair(3, algorithm)
        upstream.published = [upstream.pair]
        with signing_in_with(app, upstream.settings(algorithms=("ES256",))), app.app_context():
            trip = Trip(providers.find("work"))
            if algorithm == Algorithm.ES256:
                assert trip.claims(upstream).subject == "alice-4711"
            else:
                refused(lambda: trip.claims(upstream))

    def test_keys_that_are_of_no_use_do_no_harm(self, provider: IdentityProvider, upstream: Upstream):
        junk = [None, 1, [], {}, {"kty": "oct", "k": "AAAA"}, {"kty": "RSA", "n": 1}, {"kty": ["RSA"]}, {"use": "enc"}]
        shown = [*junk, {**jwk.public_jwk(key_pair(2)), "use": "enc"}, jwk.public_jwk(upstream.pair)]
        upstream.intercept = lambda _, path, __: answer_json({"keys": shown}) if path == "/keys" else None
        assert Trip(provider).claims(upstream).subject == "alice-4711"

    def test_o56_a_new_key_works_at_once_and_is_asked_for_once_a_minute(
        self, provider: IdentityProvider, upstream: Upstream
    ):
        trip = Trip(provider)
        trip.claims(upstream)
        upstream.rotate(1)
        assert trip.claims(upstream).subject == "alice-4711"
        assert upstream.asked("/keys") == 2
        upstream.rotate(2)
        for _ in range(3):
            refused(lambda: trip.claims(upstream))
        assert upstream.asked("/keys") == 2
        with time_machine.travel(clock.now() + timedelta(seconds=61)):
            upstream.bent = {"exp": settled(since_now(3600))}
            assert trip.claims(upstream).subject == "alice-4711"
            assert upstream.asked("/keys") == 3

    @pytest.mark.race
    def test_o56_many_with_a_new_key_ask_once(self, provider: IdentityProvider, upstream: Upstream):
        trip = Trip(provider)
        trip.claims(upstream)
        upstream.rotate(1)
        came = race(*[lambda: trip.claims(upstream)] * 8)
        assert [claims.subject for claims in came] == ["alice-4711"] * 8
        assert upstream.asked("/keys") == 2

    def test_metadata_and_keys_are_kept_for_ten_minutes(self, provider: IdentityProvider, upstream: Upstream):
        trip = Trip(provider)
        race(*[lambda: trip.claims(upstream)] * 8)
        paths = ("/.well-known/openid-configuration", "/keys")
        assert [upstream.asked(path) for path in paths] == [1, 1]
        with time_machine.travel(clock.now() + timedelta(seconds=590)):
            trip.location()
            assert [upstream.asked(path) for path in paths] == [1, 1]
        with time_machine.travel(clock.now() + timedelta(seconds=610)):
            upstream.bent = {"exp": settled(since_now(3600))}
            trip.claims(upstream)
            assert [upstream.asked(path) for path in paths] == [2, 2]


class TestO54MixUp:
    def test_o54_a_browser_that_names_another_issuer_is_refused_before_anything_is_asked(
        self, provider: IdentityProvider, upstream: Upstream
    ):
        trip = Trip(provider)
        brought = upstream.approve(trip.location())
        for iss in (ELSEWHERE, "", f"{upstream.issuer}/", upstream.issuer.upper()):
            assert "another issuer" in refused(lambda iss=iss: provider.claims(trip.back(brought, iss=iss)))
        assert upstream.asked("/token") == 0
        assert provider.claims(trip.back(brought)).subject == "alice-4711"

    def test_o54_who_says_it_names_itself_has_to(self, provider: IdentityProvider, upstream: Upstream):
        trip = Trip(provider)
        brought = upstream.approve(trip.location())
        refused(lambda: provider.claims(trip.back(brought, iss=None)))
        assert upstream.asked("/token") == 0

    def test_o54_one_that_does_not_is_told_apart_by_its_redirect_uri(self, app: Flask, upstream: Upstream):
        upstream.metadata["authorization_response_iss_parameter_supported"] = None
        with signing_in_with(app, upstream.settings("a"), upstream.settings("b")), app.app_context():
            uris = [providers.redirect_uri(one) for one in providers.all()]
            assert len(set(uris)) == 2
            trip = Trip(providers.find("a"), redirect_uri=uris[0])
            brought = upstream.approve(trip.location())
            refused(lambda: trip.provider.claims(trip.back(brought, iss=None, redirect_uri=uris[1])))

    def test_o54_the_code_goes_to_the_provider_that_began(self, app: Flask, upstream: Upstream):
        """Also if a hostile one shows the honest one's endpoint as its own."""
        with Upstream() as hostile:
            hostile.metadata["authorization_endpoint"] = f"{upstream.issuer}/authorize"
            both = (upstream.settings("honest"), hostile.settings("hostile"))
            with signing_in_with(app, *both), app.app_context():
                trip = Trip(providers.find("hostile"))
                brought = upstream.approve(trip.location())  # it is the honest one that signs the person in
                refused(lambda: trip.provider.claims(trip.back(brought)))
            assert (upstream.asked("/token"), hostile.asked("/token")) == (0, 0)

    def test_a_code_with_another_verifier_is_refused(self, provider: IdentityProvider, upstream: Upstream):
        trip = Trip(provider)
        brought = upstream.approve(trip.location())
        refused(lambda: provider.claims(trip.back(brought, verifier="w" * 43)))

    @pytest.mark.parametrize("code", ["", "x", "\x00", "a\r\nb", "\u00e4", "\ud800", "x" * 20_000])
    def test_a_code_that_is_none_is_refused(self, provider: IdentityProvider, upstream: Upstream, code: str):
        back = Trip(provider).back({"code": code, "iss": upstream.issuer})
        refused(lambda: provider.claims(back))


class TestO57Addresses:
    @pytest.mark.parametrize("source", ["token", "userinfo"])
    @pytest.mark.parametrize(
        ("value", "counts"),
        [
            (True, True),
            ("true", False),
            ("false", False),
            (1, False),
            (None, False),
            ("absent", False),
            ([True], False),
        ],
        ids=str,
    )
    def test_o57_only_true_is_true(
        self, provider: IdentityProvider, upstream: Upstream, source: str, value: Any, counts: bool
    ):
        told = {"email": "a@b.example", **({} if value == "absent" else {"email_verified": value})}
        upstream.user = {"sub": "alice-4711", **(told if source == "token" else {})}
        upstream.userinfo = told if source == "userinfo" else {}
        upstream.sign = lambda claims: upstream.signed({**claims, **({} if source != "token" else told)})
        claims = Trip(provider).claims(upstream)
        assert (claims.email, claims.email_verified) == ("a@b.example", counts)

    @pytest.mark.parametrize(
        "email", [None, "", "a", "a@", "@b", 1, ["a@b.example"], "a@b.example\r\nBcc: c@d.example"]
    )
    def test_o57_what_is_no_address_is_none(self, provider: IdentityProvider, upstream: Upstream, email: Any):
        upstream.bent = {"email": email}
        upstream.userinfo = {"email": email}
        claims = Trip(provider).claims(upstream)
        assert (claims.email, claims.email_verified) == (None, False)

    def test_o57_verified_is_what_the_same_answer_says(self, provider: IdentityProvider, upstream: Upstream):
        """Not of the one in the token if the address is that of userinfo, and not the other way round."""
        upstream.user = {"sub": "alice-4711", "email_verified": True}
        upstream.intercept = lambda _, path, __: (
            answer_json({"sub": "alice-4711", "email": "victim@b.example"}) if path == "/userinfo" else None
        )
        claims = Trip(provider).claims(upstream)
        assert (claims.email, claims.email_verified) == ("victim@b.example", False)

    @pytest.mark.parametrize("told", [{"sub": "bob"}, {}, {"sub": None}, {"sub": ["alice-4711"]}, [], "x", None])
    def test_o57_userinfo_of_somebody_else_is_refused(self, provider: IdentityProvider, upstream: Upstream, told: Any):
        upstream.user = {"sub": "alice-4711"}
        document = {"email": "a@b.example", "email_verified": True, **told} if isinstance(told, dict) else told
        upstream.intercept = lambda _, path, __: answer_json(document) if path == "/userinfo" else None
        assert refused(lambda: Trip(provider).claims(upstream)) == "userinfo is about somebody else"


GARBLED: dict[str, tuple[int, dict[str, str], bytes]] = {
    "a redirect inwards": (302, {"Location": "http://127.0.0.1:27017/"}, b""),
    "a redirect that keeps the form": (307, {"Location": "http://127.0.0.1:27017/"}, b""),
    "no JSON": (200, {}, b"<html>"),
    "NaN": (200, {}, b'{"issuer": NaN}'),
    "a member twice": (200, {}, b'{"issuer": "a", "issuer": "b"}'),
    "a list": (200, {}, b"[]"),
    "deep": (200, {}, b"[" * 10_000),
    "bytes": (200, {}, b"\xff\xfe"),
    "compressed": (200, {"Content-Encoding": "gzip"}, b"\x1f\x8b\x08"),
    "nothing": (200, {}, b""),
    "an error": (500, {}, b"{}"),
    "too many requests": (429, {"Retry-After": "1"}, b"{}"),
    "more than is read": (200, {}, b" " * (MOST_BYTES + 1)),
}


class TestO55Unreadable:
    @pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/keys", "/token", "/userinfo"])
    @pytest.mark.parametrize("way", GARBLED)
    def test_o55_what_can_t_be_read_is_unavailable(
        self, provider: IdentityProvider, upstream: Upstream, path: str, way: str
    ):
        upstream.user = {"sub": "alice-4711"}
        upstream.intercept = lambda _, asked, __: GARBLED[way] if asked == path else None
        trip = Trip(provider)
        brought = {"code": "none", "iss": upstream.issuer}
        if path != "/.well-known/openid-configuration":
            brought = upstream.approve(trip.location())
        if (path, way) == ("/userinfo", "a list"):
            refused(lambda: provider.claims(trip.back(brought)))
        else:
            assert unavailable(lambda: provider.claims(trip.back(brought)))

    @pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"])
    @pytest.mark.parametrize(
        "value",
        [
            *("", "x", 1, [], "javascript:alert(1)", "data:,x", "ftp://a.example/", "//a.example/"),
            *("https://u:p@a.example/", "https://a.example/#x", "https://a.example/\r\nX: y"),
            *("https://a.example:99999/", "https://[::1", "https:///x"),
        ],
        ids=repr,
    )
    def test_o55_metadata_with_an_endpoint_that_is_none(
        self, provider: IdentityProvider, upstream: Upstream, name: str, value: Any
    ):
        upstream.metadata[name] = value
        assert unavailable(Trip(provider).location) == f"its metadata have no usable {name}"

    @pytest.mark.parametrize("issuer", [None, 1, "{issuer}/", ELSEWHERE])
    def test_metadata_of_another_issuer(self, provider: IdentityProvider, upstream: Upstream, issuer: Any):
        upstream.metadata["issuer"] = issuer.replace("{issuer}", upstream.issuer) if isinstance(issuer, str) else issuer
        upstream.intercept = lambda *_: answer_json(upstream._metadata() | {"issuer": upstream.metadata["issuer"]})
        assert "another issuer" in unavailable(Trip(provider).location)

    @pytest.mark.parametrize("address", ["10.0.0.1", "169.254.169.254", "192.168.1.1", "[fd00:ec2::254]"])
    def test_o55_an_endpoint_inside_is_not_reached(self, provider: IdentityProvider, upstream: Upstream, address: str):
        trip = Trip(provider)
        upstream.metadata["token_endpoint"] = f"https://{address}/token"
        brought = upstream.approve(trip.location())
        assert unavailable(lambda: provider.claims(trip.back(brought))) == "the host has no public address"

    def test_o55_production_asks_no_machine_inside_and_nothing_by_http(self, app: Flask, upstream: Upstream):
        connector = providers._new_connector(local=False)
        with signing_in_with(app, upstream.settings(), connector=connector), app.app_context():
            assert unavailable(Trip(providers.find("work")).location) == "the address is not https"
        secure = upstream.settings(issuer=upstream.issuer.replace("http:", "https:"))
        with signing_in_with(app, secure, connector=connector), app.app_context():
            assert unavailable(Trip(providers.find("work")).location) == "the host has no public address"

    def test_o55_production_is_where_that_holds(self, app: Flask, upstream: Upstream):
        app.config["APP_ENV"] = "production"
        try:
            with signing_in_with(app, upstream.settings("a"), upstream.settings("b", private=True)), app.app_context():
                for name in ("a", "b"):
                    assert unavailable(Trip(providers.find(name)).location) == "the address is not https"
        finally:
            app.config["APP_ENV"] = "testing"

    def test_o55_by_https_its_certificate_is_checked(self, app: Flask):
        ours, theirs = trustme.CA(), trustme.CA()
        for authority, host, cause in (
            (ours, "login.example.com", None),
            (theirs, "login.example.com", "the certificate is not valid"),
            (ours, "login.example.org", "the certificate is not valid"),
        ):
            connector = Connector(local=True, seconds=3, trust=trust_of(ours), resolve=here)
            with Upstream(authority=authority, host=host) as upstream:
                upstream.issuer = upstream.issuer.replace(".org", ".com")
                with signing_in_with(app, upstream.settings(), connector=connector), app.app_context():
                    trip = Trip(providers.find("work"))
                    if cause is None:
                        assert trip.claims(upstream).issuer == upstream.issuer
                    else:
                        assert unavailable(trip.location) == cause

    @pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/keys", "/token", "/userinfo"])
    @given(value=ANY_JSON, status=st.sampled_from([200, 200, 200, 400, 401]))
    @options(max_examples=40, deadline=None)
    def test_o55_no_answer_is_an_error_of_ours(self, fuzzed: tuple[Trip, Upstream], path: str, value: Any, status: int):
        """Also if its parts are those of a good one, but of other types."""
        upstream = fuzzed[1]
        provider = OidcProvider(upstream.settings(), Connector(local=True, seconds=3))
        trip = Trip(provider)
        upstream.bent = {"email": None}
        upstream.metadata = {}
        errand = Errand("s", trip.nonce, CHALLENGE, CALLBACK)
        brought = upstream.approve(f"/authorize?{urlencode(provider._request(errand))}")
        if path == "/keys":
            value = {"keys": [value, jwk.public_jwk(upstream.pair)]}
        elif isinstance(value, dict) and path != "/token":
            value = {**upstream._metadata(), "sub": "alice-4711", **value}
        upstream.intercept = lambda _, asked, __: answer_json(value, status) if asked == path else None
        try:
            provider.claims(trip.back(brought))
        except (ProviderRefused, UpstreamUnavailable):
            pass
        finally:
            upstream.intercept = lambda *_: None

    def test_o55_an_address_that_changes_between_two_questions_is_looked_at_each_time(
        self, app: Flask, upstream: Upstream
    ):
        """Rebinding: the first answer of the resolver is harmless, the second leads inside."""
        turns = iter([["127.0.0.1"], ["10.0.0.1"], ["10.0.0.1"]])
        connector = Connector(local=True, seconds=2, resolve=lambda *_: next(turns))
        issuer = upstream.issuer.replace("127.0.0.1", "localhost")
        upstream.issuer = issuer
        with signing_in_with(app, upstream.settings(), connector=connector), app.app_context():
            trip = Trip(providers.find("work"))
            brought = upstream.approve(trip.location())
            assert unavailable(lambda: trip.provider.claims(trip.back(brought))) == "the host has no public address"


SLOW = {
    "silent": silent,
    "a head that drips": dripping(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
    "a body that drips": dripping(b"HTTP/1.1 200 OK\r\n\r\n", b" "),
}


@contextmanager
def asking(app: Flask, server: Server, seconds: float) -> Iterator[IdentityProvider]:
    """Let an application sign people in with a slow provider; it waits for so long."""
    with Upstream() as upstream:
        settings = upstream.settings(issuer=server.url("", host="127.0.0.1"))
    connector = Connector(local=True, seconds=seconds, most_bytes=MOST_BYTES)
    with signing_in_with(app, settings, connector=connector), app.app_context():
        yield providers.find("work")


class TestO55Slow:
    def test_o55_six_seconds_in_all_and_256_kb(self):
        assert (SECONDS, MOST_BYTES) == (6.0, 256 * 1024)

    @pytest.mark.parametrize("way", SLOW)
    def test_o55_a_slow_one_is_given_up(self, app: Flask, way: str):
        with Server(SLOW[way]) as server, asking(app, server, 0.4) as provider:
            began = time.monotonic()
            assert unavailable(Trip(provider).location) == "it took too long"
            assert 0.3 < time.monotonic() - began < 1.0

    def test_o55_that_is_for_all_questions_together(self, app: Flask, upstream: Upstream):
        def slowly(_: str, path: str, __: dict[str, str]) -> None:
            time.sleep(0.25)

        upstream.intercept = slowly
        connector = Connector(local=True, seconds=0.6)
        with signing_in_with(app, upstream.settings(), connector=connector), app.app_context():
            trip = Trip(providers.find("work"))
            began = time.monotonic()
            back = trip.back({"code": "x", "iss": upstream.issuer})
            trip.location()
            upstream.user = {"sub": "alice-4711"}
            back = trip.back(upstream.approve(trip.location()))
            began = time.monotonic()
            assert unavailable(lambda: trip.provider.claims(back)) == "it took too long"
            assert time.monotonic() - began < 1.0

    @pytest.mark.race
    def test_o55_those_who_wait_for_one_are_bounded_and_others_do_not_wait(self, app: Flask, upstream: Upstream):
        with Server(silent) as server, Upstream() as other:
            settings = (other.settings("slow", issuer=server.url("", host="127.0.0.1")), upstream.settings("quick"))
            connector = Connector(local=True, seconds=1.5, most_bytes=MOST_BYTES)
            with signing_in_with(app, *settings, connector=connector):
                with app.app_context():
                    slow, quick = Trip(providers.find("slow")), Trip(providers.find("quick"))
                causes: list[str] = []
                waiting = [
                    threading.Thread(target=lambda: causes.append(unavailable(slow.location)))
                    for _ in range(MOST_AT_ONCE)
                ]
                began = time.monotonic()
                for thread in waiting:
                    thread.start()
                while slow.provider._upstream._free._value:
                    assert time.monotonic() < began + 1
                    time.sleep(0.01)
                once = time.monotonic()
                with pytest.raises(UpstreamUnavailable):
                    slow.location()  # the next does not even wait
                assert quick.claims(upstream).subject == "alice-4711"
                assert time.monotonic() - once < 0.5
                for thread in waiting:
                    thread.join()
                assert time.monotonic() - began < 3
                assert causes == ["it took too long"] * MOST_AT_ONCE
                assert server.connections == 1, "one asks, the others wait for it"

    def test_o55_a_host_that_nobody_resolves_holds_up_no_other(self, app: Flask, monkeypatch: pytest.MonkeyPatch):
        over = threading.Event()
        looked: list[str] = []

        def look_up(host: str, _: int) -> list[str]:
            looked.append(host)
            if host == "slow.example":
                over.wait(20)
            return []

        monkeypatch.setattr(providers._look_up, "_resolve", look_up)
        waiting = [threading.Thread(target=providers._look_up, args=("slow.example", 443)) for _ in range(8)]
        for thread in waiting:
            thread.start()
        began = time.monotonic()
        for number in range(8):
            providers._look_up(f"quick{number}.example", 443)
        assert time.monotonic() - began < 0.5
        assert looked.count("slow.example") == 1
        over.set()
        for thread in waiting:
            thread.join(10)

    @pytest.mark.slow
    def test_o55_in_the_workers_of_the_service_too(self):
        """There threads, locks and sockets are gevent's, and one that blocks would hold up all requests."""
        done = subprocess.run([sys.executable, "-c", IN_A_WORKER], capture_output=True, text=True, timeout=60, cwd=ROOT)
        assert done.returncode == 0, done.stderr


IN_A_WORKER = """
from gevent import monkey; monkey.patch_all()
import threading, time
from authsvc.clients.connector import Connector
from authsvc.clients.identity import kinds
from authsvc.errors import UpstreamUnavailable
from tests.support.app_documents import here, trust_of
from tests.support.outside import Server, dripping
from tests.support.upstreams import Trip, Upstream

connector = Connector(local=True, seconds=1.5)
with Upstream() as upstream, Server(dripping(b"HTTP/1.1 200 OK\\r\\n\\r\\n", b" ")) as server:
    slow = kinds.make(upstream.settings("slow", issuer=server.url("", host="127.0.0.1")), connector)
    quick = Trip(kinds.make(upstream.settings("quick"), connector))
    causes, began = [], time.monotonic()

    def ask():
        try:
            Trip(slow).location()
        except UpstreamUnavailable as error:
            causes.append(str(error.__cause__))

    waiting = [threading.Thread(target=ask) for _ in range(40)]
    for one in waiting:
        one.start()
    time.sleep(0.2)
    for _ in range(5):
        once = time.monotonic()
        assert quick.claims(upstream).subject == "alice-4711"
        assert time.monotonic() - once < 0.5, time.monotonic() - once
    for one in waiting:
        one.join()
    assert time.monotonic() - began < 3, time.monotonic() - began
    assert sorted(causes) == ["None"] * 8 + ["it took too long"] * 32, causes
    assert server.connections == 1, server.connections
"""


class TestO63Log:
    def test_o63_neither_code_nor_token_nor_secret_is_logged_or_shown(
        self, provider: IdentityProvider, upstream: Upstream, capsys: pytest.CaptureFixture[str]
    ):
        trip = Trip(provider)
        brought = upstream.approve(trip.location())
        upstream.intercept = lambda _, path, __: (
            answer_json({"error": brought["code"]}, 400) if path == "/token" else None
        )
        with pytest.raises(ProviderRefused) as caught:
            provider.claims(trip.back(brought))
        shown = (
            f"{capsys.readouterr()}{caught.value!r}{caught.value.extra}{trip.back(brought)!r}{upstream.settings()!r}"
        )
        for secret in (brought["code"], upstream.client_secret, trip.verifier, trip.nonce):
            assert secret not in shown
        assert "provider.refused" in shown
        assert Claims("a", "b").email is None
