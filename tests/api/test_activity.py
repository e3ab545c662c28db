"""What is put on record, and what of it an account's owner sees. R28, R54, R96."""

from typing import Any

import pytest
import time_machine
from flask import Flask
from pymongo.errors import AutoReconnect

from authsvc.events import catalogue
from authsvc.models.audit import AuditEvent
from authsvc.models.users import User
from authsvc.services import passwords, signing_keys
from authsvc.services.users import state
from tests.api.forging import claims_of, now
from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import Database, login, throttled
from tests.support.authenticator import Authenticator
from tests.support.factors import complete, register_passkey, sign_in_by, ticket, with_passkey, with_totp
from tests.support.letters import newest, sent

WRONG = "not the right phrase"
NEW = "another good password"
NO_ADDRESS = "nobody@example.com"


def activity(person: Person, query: str = "") -> dict[str, Any]:
    """Return the answer to a look at one's own activity."""
    answer = person.client.get(f"/auth/me/activity{query}", headers=person.headers)
    assert answer.status_code == 200, answer.text
    return dict(answer.get_json())


def actions(person: Person) -> list[str]:
    """Return what happened to somebody's account, newest first."""
    return [item["action"] for item in activity(person)["items"]]


OF_APPS = ("app.", "grant.")
IN_OTHER_WAYS = ("identity.", "email_code.", "login.code_", "password.set")
"""Of signing in without a password: `tests/federation`, `test_email_codes` and `test_without_password`."""
OF_FACTORS = {
    catalogue.SecondFactorAsked.name,
    catalogue.SecondFactorFailed.name,
    catalogue.TotpEnabled.name,
    catalogue.TotpDisabled.name,
    catalogue.RecoveryCodesReplaced.name,
    catalogue.RecoveryCodeUsed.name,
    catalogue.PasskeyAdded.name,
    catalogue.PasskeyRenamed.name,
    catalogue.PasskeyRemoved.name,
    catalogue.PasskeyCopied.name,
    catalogue.SecondFactorRequired.name,
    catalogue.SecondFactorsReset.name,
}


def check_unchanged(person: Person) -> None:
    """Assert that password, address and session are what they were."""
    me = person.client.get("/auth/me", headers=person.headers)
    assert (me.status_code, me.get_json()["email"]) == (200, person.email)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AuditEvent, "insert_all", lambda _: None)
        assert login(person.client, person.email, NEW).status_code == 401
        assert login(person.client, person.email).status_code == 200


OF_THE_ACCOUNT = {
    catalogue.AccountDeleted.name,
    catalogue.AccountExported.name,
    catalogue.PasswordIncorrect.name,
    catalogue.PasswordReset.name,
    catalogue.PasswordResetRequested.name,
    catalogue.EmailVerified.name,
    catalogue.EmailChanged.name,
    catalogue.EmailChangeRequested.name,
    catalogue.EmailChangeCancelled.name,
    catalogue.EmailChangeReverted.name,
    catalogue.VerificationRequested.name,
    catalogue.Reauthenticated.name,
}


