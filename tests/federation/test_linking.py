"""Whose account an identity is: the table of linking, row by row, with squatters of both kinds. O58, O59."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from pymongo.database import Database as MongoDatabase

from authsvc.models.links import LinkPurpose
from authsvc.models.users import User
from authsvc.services import links
from authsvc.services.users import state
from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import login
from tests.support.factors import complete, post, verified, with_passkey, with_totp
from tests.support.federation import CAROL, Traveller, someone
from tests.support.upstreams import Upstream, signing_in_with

Database = MongoDatabase[dict[str, Any]]
ALICE = someone("alice-at-work", "alice@example.com", name="Alice W.")


@pytest.fixture
def trusted(app: Flask, upstream: Upstream) -> Iterator[Upstream]:
    """Let the provider be one whose word is enough to join accounts."""
    with signing_in_with(app, upstream.settings(trusted=True)):
        yield upstream


@contextmanager
def verification(app: Flask, mode: str) -> Iterator[None]:
    """Let addresses be verified in this way."""
    before = app.config["EMAIL_VERIFICATION"]
    app.config["EMAIL_VERIFICATION"] = mode
    try:
        yield
    finally:
        app.config["EMAIL_VERIFICATION"] = before


def actions(mongo: Database) -> list[str]:
    """Return what is on record, oldest first."""
    return [one["action"] for one in mongo.audit.find().sort("_id", 1)]


class TestDomains:
    """R115: a provider whose addresses are those of an organization, and somebody without one of them."""

    @pytest.fixture(autouse=True)
    def organization(self, app: Flask, upstream: Upstream) -> Iterator[None]:
        """Let only addresses of one domain come from the provider."""
        with signing_in_with(app, upstream.settings(domains=("example.com", "xn--bcher-kva.example"))):
            yield

    @pytest.mark.parametrize("email", ["carol@example.com", "Carol@EXAMPLE.com", "carol@bücher.example"])
    def test_r115_whoever_has_one_signs_in(self, traveller: Traveller, email: str):
        assert traveller.signed_in(traveller.arrive(someone(email=email)))["emailVerified"] is True

    @pytest.mark.parametrize(
        "who",
        [
            someone(email=None),
            someone(email=""),
            someone(email="carol@example.com", email_verified=False),
            someone(email="carol@example.com", email_verified="true"),
            someone(email="carol@sub.example.com"),
            someone(email="carol@example.com.evil.example"),
            someone(email="carol@evilexample.com"),
            someone(email="carol@evil.example@example.org"),
            someone(email='"carol@example.com"@example.org'),
            someone(email="carol"),
        ],
        ids=lambda who: str((who.get("email"), who["email_verified"])),
    )
    def test_r115_nobody_else_does_also_without_an_address(
        self, traveller: Traveller, mongo: Database, who: dict[str, Any]
    ):
        problem(traveller.arrive(who), 403, "provider_refused")
        assert mongo.users.count_documents({}) == 0
        assert mongo.federation_attempts.count_documents({}) == 0

    def test_r115_whoever_leaves_it_is_let_in_no_longer(self, traveller: Traveller, mongo: Database):
        traveller.signed_in(traveller.arrive())
        problem(traveller.arrive(someone(email="carol@elsewhere.example")), 403, "provider_refused")
        problem(traveller.arrive(someone(email="carol@elsewhere.example"), "link"), 403, "provider_refused")
        assert mongo.sessions.count_documents({}) == 1


class TestNoAccountWithTheAddress:
    """O58: a new account, whose address is proved."""

    @pytest.mark.parametrize("mode", ["off", "optional", "required"])
    def test_it_is_made_in_every_mode(self, app: Flask, traveller: Traveller, mongo: Database, mode: str):
        with verification(app, mode):
            user = traveller.signed_in(traveller.arrive())
        assert user["emailVerified"] is True
        assert mongo.letters.count_documents({}) == 0
        assert actions(mongo) == ["account.registered", "login.succeeded"]
        assert mongo.audit.find_one({"action": "account.registered"})["details"] == {"provider": "work"}

    @pytest.mark.parametrize(
        ("told", "name"),
        [
            ({"name": "Carol C."}, "Carol C."),
            ({"name": None}, "carol"),
            ({"name": "\u202e"}, "carol"),
            ({"name": 7}, "carol"),
        ],
        ids=["a name", "none", "one of no characters", "a number"],
    )
    def test_the_name_is_one(self, traveller: Traveller, told: dict[str, Any], name: str):
        assert traveller.signed_in(traveller.arrive(someone(**told)))["name"] == name

    def test_an_address_that_somebody_may_take_back_is_taken(
        self, traveller: Traveller, alice: Person, mongo: Database
    ):
        """Whoever changed away from it lately is not robbed of it."""
        verified(mongo, alice)
        with traveller.client.application.app_context():
            user = User.find(alice.id)
            assert user is not None
            links.issue(LinkPurpose.REVERT, user, "former@example.com")
        problem(traveller.arrive(someone(email="former@example.com")), 409, "email_taken")
        assert mongo.users.count_documents({}) == 1


class TestNoVerifiedAddress:
    """O58, R110: it waits until somebody has proved an address, and signed in."""

    UNVERIFIED = pytest.mark.parametrize(
        "told",
        [
            {"email": None},
            {"email_verified": False},
            {"email_verified": "true"},
            {"email_verified": None},
            {"email": "x"},
        ],
        ids=["no address", "not verified", "text", "not said", "no address at all"],
    )

    @UNVERIFIED
    def test_nothing_is_made_and_an_address_is_asked_for(
        self, traveller: Traveller, alice: Person, mongo: Database, told: dict[str, Any]
    ):
        """Whether there is an account with the address shows in nothing."""
        answer = traveller.arrive(someone(**{"email": "alice@example.com", **told}), returnTo="/there")
        assert answer.status_code == 202
        asked = answer.get_json()
        assert set(asked) == {"emailRequired", "returnTo"}
        assert set(asked["emailRequired"]) == {"token", "name"}
        assert asked["returnTo"] == "/there"
        assert mongo.users.count_documents({}) == 1
        assert mongo.users.count_documents({"linkedIdentities": {"$exists": True}}) == 0

    def test_whoever_proves_an_address_has_it_linked(self, traveller: Traveller, alice: Person, mongo: Database):
        token = traveller.arrive(someone(email=None)).get_json()["emailRequired"]["token"]
        traveller.headers = alice.headers
        problem(traveller.confirm(token), 403, "email_unverified")  # letter first
        verified(mongo, alice)
        answer = traveller.confirm(token)
        assert answer.status_code == 200
        assert answer.get_json()["identity"]["provider"] == "work"
        traveller.headers = {}
        assert traveller.signed_in(traveller.arrive(someone(email=None)))["id"] == alice.id

    def test_where_nobody_proves_addresses_any_account_will_do(self, app: Flask, traveller: Traveller, alice: Person):
        with verification(app, "off"):
            token = traveller.arrive(someone(email=None)).get_json()["emailRequired"]["token"]
            traveller.headers = alice.headers
            assert traveller.confirm(token).status_code == 200


class TestAnAccountWithAProvedAddress:
    """O58: whoever has the address at the provider signs in here once; then it is linked."""

    def test_it_waits_for_a_sign_in(self, traveller: Traveller, alice: Person, mongo: Database):
        verified(mongo, alice)
        answer = traveller.arrive(ALICE, returnTo="/there")
        assert answer.status_code == 202
        asked = answer.get_json()
        assert asked["confirmLink"].pop("token").startswith("asf_")
        assert asked == {
            "confirmLink": {"email": "alice@example.com", "name": "Alice W.", "methods": ["password"]},
            "returnTo": "/there",
        }
        assert mongo.sessions.count_documents({}) == 1
        assert mongo.users.count_documents({"linkedIdentities": {"$exists": True}}) == 0

    def test_after_that_it_is_linked_and_signs_in(self, traveller: Traveller, alice: Person, mongo: Database):
        verified(mongo, alice)
        token = traveller.arrive(ALICE).get_json()["confirmLink"]["token"]
        traveller.headers = alice.login().headers
        assert traveller.confirm(token).get_json()["identity"]["email"] == "alice@example.com"
        problem(traveller.confirm(token), 410, "request_gone")
        (letter,) = mongo.letters.find({"kind": "identity_linked"})
        assert letter["to"] == "alice@example.com"
        assert "identity.linked" in actions(mongo)
        traveller.headers = {}
        assert traveller.signed_in(traveller.arrive(ALICE))["id"] == alice.id
        assert alice.login()

    def test_only_that_account_may_confirm_it(self, traveller: Traveller, alice: Person, bob: Person, mongo: Database):
        verified(mongo, alice)
        verified(mongo, bob)
        token = traveller.arrive(ALICE).get_json()["confirmLink"]["token"]
        traveller.headers = bob.headers
        problem(traveller.confirm(token), 409, "link_confirmation_required")
        traveller.headers = alice.headers
        assert traveller.confirm(token).status_code == 200  # nothing was used up

    def test_only_in_the_browser_where_it_waits(
        self, traveller: Traveller, elsewhere: Traveller, alice: Person, mongo: Database
    ):
        """Else a stranger's token could be confirmed in somebody's session."""
        verified(mongo, alice)
        token = traveller.arrive(ALICE).get_json()["confirmLink"]["token"]
        elsewhere.headers = alice.headers
        problem(elsewhere.confirm(token), 410, "request_gone")

    def test_it_takes_a_fresh_sign_in(self, traveller: Traveller, alice: Person, mongo: Database):
        verified(mongo, alice)
        token = traveller.arrive(ALICE).get_json()["confirmLink"]["token"]
        mongo.sessions.update_many({}, [{"$set": {"authTime": {"$subtract": ["$authTime", 700_000]}}}])
        traveller.headers = alice.headers
        problem(traveller.confirm(token), 403, "fresh_login_required")

    def test_a_second_factor_is_not_left_out(self, traveller: Traveller, alice: Person, mongo: Database):
        protected = with_totp(alice, mongo)
        token = traveller.arrive(ALICE).get_json()["confirmLink"]["token"]
        pending = login(traveller.client, alice.email, PASSWORD)
        assert pending.status_code == 202
        done = complete(traveller.client, pending.get_json()["mfaToken"], recoveryCode=protected.recovery_codes[0])
        traveller.signed_in(done)
        assert traveller.confirm(token).status_code == 200

    def test_a_trusted_provider_is_linked_at_once(
        self, trusted: Upstream, traveller: Traveller, alice: Person, mongo: Database
    ):
        verified(mongo, alice)
        assert traveller.signed_in(traveller.arrive(ALICE))["id"] == alice.id
        assert alice.login()  # nothing is taken from it
        assert alice.home().status_code == 200
        assert mongo.letters.count_documents({"kind": "identity_linked"}) == 1

    def test_a_trusted_provider_does_not_replace_a_second_factor(
        self, trusted: Upstream, traveller: Traveller, alice: Person, mongo: Database
    ):
        with_totp(alice, mongo)
        assert traveller.arrive(ALICE).get_json()["mfaRequired"] is True

    def test_methods_name_what_the_account_has(
        self, app: Flask, upstream: Upstream, traveller: Traveller, alice: Person, mongo: Database
    ):
        with_passkey(alice, mongo)
        traveller.headers = alice.headers
        assert traveller.arrive(someone("other"), intent="link").status_code == 200
        traveller.headers = {}
        asked = traveller.arrive(ALICE).get_json()["confirmLink"]
        assert asked["methods"] == ["password", "passkey", "work"]


class TestAnAccountWithAnAddressThatNobodyProved:
    """O58, R112: whoever proves it gets the account, and nothing that was set up there before opens it."""

    @pytest.mark.parametrize("mode", ["off", "optional", "required"])
    def test_a_squatter_by_password_is_out(
        self, app: Flask, traveller: Traveller, alice: Person, mongo: Database, mode: str
    ):
        with verification(app, mode):
            user = traveller.signed_in(traveller.arrive(ALICE))
            assert user["id"] == alice.id
            assert user["emailVerified"] is True
            problem(login(alice.client, alice.email, PASSWORD), 401, "invalid_credentials")
            assert problem(alice.home(), 401, "session_ended")["reason"] == "email_verified"
            problem(alice.refresh(), 401, "session_ended")
        (stored,) = mongo.users.find()
        assert "password" not in stored
        assert mongo.access_tokens.count_documents({"revokedAt": None}) == 0
        assert "email.verified" in actions(mongo)

    def test_a_squatter_by_identity_is_out(
        self, traveller: Traveller, elsewhere: Traveller, alice: Person, mongo: Database
    ):
        """The squatter signed up with somebody's address, and linked an identity of their own."""
        elsewhere.headers = alice.headers
        assert elsewhere.arrive(someone("squatter", "squatter@example.com"), intent="link").status_code == 200
        elsewhere.headers = {}
        user = traveller.signed_in(traveller.arrive(ALICE))
        assert user["id"] == alice.id
        (identity,) = traveller.identities()
        assert identity["email"] == "alice@example.com"
        squatter = elsewhere.signed_in(elsewhere.arrive(someone("squatter", "squatter@example.com")))
        assert squatter["id"] != alice.id

    def test_links_tokens_and_factors_of_before_are_gone(self, traveller: Traveller, alice: Person, mongo: Database):
        protected = with_totp(alice, mongo)
        with_passkey(alice, mongo)
        made = post(alice, "/auth/access-tokens", name="x", scopes=["account:read"]).get_json()["token"]
        mongo.users.update_one({}, {"$unset": {"emailVerifiedAt": 1}})
        pending = login(alice.client, alice.email, PASSWORD).get_json()["mfaToken"]
        traveller.signed_in(traveller.arrive(ALICE))
        assert alice.client.get("/auth/me", headers={"Authorization": f"Bearer {made}"}).status_code == 401
        problem(complete(alice.client, pending, recoveryCode=protected.recovery_codes[0]), 401, "mfa_token_invalid")
        assert mongo.passkeys.count_documents({}) == 0
        (stored,) = mongo.users.find()
        assert not {"totp", "passkeys", "recoveryCodeHashes", "password"} & set(stored)

    def test_a_link_that_a_squatter_began_is_void(
        self, traveller: Traveller, elsewhere: Traveller, alice: Person, mongo: Database
    ):
        elsewhere.headers = alice.headers
        brought = elsewhere.visit(someone("squatter", "squatter@example.com"), intent="link")
        traveller.signed_in(traveller.arrive(ALICE))
        elsewhere.headers = {}
        problem(elsewhere.complete(brought), 401, "session_ended")
        assert len(traveller.identities()) == 1

    def test_somebody_who_was_invited_is_in(self, traveller: Traveller, admin: Person, mongo: Database):
        invited = post(admin, "/admin/users", name="Carol", email="carol@example.com", role="user")
        assert invited.status_code == 201
        user = traveller.signed_in(traveller.arrive())
        assert user["id"] == invited.get_json()["id"]
        assert mongo.links.count_documents({"purpose": "invite"}) == 0


