"""What each event ends, by the table of `subscribers.revocation`: all is open, one event happens, the rest goes on."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from flask import Flask
from flask.testing import FlaskClient

from authsvc.events import catalogue
from authsvc.events.event import Event
from authsvc.subscribers.revocation import ENDS, ENDS_NOTHING
from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import EMAIL, Database, login
from tests.support.authenticator import Authenticator
from tests.support.console_routes import by_two_factors
from tests.support.factors import Protected, complete, post, register_passkey, with_totp
from tests.support.federation import Traveller, someone
from tests.support.letters import newest
from tests.support.upstreams import Upstream, signing_in_with

NEW = "a brand new passphrase"
MOVED = "moved@example.com"
ELSEWHERE = "0" * 64
"""A browser in which Alice was known before. Where a link is used is known afterwards (U5)."""


@dataclass
class Open:
    """An account with one of everything that is open, and an administrator beside it."""

    own: Person
    other: Person
    app: Flask
    mongo: Database
    device: Authenticator
    protected: Protected
    tickets: tuple[str, str]
    assertion: dict[str, Any]
    access_token: str
    reset: str
    undo: str
    admin: Person

    def works(self) -> dict[str, bool]:
        """Return what still works, each tried as its holder would; trying changes as little as can be."""
        client, account = self.own.client, ObjectId(self.own.id)
        count = {
            purpose: self.mongo.links.count_documents({"user": account, "purpose": purpose}) > 0
            for purpose in ("verify", "change", "reset", "invite", "revert")
        }
        return {
            "own session": self.own.home().status_code == 200,
            "other session": self.other.home().status_code == 200,
            "refresh": self.other.refresh().status_code == 200,
            "access token": self.by_access_token().status_code == 200,
            "device": self.mongo.devices.count_documents({"_id": ELSEWHERE}) > 0,
            "passkey stored": self.mongo.passkeys.count_documents({"user": account}) > 0,
            "ticket by passkey": complete(client, self.tickets[1], **self.assertion).status_code == 200,
            "ticket by code": complete(
                client, self.tickets[0], recoveryCode=self.protected.recovery_codes[0]
            ).status_code
            == 200,
            **{f"{purpose} link": there for purpose, there in count.items()},
        }

    def by_access_token(self) -> Any:
        return self.own.client.get("/auth/me", headers={"Authorization": f"Bearer {self.access_token}"})


@pytest.fixture
def everything(alice: Person, bob: Person, app: Flask, mongo: Database, browser_client: FlaskClient) -> Open:
    """Return Alice's account with everything open, and Bob, who administers."""
    mongo.users.update_one({"_id": ObjectId(bob.id)}, {"$set": {"role": "admin"}})
    admin = bob.login()
    protected = with_totp(alice, mongo)
    device = Authenticator()
    assert register_passkey(alice, device).status_code == 201
    signed_in = complete(alice.client, ticket(alice), recoveryCode=protected.recovery_codes.pop())
    other = replace(alice, tokens=signed_in.get_json())
    by_cookie = login(browser_client).get_json()["mfaToken"]
    answer = browser_client.post(
        "/auth/login/mfa",
        json={"mfaToken": by_cookie, "recoveryCode": protected.recovery_codes.pop(), "transport": "cookie"},
    )
    assert answer.status_code == 200
    # An address that was changed before: its undo link is there.
    assert post(alice, "/auth/me/email", email="before@example.com").status_code == 202
    verify(alice, newest(app, "change", "before@example.com"), **alice.headers)
    assert post(alice, "/auth/me/email", email=EMAIL).status_code == 202
    verify(alice, newest(app, "change", EMAIL), **alice.headers)
    signed_in = complete(alice.client, ticket(alice), recoveryCode=protected.recovery_codes.pop())
    other = replace(alice, tokens=signed_in.get_json())
    mongo.devices.insert_one(
        {"_id": ELSEWHERE, "user": ObjectId(alice.id), "expiresAt": datetime.now(UTC) + timedelta(days=9)}
    )
    made = post(alice, "/auth/access-tokens", name="script", scopes=["account:read"]).get_json()["token"]
    alice.client.post("/auth/password/forgot", json={"email": EMAIL})
    assert post(alice, "/auth/me/email", email=MOVED).status_code == 202
    by_key = ticket(alice)
    options = alice.client.post("/auth/login/passkey/options", json={"mfaToken": by_key}).get_json()
    shown = {"challengeId": options["challengeId"], "credential": device.get(options["publicKey"])}
    return Open(
        alice,
        other,
        app,
        mongo,
        device,
        protected,
        (ticket(alice), by_key),
        shown,
        made,
        newest(app, "reset", EMAIL),
        newest(app, "email_changed", EMAIL),
        admin,
    )


