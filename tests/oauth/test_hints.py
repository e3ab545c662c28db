"""Whom an app expects to sign in: `login_hint` and `id_token_hint` (OpenID Connect Core section 3.1.2.1)."""

import base64
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import jwt
import pytest
import time_machine
from bson import ObjectId
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask

from authsvc import clock
from authsvc.errors import RequestGone
from authsvc.models.authorizations import Authorization
from authsvc.models.sessions import Session
from authsvc.models.signing_keys import Ring
from authsvc.models.users import User
from authsvc.services import authorizations, signing_keys
from authsvc.services.signing_keys import signing_one
from tests.api.forging import claims_of, own_key, segment
from tests.conftest import Person
from tests.support import app_kinds
from tests.support.accounts import Database, counted_work
from tests.support.app_visits import Visit
from tests.support.oauth import FORM, Answer, AppClient, challenge_of, send
from tests.support.races import race, rounds

ISSUER = "http://localhost:8000"
PAGE = f"{ISSUER}/account/authorize"


def hint_of(asking: AppClient, who: Person) -> str:
    """Return the ID token that an app has of somebody who signed in to it."""
    return str(asking.sign_in(who.tokens["accessToken"])["id_token"])


def ask(asking: AppClient, method: str = "GET", **params: Any) -> Answer:
    """Return the answer to a request."""
    usual = {
        "client_id": asking.id,
        "redirect_uri": asking.redirect_uri,
        "response_type": "code",
        "scope": "openid",
        "state": "s",
        "code_challenge": challenge_of("v" * 43),
        "code_challenge_method": "S256",
    }
    query = urlencode({**usual, **params}, doseq=True)
    if method == "GET":
        return send(asking.client, "GET", f"/oauth2/authorize?{query}")
    return send(asking.client, "POST", "/oauth2/authorize", data=query, headers=FORM)


def refused(answer: Answer) -> str:
    """Check that a request is refused by a redirect to the app, which begins nothing; return the error."""
    assert answer.status == 303, answer.text
    assert answer.cookies == []
    target, _, query = answer.headers["Location"].partition("?")
    told = dict(parse_qsl(query, strict_parsing=True))
    assert (target, told["iss"], told["state"]) == ("https://app.example.net/callback", ISSUER, "s")
    assert set(told) == {"error", "error_description", "iss", "state"}
    return told["error"]


def fragment_of(answer: Answer) -> str:
    """Check that a request has begun; return what stands behind `#` in the address of our page."""
    assert answer.status == 303, answer.text
    place, _, fragment = answer.headers["Location"].partition("#")
    assert place.startswith(f"{PAGE}?request=asr_")
    assert set(parse_qs(urlsplit(place).query)) == {"request"}
    return str(fragment)


METHODS = pytest.mark.parametrize("method", ["GET", "POST"])