class TestADisabledAccount:
    """O58: it gets nothing, and nobody is told before they have proved that it is theirs."""

    def test_one_with_the_identity(self, app: Flask, traveller: Traveller, mongo: Database):
        user = traveller.signed_in(traveller.arrive())
        with app.app_context():
            state.disable(None, user["id"])
        problem(traveller.arrive(), 403, "account_disabled")
        assert mongo.audit.find_one({"action": "login.failed"})["details"] == {"reason": "account_disabled"}

    def test_one_with_the_proved_address_looks_like_any_other(
        self, app: Flask, traveller: Traveller, alice: Person, mongo: Database
    ):
        verified(mongo, alice)
        before = traveller.arrive(ALICE).get_json()
        with app.app_context():
            state.disable(None, alice.id)
        after = traveller.arrive(ALICE).get_json()
        for one in (before, after):
            del one["confirmLink"]["token"]
        assert before == after

    @pytest.mark.parametrize("proved", [True, False], ids=["trusted", "unproved"])
    def test_one_that_would_be_joined_at_once(
        self, app: Flask, trusted: Upstream, traveller: Traveller, alice: Person, mongo: Database, proved: bool
    ):
        if proved:
            verified(mongo, alice)
        with app.app_context():
            state.disable(None, alice.id)
        problem(traveller.arrive(ALICE), 403, "account_disabled")
        assert mongo.users.count_documents({"linkedIdentities": {"$exists": True}}) == 0
        assert mongo.users.find_one()["password"]