class TestRecord:
    def test_a_sign_in(self, alice: Person, mongo: Database):
        headers = {"User-Agent": "browser/1.0", "X-Request-ID": "request-0001"}
        body = {"email": alice.email, "password": alice.password}
        alice.client.post("/auth/login", json=body, headers=headers)
        (event,) = mongo.audit.find({"requestId": "request-0001"})
        session = mongo.sessions.find_one({"userAgent": "browser/1.0"})
        assert session is not None
        assert event.pop("_id")
        assert abs(event.pop("at").timestamp() - now()) < 10
        assert event == {
            "action": "login.succeeded",
            "actor": session["user"],
            "target": session["user"],
            "ip": "127.0.0.1",
            "userAgent": "browser/1.0",
            "requestId": "request-0001",
            "outcome": "success",
            "details": {"session": str(session["_id"]), "methods": ["pwd"]},
        }

    def test_one_that_fails_on_a_known_account_and_on_none(self, alice: Person, mongo: Database):
        for email, target in ((alice.email, alice.id), (NO_ADDRESS, "None")):
            mongo.audit.delete_many({})
            login(alice.client, email, WRONG)
            (event,) = mongo.audit.find()
            assert (event["action"], event["outcome"]) == ("login.failed", "failure")
            assert (str(event.get("target")), event.get("actor")) == (target, None)
            assert event["details"] == {"reason": "invalid_credentials"}
            assert email not in repr(event)

    def test_what_is_throttled_once_in_a_window(self, alice: Person, app: Flask, mongo: Database):
        """A flood does not fill the record."""
        with throttled(app, login_device=1):
            for _ in range(5):
                login(alice.client, alice.email, WRONG)
        (event,) = mongo.audit.find({"action": "attempts.throttled"})
        assert (str(event["target"]), event["details"]) == (alice.id, {"limit": "login_device"})

    def test_a_theft_is_recorded(self, alice: Person, mongo: Database):
        """R54"""
        alice.refresh()
        with time_machine.travel(now() + 60, tick=True):
            assert alice.refresh().status_code == 401
        (event,) = mongo.audit.find({"action": "refresh_token.reused"})
        assert (str(event["target"]), event["outcome"]) == (alice.id, "failure")

    def test_every_other_action(
        self, alice: Person, app: Flask, mongo: Database, own_ring: None, monkeypatch: pytest.MonkeyPatch
    ):
        """Each by who does it; the whole list is tried."""
        monkeypatch.setattr(signing_keys, "SHORTEST_LEAD", signing_keys.SHORTEST_LEAD / 16)
        runner = app.test_cli_runner()
        headers = alice.headers
        alice.client.patch("/auth/me", json={"name": "Al"}, headers=headers)
        made = {"name": "script", "scopes": ["account:read"]}
        token = alice.client.post("/auth/access-tokens", json=made, headers=headers).get_json()
        alice.client.delete(f"/auth/access-tokens/{token['id']}", headers=headers)
        alice.login()
        alice.client.delete("/auth/sessions?scope=others", headers=headers)
        alice.client.delete("/auth/logout", headers=headers)
        assert runner.invoke(args=["keys", "rotate", "--lead", "8"]).exit_code == 0
        assert runner.invoke(args=["keys", "retire", "1", "--yes"]).exit_code == 0
        assert runner.invoke(args=["keys", "reseal"]).exit_code == 0
        assert runner.invoke(args=["db", "note-backup"]).exit_code == 0
        everybody = runner.invoke(args=["users", "export", "-", "--yes"]).stdout
        assert runner.invoke(args=["users", "import", "-"], input=everybody).exit_code == 0
        with app.app_context():
            user = User.find(alice.id)
            assert user is not None
            assert passwords.replace(user, "another good password")
            state.disable(None, alice.id)
        for command in (
            ("create", "root@example.com", "--name", "Root", "--invite"),
            ("create", "other@example.com", "--name", "Other", "--password-stdin"),
            ("promote", "other@example.com"),
            ("enable", alice.email),
        ):
            assert runner.invoke(args=["users", *command], input=f"{PASSWORD}\n").exit_code == 0
        found = {event["action"]: event for event in mongo.audit.find()}
        elsewhere = {
            catalogue.LoginFailed.name,
            catalogue.AttemptsThrottled.name,
            catalogue.RefreshTokenReused.name,
            catalogue.SessionOutdated.name,
        }
        elsewhere |= {catalogue.RegistrationRepeated.name, *OF_THE_ACCOUNT, *OF_FACTORS}
        elsewhere |= {name for name in catalogue.names() if name.startswith(OF_APPS)}  # tests/oauth/test_records.py
        elsewhere |= {name for name in catalogue.names() if name.startswith("webhook.")}  # tests/webhooks
        elsewhere |= {
            catalogue.LetterRetried.name,
            catalogue.LetterDropped.name,
            catalogue.SigningKeysReset.name,
        }  # tests/cli
        elsewhere |= {name for name in catalogue.names() if name.startswith(IN_OTHER_WAYS)}
        assert set(found) == set(catalogue.names()) - elsewhere
        assert {event["outcome"] for event in found.values()} == {"success"}
        assert found["signing_key.rotated"]["userAgent"].endswith("keys rotate")
        assert {str(found[name]["actor"]) for name in ("profile.changed", "access_token.issued")} == {alice.id}
        assert found["account.disabled"].get("actor") is None
        assert PASSWORD not in repr(found)
        assert token["token"] not in repr(found)

    def test_the_life_of_an_account(self, alice: Person, app: Flask, mongo: Database):
        """R96: every action of it, by who did it."""
        client, headers = alice.client, alice.headers

        def post(path: str, **body: str) -> None:
            assert client.post(path, json=body, headers=headers).status_code < 500

        post("/auth/reauthenticate", password="not the right phrase")
        post("/auth/reauthenticate", password=PASSWORD)
        post("/auth/email/resend", email=alice.email)
        post("/auth/email/verify", token=newest(app, "verify"))
        post("/auth/me/email", email="other@example.com")
        client.delete("/auth/me/email", headers=headers)
        post("/auth/me/email", email="new@example.com")
        post("/auth/email/verify", token=newest(app, "change"))
        post("/auth/email/revert", token=newest(app, "email_changed"))
        post("/auth/password/forgot", email=alice.email)
        secret = newest(app, "reset")
        post("/auth/password/reset", token=secret, newPassword="another good password")
        again = Person(client, alice.email, "another good password").login()
        client.get("/auth/me/export", headers=again.headers)
        client.delete("/auth/me", headers=again.headers)
        found = {event["action"]: event for event in mongo.audit.find()}
        assert set(OF_THE_ACCOUNT) <= set(found)
        assert {str(found[action]["target"]) for action in OF_THE_ACCOUNT} == {alice.id}
        assert found["password.incorrect"]["outcome"] == "failure"
        assert secret not in repr(found)

    def test_the_second_factors(self, alice: Person, bob: Person, mongo: Database):
        """R96: every action on them, whose they are, and by whom."""
        device, protected = with_passkey(alice, mongo), with_totp(alice, mongo)
        client = alice.client
        complete(client, ticket(client, alice), code="000000")
        complete(client, ticket(client, alice), recoveryCode=protected.recovery_codes[0])
        client.post("/auth/mfa/recovery-codes", headers=alice.headers)
        passkey = client.get("/auth/passkeys", headers=alice.headers).get_json()["items"][0]["id"]
        client.patch(f"/auth/passkeys/{passkey}", json={"name": "desk"}, headers=alice.headers)
        sign_in_by(client, device, sign_count=7)
        sign_in_by(client, device, sign_count=7)
        register_passkey(alice, Authenticator())
        passkey = client.get("/auth/passkeys", headers=alice.headers).get_json()["items"][0]["id"]
        client.delete(f"/auth/passkeys/{passkey}", headers=alice.headers)
        client.delete("/auth/mfa/totp", headers=alice.headers)
        mongo.users.update_one({"email": bob.email}, {"$set": {"role": "admin"}})
        client.delete(f"/admin/users/{alice.id}/mfa", headers=bob.login().headers)
        found = {event["action"]: event for event in mongo.audit.find()}
        assert set(OF_FACTORS) <= set(found)
        assert {str(found[action]["target"]) for action in OF_FACTORS} == {alice.id}
        assert str(found["second_factors.reset"]["actor"]) == bob.id
        failures = {name for name, event in found.items() if event["outcome"] == "failure"}
        assert failures == {"second_factor.failed", "passkey.copied", "login.failed"}
        for secret in (protected.app.secret, *protected.recovery_codes):
            assert secret not in repr(found)

    @pytest.mark.parametrize("reason", ["logout", "logout_others", "replaced"])
    def test_the_end_of_a_session_says_why(self, alice: Person, mongo: Database, reason: str):
        if reason == "logout":
            alice.client.delete("/auth/logout", headers=alice.headers)
        elif reason == "logout_others":
            alice.login()
            alice.client.delete("/auth/sessions?scope=others", headers=alice.headers)
        else:
            cookie = {"Cookie": f"refresh_token={alice.tokens['refreshToken']}"}
            body = {"email": alice.email, "password": alice.password, "transport": "cookie"}
            alice.client.post("/auth/login", json=body, headers=cookie)
        (event,) = mongo.audit.find({"action": "session.ended"})
        assert (event["details"]["reason"], str(event["actor"])) == (reason, alice.id)

    def test_the_end_of_one_of_several_sessions_names_it(self, alice: Person, mongo: Database):
        """As it is stored, in whatever case its id is written."""
        other = claims_of(alice.login().tokens["accessToken"])["sid"]
        answer = alice.client.delete(f"/auth/sessions/{other.upper()}", headers=alice.headers)
        assert answer.status_code == 204
        (event,) = mongo.audit.find({"action": "session.ended"})
        assert (str(event["actor"]), str(event["target"])) == (alice.id, alice.id)
        assert event["details"] == {"reason": "logout", "count": 1, "session": other}

    def test_it_is_kept_for_400_days(self, mongo: Database, app: Flask):
        assert mongo.audit.index_information()["expiry"]["expireAfterSeconds"] == 400 * 86_400