class TestAddress:
    """`login_hint` goes to the page alone, which may put it into a form."""

    @METHODS
    @pytest.mark.parametrize(
        "hint",
        [
            *("ada@example.com", "ada+notes@example.com", "a&b=c#d?e%20@example.com", "ädä@exämple.com", "a b", "ada"),
            *('"><script>alert(1)</script>@example.com', "javascript:alert(1)", "a" * 308 + "@example.com"),
        ],
    )
    def test_it_stands_behind_the_address_of_the_page(self, web: AppClient, method: str, hint: str):
        fragment = fragment_of(ask(web, method, login_hint=hint))
        assert fragment.isascii()
        assert parse_qs(fragment, strict_parsing=True) == {"login_hint": [hint]}

    @METHODS
    @pytest.mark.parametrize(
        "hint",
        [
            *("", " ", "a" * 309 + "@example.com", "x" * 5000, "a\n@example.com", "a\r\nSet-Cookie: b=c@example.com"),
            *("a\t@example.com", "a\x7f@example.com", "a\x1b[31m@example.com", "a\x85@example.com"),
            *("a\u202e@example.com", "a\u200b@example.com", "a\u2028@example.com", "a\ufeff@example.com"),
            *("é" * 155 + "@example.com", "\U0001f600" * 80 + "@"),
        ],
    )
    def test_what_no_form_could_show_goes_nowhere_and_does_no_harm(self, web: AppClient, method: str, hint: str):
        assert fragment_of(ask(web, method, login_hint=hint)) == ""

    def test_blanks_around_it_do_not_count(self, web: AppClient):
        assert fragment_of(ask(web, login_hint="  ada@example.com\n")) == "login_hint=ada%40example.com"

    def test_o1_twice(self, web: AppClient):
        for hints in (["a@example.com"] * 2, ["a@example.com", "b@example.com"], ["", "a@example.com"]):
            assert refused(ask(web, login_hint=hints)) == "invalid_request"

    @pytest.mark.parametrize("hint", ["a\0@example.com", b"\xff@example.com"])
    def test_o1_what_can_not_be_read(self, web: AppClient, hint: Any):
        assert refused(ask(web, login_hint=hint)) == "invalid_request"

    def test_o63_it_is_not_stored(self, web: AppClient, mongo: Database):
        ask(web, login_hint="canary@example.com")
        ask(web, login_hint="canary@example.com", response_mode="form_post", scope="nope")
        assert mongo.authorizations.count_documents({}) == 2
        assert "canary" not in repr(list(mongo.authorizations.find()))

    def test_o63_an_app_that_is_refused_learns_nothing_by_it(self, web: AppClient):
        answer = ask(web, login_hint="canary@example.com", scope="nope")
        assert refused(answer) == "invalid_scope"
        assert "canary" not in answer.headers["Location"]

    def test_it_decides_nothing(self, trusted: AppClient, alice: Person, bob: Person):
        """Whoever is signed in goes on, whomever it names (it is a hint)."""
        for prompt in ({}, {"prompt": "none"}):
            visit = Visit(trusted, login_hint=bob.email, **prompt)
            assert visit.id_token(visit.answer(alice)["code"])["sub"] == alice.id

    def test_r17_the_same_is_done_for_known_and_unknown_addresses(self, web: AppClient, alice: Person, mongo: Database):
        """R17, R19: nobody learns whether there is such an account, since nobody looks."""
        told, done = [], []
        ask(web)
        for hint in (alice.email, "nobody@example.com", None):
            with counted_work() as work:
                told.append(Visit(web, **({} if hint is None else {"login_hint": hint})).advance().json)
            done.append(work)
        assert told[0] == told[1] == told[2]
        assert done[0] == done[1] == done[2]
        assert told[0]["step"] == "sign_in"
        mongo.authorizations.delete_one({})
        stored = [{**one["params"], "challenge": None} for one in mongo.authorizations.find()]
        assert stored[0] == stored[1]