class TestSomebodyWhoIsSignedIn:
    """O58: they link whatever identity they show, in a fresh session."""

    def test_the_address_does_not_matter(self, traveller: Traveller, alice: Person, mongo: Database):
        verified(mongo, alice)
        traveller.headers = alice.headers
        answer = traveller.arrive(someone("any", "any@example.com"), intent="link", returnTo="/there")
        assert answer.status_code == 200
        linked = answer.get_json()
        assert set(linked) == {"identity", "returnTo"}
        assert linked["identity"]["email"] == "any@example.com"
        assert mongo.letters.count_documents({"kind": "identity_linked", "to": "alice@example.com"}) == 1
        traveller.headers = {}
        assert traveller.signed_in(traveller.arrive(someone("any", None)))["id"] == alice.id

    def test_one_of_another_account_is_not_moved(self, traveller: Traveller, alice: Person, mongo: Database):
        carol = traveller.signed_in(traveller.arrive())
        traveller.headers = alice.headers
        problem(traveller.arrive(intent="link"), 409, "identity_taken")
        traveller.headers = {}
        assert traveller.signed_in(traveller.arrive())["id"] == carol["id"]

    def test_one_that_is_linked_stays_as_it_is(self, traveller: Traveller, alice: Person, mongo: Database):
        traveller.headers = alice.headers
        first, second = (traveller.arrive(intent="link").get_json()["identity"] for _ in range(2))
        assert first["id"] == second["id"]
        assert actions(mongo).count("identity.linked") == 1

    def test_not_in_a_session_that_is_not_fresh(self, traveller: Traveller, alice: Person, mongo: Database):
        traveller.headers = alice.headers
        brought = traveller.visit(intent="link")
        mongo.sessions.update_many({}, [{"$set": {"authTime": {"$subtract": ["$authTime", 700_000]}}}])
        problem(traveller.begin("link"), 403, "fresh_login_required")
        problem(traveller.complete(brought), 403, "fresh_login_required")

    def test_r113_not_to_the_account_that_is_signed_in_by_now(
        self, traveller: Traveller, alice: Person, bob: Person, mongo: Database
    ):
        traveller.headers = alice.headers
        brought = traveller.visit(intent="link")
        traveller.headers = bob.headers
        assert traveller.complete(brought).status_code == 200
        assert mongo.users.find_one({"linkedIdentities": {"$exists": True}})["email"] == alice.email

    def test_twenty_at_most(self, traveller: Traveller, alice: Person, mongo: Database):
        traveller.headers = alice.headers
        for number in range(20):
            assert traveller.arrive(someone(f"s{number}"), intent="link").status_code == 200
        problem(traveller.arrive(someone("one more"), intent="link"), 422, "validation_failed")
        assert len(mongo.users.find_one()["linkedIdentities"]) == 20


