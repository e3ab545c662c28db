"""The registry of methods: every method is in it with all its pieces, and the journeys are answered from it."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from authsvc import methods
from authsvc.errors import MfaCodeInvalid, SecondFactorRequired
from authsvc.flows import sign_in
from authsvc.flows.reauthenticate import verify_again
from authsvc.flows.sign_in import Pending
from authsvc.methods import registry
from authsvc.methods.base import Answer, Method, Proof, Question
from authsvc.models.users import User
from authsvc.schemas.mfa import ReauthenticationSchema, SecondFactorSchema
from authsvc.services import sessions, tokens
from tests.conftest import PASSWORD, Person
from tests.support.accounts import EMAIL, Database
from tests.support.factors import Protected, complete, sign_in_by, ticket, with_passkey, with_totp
from tests.support.service import ROOT

WEB = ROOT / "authsvc/web"
REGISTERED = {
    *("face", "fpt", "geo", "hwk", "iris", "kba", "mca", "mfa", "otp", "pin", "pop", "pwd", "rba", "retina", "sc"),
    *("sms", "swk", "tel", "user", "vbm", "wia"),
}
"""The values of `amr` (RFC 8176 section 2, and `pop` of its registry)."""

each = pytest.mark.parametrize("method", registry.METHODS, ids=lambda method: method.name)


class Riddle(Method):
    """A method that no account has had so far: everybody knows the answer."""

    name = "riddle"
    members = frozenset({"answer"})
    amr = frozenset({"kba", "mfa"})
    is_second_factor = True
    reauthenticates = True

    def __init__(self) -> None:
        self.left = 1

    def is_enrolled(self, user: User) -> bool:
        return user.email == EMAIL

    def verify(self, user: User, answer: Answer, question: Question) -> Proof | None:
        return Proof(user, ["kba", "mfa"]) if answer["answer"] == "time" else None

    def spend(self, proof: Proof) -> bool:
        self.left -= 1
        return self.left >= 0


@pytest.fixture
def protected(alice: Person, mongo: Database) -> Protected:
    """Return Alice with an authenticator app."""
    return with_totp(alice, mongo)


@pytest.fixture
def riddle(monkeypatch: pytest.MonkeyPatch) -> Riddle:
    """Return one more method, added as any other is: by a line in the registry."""
    riddle = Riddle()
    monkeypatch.setattr(registry, "METHODS", (*registry.METHODS, riddle))
    return riddle


@pytest.fixture
def outside(app: Flask, protected: Protected) -> Callable[..., Any]:
    """Return what calls a journey as a request of Alice's browser would."""

    def call(journey: Callable[..., Any], *args: Any) -> Any:
        with app.test_request_context("/", environ_base={"REMOTE_ADDR": "127.0.0.1"}):
            app.preprocess_request()
            return journey(*args)

    return call


class TestEveryMethodIsThere:
    @pytest.mark.parametrize("module", sorted(path.stem for path in (ROOT / "authsvc/methods").glob("*.py")))
    def test_a_module_has_a_method_in_the_registry(self, module: str):
        assert methods.__file__ is not None
        here = [method.name for method in registry.METHODS if type(method).__module__ == f"authsvc.methods.{module}"]
        without = {"__init__", "base", "registry", *registry.BY_THEMSELVES}
        assert here == ([] if module in without else [module])

    def test_what_is_answered_by_itself_says_how_too(self):
        assert {*registry.BY_THEMSELVES} == {"email_code", "federated"}
        said = {value for amr in registry.BY_THEMSELVES.values() for value in amr}
        assert said - REGISTERED == {"fed"}  # our own: the registry has none for another provider

    @each
    def test_its_name_and_its_members_are_its_own(self, method: Method):
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", method.name)
        assert method.members
        for other in registry.METHODS:
            assert other is method or not (other.name == method.name or other.members & method.members)

    @each
    def test_what_it_says_in_tokens_is_registered(self, method: Method):
        assert method.amr
        assert method.amr <= REGISTERED
        assert ("mfa" in method.amr) == method.is_second_factor