class TestPerson:
    """`id_token_hint`: the app gets an answer about that person, or none (Core section 3.1.2.1)."""

    @METHODS
    def test_whoever_it_names_signs_in(self, web: AppClient, alice: Person, mongo: Database, method: str):
        """By GET and by POST; what is stored is the id alone, not the token (O63)."""
        hint = hint_of(web, alice)
        assert fragment_of(ask(web, method, id_token_hint=hint)) == ""
        stored = mongo.authorizations.find_one({"decidedAt": None})
        assert stored is not None
        assert stored["params"]["subject"] == alice.id
        assert hint not in repr(stored)
        visit = Visit(web, id_token_hint=hint)
        assert visit.step() == "sign_in"
        assert visit.id_token(visit.answer(alice)["code"])["sub"] == alice.id

    @pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
    def test_an_expired_one_is_fine(self, web: AppClient, alice: Person, mongo: Database, algorithm: str):
        mongo.apps.update_one({"_id": web.id}, {"$set": {"idTokenAlg": algorithm}})
        hint = hint_of(web, alice)
        with time_machine.travel(clock.now() + timedelta(days=30), tick=True):
            visit = Visit(web, id_token_hint=hint)
            assert "code" in visit.answer(alice.login())

    @pytest.mark.usefixtures("own_ring")
    def test_r98_it_outlasts_its_key_unless_that_is_retired(self, app: Flask, web: AppClient, alice: Person):
        """R98: apps keep ID tokens for longer than keys sign."""
        hint, day = hint_of(web, alice), timedelta(days=1)
        with app.app_context():
            old = signing_one(signing_keys.snapshot(Ring.IDS).keys)
            signing_keys.rotate(ring=Ring.IDS)
        with time_machine.travel(clock.now() + 30 * day, tick=True):
            with app.app_context():
                assert signing_one(signing_keys.reload(Ring.IDS).keys).serial != old.serial
            fragment_of(ask(web, id_token_hint=hint))
            with app.app_context():
                signing_keys.retire(old.serial, ring=Ring.IDS)
            assert refused(ask(web, id_token_hint=hint)) == "invalid_request"

    def test_one_of_the_longest_that_there_are(self, web: AppClient, alice: Person):
        """With a nonce of 2 kB that JSON triples; it comes by POST, since no line is so long."""
        nonce = "\u00e9" * 1024
        hint = str(web.sign_in(alice.tokens["accessToken"], nonce=nonce)["id_token"])
        assert len(hint) > 8190
        fragment_of(ask(web, "POST", id_token_hint=hint))

    @pytest.mark.parametrize("app_of", ["web", "trusted"])
    def test_o19_somebody_else_is_asked_to_switch(
        self, app_of: str, alice: Person, bob: Person, mongo: Database, request: pytest.FixtureRequest
    ):
        """Whatever they say, they get no code, and nothing is allowed."""
        asking: AppClient = request.getfixturevalue(app_of)
        visit = Visit(asking, id_token_hint=hint_of(asking, alice))
        given = self.codes(mongo)
        for decision in (None, "allow"):
            told = visit.advance(bob, decision).json
            assert (told["step"], told["email"], told["other"]) == ("switch", bob.email, "sign_in")
            assert alice.id not in json.dumps(told)
            assert alice.email not in json.dumps(told)
        assert self.codes(mongo) == given
        assert mongo.grants.count_documents({"user": ObjectId(bob.id)}) == 0
        assert "code" in visit.answer(alice, "allow")

    def test_o19_somebody_else_who_does_not_want_to(self, web: AppClient, alice: Person, bob: Person):
        """Not `access_denied`: whom the app asked for has not said no."""
        hint = hint_of(web, alice)
        visit = Visit(web, id_token_hint=hint, state="s")
        assert visit.answer(bob, "deny") == {"error": "login_required", "state": "s", "iss": ISSUER}
        for who in (alice, None):
            assert Visit(web, id_token_hint=hint).answer(who, "deny")["error"] == "access_denied"

    def test_o16_nobody_is_asked(self, web: AppClient, alice: Person, bob: Person):
        hint = hint_of(web, alice)
        hint_of(web, bob)  # who would not be asked either
        for who, decision in ((bob, None), (bob, "allow"), (None, None), (None, "allow")):
            assert Visit(web, id_token_hint=hint, prompt="none").answer(who, decision)["error"] == "login_required"
        assert "code" in Visit(web, id_token_hint=hint, prompt="none").answer(alice)
        stale = Visit(web, id_token_hint=hint, prompt="none", max_age="0").answer(alice)
        assert stale["error"] == "login_required"

    def test_o16_whoever_it_names_has_allowed_nothing_like_that(self, web: AppClient, alice: Person):
        hint = str(web.sign_in(alice.tokens["accessToken"], scope="openid")["id_token"])
        visit = Visit(web, id_token_hint=hint, prompt="none", scope="openid email")
        assert visit.answer(alice)["error"] == "consent_required"

    @pytest.mark.parametrize("params", [{"prompt": "login"}, {"max_age": "0"}], ids=str)
    def test_o18_whoever_it_names_proves_it_and_nobody_else_is_asked_to(
        self, trusted: AppClient, alice: Person, bob: Person, mongo: Database, params: dict[str, str]
    ):
        hint = hint_of(trusted, alice)
        mongo.sessions.update_many({}, {"$set": {"authTime": clock.now() - timedelta(minutes=1)}})
        visit = Visit(trusted, id_token_hint=hint, **params)
        assert visit.step(bob) == "switch"
        assert visit.step(alice) == "prove"
        assert visit.step(bob.login()) == "switch"
        assert "code" in visit.answer(alice.login())

    @pytest.mark.parametrize("prompt", ["consent", "select_account"])
    def test_o21_whoever_it_names_is_asked(self, trusted: AppClient, alice: Person, bob: Person, prompt: str):
        visit = Visit(trusted, id_token_hint=hint_of(trusted, alice), prompt=prompt)
        assert visit.step(bob) == "switch"
        assert visit.step(alice) == "consent"
        assert "code" in visit.answer(alice, "allow")

    def test_nobody_new_can_be_somebody_known(self, web: AppClient, alice: Person):
        """`prompt=create` makes an account, which an ID token can't name already."""
        hint = hint_of(web, alice)
        for prompt in ("create", "create login"):
            assert refused(ask(web, id_token_hint=hint, prompt=prompt)) == "invalid_request"

    def test_o15_as_a_form(self, web: AppClient, alice: Person, bob: Person):
        hint = hint_of(web, alice)
        visit = Visit(web, id_token_hint=hint, response_mode="form_post", prompt="none")
        assert visit.advance(bob).json["fields"] == {"error": "login_required", "iss": ISSUER}

    def test_both_hints(self, web: AppClient, alice: Person, bob: Person):
        """The address goes to the form; the token decides."""
        visit = Visit(web, id_token_hint=hint_of(web, alice), login_hint=bob.email)
        assert visit.step(bob) == "switch"
        assert "code" in visit.answer(alice)

    def test_o14_not_in_a_request_object(self, web: AppClient, alice: Person):
        """There are none, so neither is a hint in one."""
        claims = {"id_token_hint": hint_of(web, alice), "login_hint": alice.email}
        request = f"{segment({'alg': 'none'})}.{segment(claims)}."
        assert refused(ask(web, request=request)) == "request_not_supported"

    def codes(self, mongo: Database) -> int:
        """Return how many codes were given."""
        return mongo.authorizations.count_documents({"codeDigest": {"$exists": True}})