def ticket(person: Person) -> str:
    return str(login(person.client, person.email).get_json()["mfaToken"])


def verify(person: Person, token: str, **headers: str) -> None:
    answer = person.client.post("/auth/email/verify", json={"token": token}, headers=headers)
    assert answer.status_code == 200, answer.text


def ask_for_proof(state: Open) -> str:
    """Let the address be unproved, and ask for the link that proves it."""
    state.mongo.users.update_one({"_id": ObjectId(state.own.id)}, {"$unset": {"emailVerifiedAt": True}})
    state.own.client.post("/auth/email/resend", json={"email": EMAIL})
    return newest(state.app, "verify", EMAIL)


def vouch(state: Open) -> Any:
    state.mongo.users.update_one({"_id": ObjectId(state.own.id)}, {"$unset": {"emailVerifiedAt": True}})
    by_two_factors(state.admin, state.mongo)
    return by_admin(state, "POST", "/verify-email")


def prove_by_a_provider(state: Open) -> Any:
    state.mongo.users.update_one({"_id": ObjectId(state.own.id)}, {"$unset": {"emailVerifiedAt": True}})
    with Upstream() as upstream, signing_in_with(state.app, upstream.settings()):
        return Traveller(state.app.test_client(), upstream).arrive(someone("alice-at-work", EMAIL))


def by_admin(state: Open, method: str, path: str, **body: Any) -> Any:
    path = f"/admin/users/{state.own.id}{path}"
    return state.own.client.open(path, method=method, json=body or None, headers=state.admin.headers)


def own(state: Open, method: str, path: str, **body: Any) -> Any:
    return state.own.client.open(path, method=method, json=body or None, headers=state.own.headers)


def anybody(state: Open, path: str, **body: Any) -> Any:
    return state.own.client.post(path, json=body)


def set_first_password(state: Open) -> Any:
    state.mongo.users.update_one({"_id": ObjectId(state.own.id)}, {"$unset": {"password": True}})
    return own(state, "POST", "/auth/me/password", newPassword=NEW)


HAPPEN: dict[type[Event], Callable[[Open], Any]] = {
    catalogue.SignedOutEverywhere: lambda state: own(state, "DELETE", "/auth/sessions?scope=all"),
    catalogue.SignedOutElsewhere: lambda state: own(state, "DELETE", "/auth/sessions?scope=others"),
    catalogue.SignedOutByAdmin: lambda state: by_admin(state, "DELETE", "/sessions"),
    catalogue.PasswordChanged: lambda state: own(
        state, "POST", "/auth/me/password", currentPassword=PASSWORD, newPassword=NEW
    ),
    catalogue.PasswordSet: set_first_password,
    catalogue.PasswordReset: lambda state: anybody(state, "/auth/password/reset", token=state.reset, newPassword=NEW),
    catalogue.EmailVerified: lambda state: own(state, "POST", "/auth/email/verify", token=ask_for_proof(state)),
    catalogue.EmailVerifiedElsewhere: lambda state: anybody(state, "/auth/email/verify", token=ask_for_proof(state)),
    catalogue.EmailVerifiedByProvider: prove_by_a_provider,
    catalogue.EmailVerifiedByAdmin: vouch,
    catalogue.EmailChanged: lambda state: own(
        state, "POST", "/auth/email/verify", token=newest(state.app, "change", MOVED)
    ),
    catalogue.EmailChangedElsewhere: lambda state: anybody(
        state, "/auth/email/verify", token=newest(state.app, "change", MOVED)
    ),
    catalogue.EmailChangeCancelled: lambda state: own(state, "DELETE", "/auth/me/email"),
    catalogue.EmailChangeReverted: lambda state: anybody(state, "/auth/email/revert", token=state.undo),
    catalogue.SecondFactorsReset: lambda state: by_admin(state, "DELETE", "/mfa"),
    catalogue.AccessTokensRevoked: lambda state: by_admin(state, "DELETE", "/access-tokens"),
    catalogue.AccountDisabled: lambda state: by_admin(state, "PATCH", "", disabled=True),
    catalogue.AccountDeleted: lambda state: own(state, "DELETE", "/auth/me"),
}
"""How each event comes about, over HTTP."""

WITHOUT_FACTORS = {
    catalogue.EmailVerifiedElsewhere,
    catalogue.EmailVerifiedByProvider,
    catalogue.EmailChangedElsewhere,
    catalogue.EmailChangeReverted,
    catalogue.SecondFactorsReset,
}
"""What takes the factors themselves too, in the write that makes the change."""