class TestFailure:
    """What may not happen unrecorded does not; the rest goes on."""

    @pytest.fixture
    def unwritable(self, app: Flask, mongo: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let no event be written, as by a database that is full."""

        def refuse(_: list[AuditEvent]) -> None:
            raise AutoReconnect

        monkeypatch.setattr(AuditEvent, "insert_all", refuse)

    def test_nobody_signs_in(self, alice: Person, unwritable: None, mongo: Database):
        before = mongo.sessions.count_documents({})
        problem(login(alice.client), 503, "database_unavailable")
        assert mongo.sessions.count_documents({}) == before

    def test_no_token_is_issued(self, alice: Person, unwritable: None, mongo: Database):
        made = {"name": "script", "scopes": ["account:read"]}
        answer = alice.client.post("/auth/access-tokens", json=made, headers=alice.headers)
        problem(answer, 503, "database_unavailable")
        assert mongo.access_tokens.count_documents({}) == 0

    def test_no_password_is_changed(self, alice: Person, unwritable: None):
        body = {"currentPassword": PASSWORD, "newPassword": NEW}
        answer = alice.client.post("/auth/me/password", json=body, headers=alice.headers)
        problem(answer, 503, "database_unavailable")
        check_unchanged(alice)

    def test_no_password_is_reset(self, alice: Person, app: Flask, unwritable: None):
        """And the link still works, once there is room."""
        alice.client.post("/auth/password/forgot", json={"email": alice.email})
        body = {"token": newest(app, "reset"), "newPassword": NEW}
        for _ in range(2):
            problem(alice.client.post("/auth/password/reset", json=body), 503, "database_unavailable")
        check_unchanged(alice)

    def test_no_address_is_changed(self, alice: Person, app: Flask, unwritable: None):
        """Nor is its owner told so."""
        alice.client.post("/auth/me/email", json={"email": "new@example.com"}, headers=alice.headers)
        token = newest(app, "change")
        problem(alice.client.post("/auth/email/verify", json={"token": token}), 503, "database_unavailable")
        check_unchanged(alice)
        assert sent(app, "email_changed") == []

    def test_no_change_of_address_is_taken_back(
        self, alice: Person, app: Flask, mongo: Database, request: pytest.FixtureRequest
    ):
        alice.client.post("/auth/me/email", json={"email": "new@example.com"}, headers=alice.headers)
        change = {"token": newest(app, "change")}
        alice.client.post("/auth/email/verify", json=change, headers=alice.headers)
        request.getfixturevalue("unwritable")
        undo = {"token": newest(app, "email_changed")}
        problem(alice.client.post("/auth/email/revert", json=undo), 503, "database_unavailable")
        assert alice.home().status_code == 200
        assert [user["email"] for user in mongo.users.find()] == ["new@example.com"]

    def test_what_was_refused_leaves_no_record(self, alice: Person, app: Flask, mongo: Database):
        """As where somebody was first."""
        with app.app_context():
            user = User.find(alice.id)
            assert user is not None
            user.password = None
            assert not passwords.replace(user, NEW)
        assert mongo.audit.count_documents({"action": "password.changed"}) == 0

    def test_no_key_is_rotated(self, app: Flask, unwritable: None, mongo: Database, own_ring: None):
        before = mongo.signing_keys.count_documents({})
        assert app.test_cli_runner().invoke(args=["keys", "rotate"]).exit_code == 1
        assert mongo.signing_keys.count_documents({}) == before

    def test_signing_out_goes_on(self, alice: Person, unwritable: None, capsys: pytest.CaptureFixture[str]):
        assert alice.client.delete("/auth/logout", headers=alice.headers).status_code == 204
        assert problem(alice.home(), 401, "session_ended")["reason"] == "logout"
        assert "audit.not_written" in capsys.readouterr().err

    def test_so_does_a_refusal(self, alice: Person, unwritable: None):
        problem(login(alice.client, password=WRONG), 401, "invalid_credentials")


class TestActivity:
    def test_it_is_one_s_own_newest_first(self, alice: Person, bob: Person):
        login(alice.client, bob.email, WRONG)
        alice.client.patch("/auth/me", json={"name": "Al"}, headers=alice.headers)
        assert actions(alice) == ["profile.changed", "login.succeeded", "account.registered"]
        assert actions(bob) == ["login.failed", "login.succeeded", "account.registered"]
        newest = activity(alice)["items"][0]
        assert set(newest) == {"id", "action", "at", "ip", "userAgent", "details"}
        assert newest["details"] == {"changed": ["name"]}

    def test_it_is_filtered_by_what_it_is_about(self, alice: Person, mongo: Database):
        def of(about: str, paging: str = "") -> list[str]:
            return [item["action"] for item in activity(alice, f"?about={about}{paging}")["items"]]

        login(alice.client, alice.email, WRONG)
        alice.client.post("/auth/access-tokens", json={"name": "x", "scopes": ["account:read"]}, headers=alice.headers)
        alice.client.post(
            "/auth/me/password", json={"currentPassword": alice.password, "newPassword": NEW}, headers=alice.headers
        )
        assert of("security")[0] == "password.changed"
        assert of("apps") == ["access_token.issued"]
        assert "login.failed" in of("sign_in")
        kinds = [set(of(about)) for about in ("sign_in", "security", "apps")]
        assert set.union(*kinds) < set(actions(alice))  # `account.registered` is none of them
        assert not set.intersection(*kinds)
        first = activity(alice, "?about=sign_in&limit=1")
        assert of("sign_in", f"&limit=100&cursor={first['next']}") == of("sign_in")[1:]
        problem(alice.client.get("/auth/me/activity?about=nothing", headers=alice.headers), 422, "validation_failed")

    def test_the_order_is_that_of_time_within_a_second_too(self, alice: Person, mongo: Database):
        """Whichever worker wrote them: ids of the driver's making sort by second, then by worker."""
        for number in range(20):
            alice.client.patch("/auth/me", json={"name": f"Al {number}"}, headers=alice.headers)
        times = [event["at"] for event in mongo.audit.find().sort("_id", 1)]
        assert times == sorted(times)
        assert all(event["_id"].generation_time <= event["at"] for event in mongo.audit.find())

    def test_pages_are_stable(self, alice: Person):
        for number in range(5):
            alice.client.patch("/auth/me", json={"name": f"Al {number}"}, headers=alice.headers)
        whole = activity(alice)["items"]
        first = activity(alice, "?limit=3")
        alice.client.patch("/auth/me", json={"name": "Later"}, headers=alice.headers)
        second = activity(alice, f"?limit=100&cursor={first['next']}")
        assert first["items"] + second["items"] == whole
        assert second["next"] is None

    def test_after_400_days_it_is_not_shown(self, alice: Person, mongo: Database):
        """Whether the index has removed it or not."""
        mongo.audit.update_many({}, [{"$set": {"at": {"$subtract": ["$at", 401 * 86_400_000]}}}])
        assert actions(alice) == []

    def test_a_token_needs_the_scope(self, alice: Person):
        for scope, status in (("account:read", 200), ("account:write", 403)):
            made = {"name": "script", "scopes": [scope]}
            token = alice.client.post("/auth/access-tokens", json=made, headers=alice.headers).get_json()["token"]
            answer = alice.client.get("/auth/me/activity", headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == status

    @pytest.mark.parametrize("query", ["?limit=0", "?limit=101", "?cursor=x", "?user=1"])
    def test_a_bad_query_is_refused(self, alice: Person, query: str):
        problem(alice.client.get(f"/auth/me/activity{query}", headers=alice.headers), 422, "validation_failed")