class TestGone:
    """R17, R104: what becomes of an account is told to nobody who holds an old ID token for it."""

    @pytest.mark.parametrize("change", ["signed out", "disabled", "deleted"])
    def test_r104_the_answers_are_those_for_somebody_who_is_not_here(
        self, web: AppClient, alice: Person, bob: Person, mongo: Database, change: str
    ):
        hint = hint_of(web, alice)
        usual = self.answers(web, hint, bob)
        with counted_work() as before:
            self.answers(web, hint, bob)
        self.change(alice, mongo, change)
        with counted_work() as after:
            assert self.answers(web, hint, bob) == usual
        assert after == before  # R19: the same work

    def test_r104_whoever_is_disabled_gets_no_code(self, web: AppClient, alice: Person, mongo: Database):
        visit = Visit(web, id_token_hint=hint_of(web, alice))
        mongo.users.update_one({"_id": ObjectId(alice.id)}, {"$set": {"disabledAt": clock.now()}})
        answer = visit.advance(alice, "allow")
        assert (answer.status, answer.json["code"]) == (401, "session_ended")

    def test_o33_the_hint_of_an_app_that_is_gone(
        self, web: AppClient, trusted: AppClient, alice: Person, mongo: Database
    ):
        hint = hint_of(web, alice)
        mongo.apps.delete_one({"_id": web.id})
        assert refused(ask(trusted, id_token_hint=hint)) == "invalid_request"
        assert ask(web, id_token_hint=hint).status == 400

    def change(self, alice: Person, mongo: Database, change: str) -> None:
        """Let something become of Alice's account."""
        if change == "signed out":
            assert alice.client.post("/auth/logout", headers=alice.headers).status_code == 204
        elif change == "disabled":
            mongo.users.update_one({"_id": ObjectId(alice.id)}, {"$set": {"disabledAt": clock.now()}})
        else:
            assert alice.client.delete("/auth/me", headers=alice.headers).status_code == 204

    def answers(self, web: AppClient, hint: str, bob: Person) -> list[Any]:
        """Return all that can be seen from outside."""
        asked = ask(web, id_token_hint=hint)
        shown = [asked.status, sorted(asked.headers.keys()), fragment_of(asked)]
        told = [Visit(web, id_token_hint=hint).advance(who).json for who in (None, bob)]
        silent = [Visit(web, id_token_hint=hint, prompt="none").answer(who) for who in (None, bob)]
        return [*shown, *told, *silent, Visit(web, id_token_hint=hint).answer(bob, "deny")]