class TestAnAddressThatHasToBeProvedFirst:
    """With `EMAIL_VERIFICATION=required`, as after a password."""

    def test_an_identity_that_was_linked_before_does_not_replace_the_proof(
        self, app: Flask, traveller: Traveller, alice: Person, mongo: Database
    ):
        traveller.headers = alice.headers
        assert traveller.arrive(someone("own", None), intent="link").status_code == 200
        traveller.headers = {}
        with verification(app, "required"):
            problem(traveller.arrive(someone("own", None)), 403, "email_unverified")
        assert mongo.audit.find_one({"action": "login.failed"})["details"] == {"reason": "email_unverified"}


class TestWhoIsWho:
    """O59, R109: an identity is an issuer and a subject."""

    def test_the_same_subject_of_another_issuer_is_somebody_else(
        self, app: Flask, traveller: Traveller, upstream: Upstream
    ):
        carol = traveller.signed_in(traveller.arrive())
        with Upstream() as other, signing_in_with(app, upstream.settings(), other.settings("home", label="Home")):
            stranger = Traveller(app.test_client(), other, "home")
            assert stranger.arrive(someone(email=None)).get_json().keys() >= {"emailRequired"}
            asked = stranger.arrive(CAROL).get_json()["confirmLink"]
            assert asked["email"] == "carol@example.com"
            assert asked["methods"] == ["work"]
            assert carol["id"]

    def test_an_address_that_changes_at_the_provider_changes_nothing_here(
        self, traveller: Traveller, elsewhere: Traveller, alice: Person, mongo: Database
    ):
        verified(mongo, alice)
        carol = traveller.signed_in(traveller.arrive())
        moved = elsewhere.signed_in(elsewhere.arrive(someone(email="alice@example.com")))
        assert (moved["id"], moved["email"]) == (carol["id"], "carol@example.com")
        (identity,) = elsewhere.identities()
        assert identity["email"] == "alice@example.com"

    def test_a_new_subject_with_an_old_address_is_not_let_in(self, traveller: Traveller, elsewhere: Traveller):
        """Addresses are handed on, in companies above all."""
        traveller.signed_in(traveller.arrive())
        answer = elsewhere.arrive(someone("successor"))
        assert answer.status_code == 202
        assert "confirmLink" in answer.get_json()

    def test_case_and_form_of_the_address_do_not_matter(self, traveller: Traveller, alice: Person, mongo: Database):
        verified(mongo, alice)
        mongo.users.update_one({}, {"$set": {"email": "Alice@Example.com"}})
        assert "confirmLink" in traveller.arrive(someone(email="ALICE@example.COM")).get_json()