def expected(event: type[Event]) -> dict[str, bool]:
    """Return what goes on working by the table."""
    ends = ENDS[event]
    gone = event in (catalogue.AccountDisabled, catalogue.AccountDeleted)
    others = ends.sessions is None
    links = {purpose: purpose not in ends.links for purpose in ("verify", "change", "reset", "invite", "revert")}
    there = {"verify": False, "change": True, "reset": True, "invite": False, "revert": True}
    left = {f"{purpose} link": links[purpose] and there[purpose] for purpose in links}
    return {
        "own session": others or ends.keeps_own,
        "other session": others,
        "refresh": others,
        "access token": not (ends.access_tokens or gone),
        "device": not ends.devices,
        "passkey stored": event not in WITHOUT_FACTORS and event is not catalogue.AccountDeleted,
        "ticket by passkey": not ends.tickets,
        "ticket by code": not ends.tickets,
        **left,
    }


class TestU8EveryEventEndsWhatItsRowSays:
    def test_u8_every_event_has_a_row_and_comes_about(self):
        """What ends only what apps have is tried in tests/oauth/test_endings.py."""
        of_apps = {"apps": None, "of_app": False, "children": None, "grants": False}
        own = {event for event, ends in ENDS.items() if replace(ends, **of_apps) != ENDS_NOTHING}
        assert own == set(HAPPEN)

    def test_u8_everything_is_open_before(self, everything: Open):
        works = everything.works()
        assert [what for what, does in works.items() if not does] == ["verify link", "invite link"]

    @pytest.mark.slow
    @pytest.mark.parametrize("event", HAPPEN)
    def test_u8_what_still_works_is_what_the_table_leaves_and_the_reason_is_told(
        self, everything: Open, event: type[Event]
    ):
        answer = HAPPEN[event](everything)
        assert answer.status_code in (200, 204), answer.text
        wanted = expected(event)
        if event is catalogue.EmailChangeReverted:
            wanted |= {"reset link": True, "revert link": False}  # the way in, and what was used
        if event in (catalogue.EmailVerifiedElsewhere, catalogue.EmailChangedElsewhere):
            wanted["reset link"] = True  # the link that proved the address sets the password
        if ENDS[event].sessions is not None:
            assert problem(everything.other.home(), 401, "session_ended")["reason"] == ENDS[event].sessions
        assert everything.works() == wanted

    @pytest.mark.slow
    @pytest.mark.parametrize("event", [event for event in HAPPEN if ENDS[event].sessions is not None])
    def test_u8_a_change_that_was_asked_for_elsewhere_dies_with_its_session(self, everything: Open, event: type[Event]):
        """Its link is not in the table: it is good only while the session that asked is."""
        other = everything.other
        assert post(other, "/auth/me/email", email="elsewhere@example.com").status_code == 202
        token = newest(everything.app, "change", "elsewhere@example.com")
        if event in (catalogue.EmailChanged, catalogue.EmailChangedElsewhere):
            assert post(everything.own, "/auth/me/email", email=MOVED).status_code == 202  # in the place of that
        HAPPEN[event](everything)
        problem(anybody(everything, "/auth/email/verify", token=token), 400, "link_invalid")


class TestU8SignInsHalfDone:
    """Signing out everywhere leaves no ticket of the first factor; a new sign-in is not hindered."""

    @pytest.mark.parametrize("scope", ["all", "others"])
    def test_u8_a_ticket_does_not_outlive_it(self, alice: Person, mongo: Database, scope: str):
        protected = with_totp(alice, mongo)
        before = ticket(alice)
        assert own_sessions(alice, scope).status_code == 204
        problem(complete(alice.client, before, code=protected.app.code()), 401, "mfa_token_invalid")
        assert complete(alice.client, ticket(alice), code=protected.app.code()).status_code == 200

    def test_u8_the_command_does_the_same(self, alice: Person, app: Flask, mongo: Database):
        protected = with_totp(alice, mongo)
        before = ticket(alice)
        assert app.test_cli_runner().invoke(args=["sessions", "end", EMAIL, "--yes"]).exit_code == 0
        problem(complete(alice.client, before, code=protected.app.code()), 401, "mfa_token_invalid")

    def test_u8_tickets_of_others_stay(self, alice: Person, bob: Person, mongo: Database):
        protected = with_totp(bob, mongo)
        of_bob = ticket(bob)
        assert own_sessions(alice, "all").status_code == 204
        assert complete(bob.client, of_bob, code=protected.app.code()).status_code == 200


def own_sessions(person: Person, scope: str) -> Any:
    return person.client.delete(f"/auth/sessions?scope={scope}", headers=person.headers)