class TestGenuine:
    """O37: an ID token of this app, which we have signed, and nothing else."""

    @METHODS
    def test_o37_no_other_token_is_one(self, app: Flask, web: AppClient, alice: Person, method: str):
        """Also of the app itself, and by the same key as ID tokens are."""
        tokens = web.sign_in(alice.tokens["accessToken"], scope="openid offline_access")
        own = {name: alice.tokens[name] for name in ("accessToken", "refreshToken")}
        held = {name: tokens[name] for name in ("access_token", "refresh_token")}
        for name, token in {**own, **held, "logout": self.logout_token(app, web, tokens["id_token"])}.items():
            assert refused(ask(web, method, id_token_hint=token)) == "invalid_request", name
        fragment_of(ask(web, method, id_token_hint=tokens["id_token"]))

    @pytest.mark.parametrize("kind", app_kinds.KINDS)
    def test_o37_nor_is_anything_that_another_app_has(self, app: Flask, web: AppClient, alice: Person, kind: str):
        """Its ID token least of all: the app could ask for people whom it has never seen."""
        token = app_kinds.KINDS[kind](alice, app)
        assert refused(ask(web, id_token_hint=token)) == "invalid_request"

    def test_o37_forged_ones(self, app: Flask, web: AppClient, alice: Person, bob: Person):
        good = hint_of(web, alice)
        claims = claims_of(good)
        with app.app_context():
            rsa = signing_keys.snapshot(Ring.IDS).signing_by("RS256")
            ec = signing_keys.snapshot(Ring.IDS).signing_by("ES256")
        head, body, signature = good.split(".")
        public = rsa.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        confused = f"{segment({'alg': 'HS256', 'typ': 'JWT', 'kid': rsa.kid})}.{segment(claims)}"
        unsigned = f"{segment({'alg': 'none', 'typ': 'JWT', 'kid': rsa.kid})}.{body}."
        other = segment({**claims, "sub": bob.id})

        def signed(pair: Any = rsa, typ: str = "JWT", kid: str = rsa.kid, **changes: Any) -> str:
            whole = {**claims, **changes}
            return jwt.encode(whole, pair.private, algorithm=pair.algorithm.value, headers={"typ": typ, "kid": kid})

        forged = {
            "by nothing": unsigned,
            "by nothing, with a signature": f"{unsigned}{signature}",
            "by the public key": f"{confused}.{segment(hmac.digest(public, confused.encode(), 'sha256'))}",
            "by the key of tokens": signed(own_key(app), kid=own_key(app).kid),
            "by the key of tokens, under another name": signed(own_key(app)),
            "by the other algorithm": signed(ec),
            "for somebody else": f"{head}.{other}.{signature}",
            "of another issuer": signed(iss="https://evil.example"),
            "of almost our issuer": signed(iss=f"{ISSUER}/"),
            "for another app": signed(aud="app_000000000000000000000000"),
            "for several apps": signed(aud=[web.id, "app_000000000000000000000000"]),
            "for this app, in a list": signed(aud=[web.id]),
            "for nobody": signed(aud=""),
            "about nobody": signed(sub=None),
            "about a list": signed(sub=[alice.id]),
            "about an operator": signed(sub={"$ne": None}),
            "a logout token": signed(typ="logout+jwt"),
            "an access token by this key": signed(typ="at+jwt"),
            "of no type": signed(typ=""),
            "cut": good[:-1],
            "padded": f"{good}=",
            "with a blank": f" {good}",
            "in five parts": f"{good}.a.b",
            "text": "x",
            "points": "..",
        }
        with time_machine.travel(clock.now() + timedelta(seconds=3), tick=True):  # an unknown key is looked for
            for name, token in forged.items():
                assert refused(ask(web, id_token_hint=token)) == "invalid_request", name
            fragment_of(ask(web, id_token_hint=signed()))

    def test_o1_twice(self, web: AppClient, alice: Person, bob: Person):
        """Also the same one."""
        hint = hint_of(web, alice)
        for hints in ([hint, hint], [hint, hint_of(web, bob)], ["", hint], [hint, ""]):
            assert refused(ask(web, id_token_hint=hints)) == "invalid_request"

    def test_an_empty_one_is_none(self, web: AppClient, bob: Person):
        """RFC 6749 section 3.1: as if it had been left out."""
        fragment_of(ask(web, id_token_hint=""))
        assert Visit(web, id_token_hint="").step(bob) == "consent"

    @pytest.mark.parametrize("hint", ["a\0b", b"\xff\xfe", "\u00fc.\u00fc.\u00fc", "a.b.c\n"])
    def test_o1_what_can_not_be_read(self, web: AppClient, hint: Any):
        assert refused(ask(web, id_token_hint=hint)) == "invalid_request"

    @pytest.mark.parametrize("what", ["header", "kid", "claims", "signature"])
    def test_r46_a_huge_one(self, web: AppClient, alice: Person, what: str):
        """As large as a body may be, and as deep."""
        head, body, signature = hint_of(web, alice).split(".")
        kid = json.loads(base64.urlsafe_b64decode(head + "=="))["kid"]
        huge = {
            "header": f"{segment(b'[' * 40_000)}.{body}.{signature}",
            "kid": f"{segment({'alg': 'RS256', 'typ': 'JWT', 'kid': 'k' * 40_000})}.{body}.{signature}",
            "claims": f"{segment({'alg': 'RS256', 'typ': 'JWT', 'kid': kid})}.{segment(b'[' * 40_000)}.{signature}",
            "signature": f"{head}.{body}.{'A' * 40_000}",
        }[what]
        assert refused(ask(web, "POST", id_token_hint=huge)) == "invalid_request"

    def test_o2_it_opens_no_way_to_an_address_that_is_not_registered(self, web: AppClient, alice: Person):
        hint = hint_of(web, alice)
        for changes in ({"redirect_uri": "https://evil.example/"}, {"client_id": "app_000000000000000000000000"}):
            answer = ask(web, id_token_hint=hint, **changes)
            assert answer.status == 400
            assert "Location" not in answer.headers

    def logout_token(self, app: Flask, web: AppClient, id_token: str) -> str:
        """Return a genuine logout token of the app, with the claims of an ID token beside its own."""
        with app.app_context():
            pair = signing_keys.snapshot(Ring.IDS).signing_by("RS256")
        claims = {**claims_of(id_token), "jti": "x", "events": {}}
        return jwt.encode(claims, pair.private, algorithm="RS256", headers={"typ": "logout+jwt", "kid": pair.kid})