class TestEveryMethodHasItsPieces:
    @each
    def test_a_sign_in_accepts_exactly_the_second_factors(self, method: Method):
        assert (method.members <= SecondFactorSchema().fields.keys()) == method.is_second_factor
        assert len(method.members & set(SecondFactorSchema.PROOFS)) == method.is_second_factor

    @each
    def test_a_re_authentication_accepts_exactly_what_it_may(self, method: Method):
        assert (method.members <= ReauthenticationSchema().fields.keys()) == method.reauthenticates
        assert len(method.members & set(ReauthenticationSchema.PROOFS)) == method.reauthenticates

    def test_no_schema_accepts_what_is_no_method(self):
        known = {member for method in registry.METHODS for member in method.members}
        assert {*SecondFactorSchema.PROOFS, *ReauthenticationSchema.PROOFS} <= known

    @each
    def test_the_pages_and_the_clients_types_name_a_second_factor(self, method: Method):
        if method.is_second_factor:
            assert f'"{method.name}"' in (WEB / "static/account/factor.js").read_text()
            (offered,) = re.findall(r"methods: \((.*)\)\[\];", (WEB / "static/authsvc.d.ts").read_text())
            assert f'"{method.name}"' in offered

    @each
    def test_the_reference_names_a_second_factor(self, method: Method):
        if method.is_second_factor:
            assert f"`{method.name}`" in (ROOT / "docs/reference/errors.md").read_text()


class TestTheJourneysAreAnsweredFromIt:
    def test_a_sign_in_offers_its_methods(self, outside: Callable[..., Any], riddle: Riddle):
        pending = outside(sign_in.by_password, EMAIL, PASSWORD)
        assert isinstance(pending, Pending)
        assert pending.methods == ["totp", "recovery_code", "riddle"]

    def test_a_sign_in_is_completed_by_it_and_the_token_says_so(
        self, app: Flask, outside: Callable[..., Any], riddle: Riddle
    ):
        pending = outside(sign_in.by_password, EMAIL, PASSWORD)
        pair = outside(sign_in.complete, pending.mfa_token, {"answer": "time"})
        with app.app_context():
            assert tokens.describe(pair.access_token)["amr"] == ["pwd", "kba", "mfa"]
        assert riddle.left == 0

    @pytest.mark.parametrize(("word", "left"), [("space", 1), ("time", 0)])
    def test_a_wrong_answer_and_a_spent_one_are_refused_and_recorded(
        self, outside: Callable[..., Any], riddle: Riddle, mongo: Database, word: str, left: int
    ):
        riddle.left = left
        pending = outside(sign_in.by_password, EMAIL, PASSWORD)
        with pytest.raises(MfaCodeInvalid):
            outside(sign_in.complete, pending.mfa_token, {"answer": word})
        (failed,) = mongo.audit.find({"action": "second_factor.failed"})
        assert failed["details"] == {"method": "riddle"}

    def test_re_authentication_suggests_and_accepts_it(
        self, app: Flask, outside: Callable[..., Any], riddle: Riddle, protected: Protected
    ):
        access_token = protected.person.tokens["accessToken"]
        with app.app_context():
            who = sessions.caller({}, tokens.read_access_even_expired(access_token))
        with pytest.raises(SecondFactorRequired) as refusal:
            outside(verify_again, who, {"password": PASSWORD})
        assert refusal.value.extra["methods"] == ["totp", "riddle"]
        fresh, _ = outside(verify_again, who, {"answer": "time"})
        with app.app_context():
            assert {"kba", "mfa"} <= set(tokens.describe(fresh)["amr"])

    def test_no_method_is_offered_that_is_not_in_it(self, outside: Callable[..., Any], monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(registry, "METHODS", [one for one in registry.METHODS if one.name != "totp"])
        assert outside(sign_in.by_password, EMAIL, PASSWORD).methods == ["recovery_code"]

    def test_an_answer_by_no_method_is_a_mistake_of_ours(self):
        with pytest.raises(LookupError):
            registry.method_for({"shoe size": "44"})


class TestTokensSayHow:
    def test_by_every_method_of_its_own(self, protected: Protected, mongo: Database, app: Flask):
        person = protected.person
        signed_in: dict[str, Any] = {
            "password": person.tokens,
            "totp": complete(person.client, ticket(person.client, person), code=protected.app.code()).get_json(),
            "recovery_code": complete(
                person.client, ticket(person.client, person), recoveryCode=protected.recovery_codes[0]
            ).get_json(),
        }
        person.tokens = signed_in["totp"]
        signed_in["passkey"] = sign_in_by(person.client, with_passkey(person, mongo)).get_json()
        assert list(signed_in) == ["password", "totp", "recovery_code", "passkey"]
        assert set(signed_in) == {method.name for method in registry.METHODS}
        with app.app_context():
            for method in registry.METHODS:
                said = set(tokens.describe(signed_in[method.name]["accessToken"])["amr"])
                assert said & method.amr, method.name
                assert said <= method.amr | {"pwd"}, method.name