class TestIssue:
    """The code is refused where it is made, whoever asks for it and however."""

    def test_o19_the_database_refuses_it_for_another(self, app: Flask, web: AppClient, alice: Person, bob: Person):
        """Even if nobody has asked before who it is for."""
        visit = Visit(web, id_token_hint=hint_of(web, alice))
        with app.test_request_context():
            stored = Authorization.objects(decided_at=None).first()
            for who, passes in ((bob, False), (alice, True)):
                user, session = User.find(who.id), Session.objects(user=ObjectId(who.id), app=None).first()
                assert user is not None
                if passes:
                    authorizations.accept(stored, session, user)
                else:
                    with pytest.raises(RequestGone):
                        authorizations.accept(stored, session, user)
        assert visit.advance(alice, "allow").status == 410

    def test_one_that_began_before_an_update_is_for_anybody(self, web: AppClient, bob: Person, mongo: Database):
        visit = Visit(web)
        mongo.authorizations.update_one({}, {"$unset": {"params.subject": 1}})
        assert "code" in visit.answer(bob, "allow")

    @pytest.mark.race
    @rounds
    def test_o19_both_allow_it_at_once(
        self, app: Flask, web: AppClient, alice: Person, bob: Person, mongo: Database, turn: int
    ):
        """Two tabs, of whom one has switched the account meanwhile: the code is for whom the app expects."""
        visit = Visit(web, id_token_hint=hint_of(web, alice))
        mongo.authorizations.delete_many({"decidedAt": {"$ne": None}})
        answers = race(*[self.call(app, visit, who, "allow") for who in (bob, alice)] * 4)
        done = [answer for answer in answers if answer.status == 200 and answer.json["step"] == "done"]
        assert len(done) == 1
        assert {answer.json["step"] for answer in answers if answer.status == 200} <= {"done", "switch"}
        (stored,) = mongo.authorizations.find()
        assert (str(stored["user"]), mongo.grants.count_documents({"user": ObjectId(bob.id)})) == (alice.id, 0)
        code = parse_qs(urlsplit(done[0].json["redirect"]).query)["code"][0]
        assert visit.id_token(code)["sub"] == alice.id

    def call(self, app: Flask, visit: Visit, who: Person, decision: str) -> Callable[[], Answer]:
        """Return what decides about a request, on a connection of its own."""
        body = {"request": visit.request, "decision": decision}
        own = app.test_client(use_cookies=False)
        headers = {**visit.cookie, **who.headers}
        return lambda: send(own, "POST", "/auth/authorizations/advance", json=body, headers=headers)
