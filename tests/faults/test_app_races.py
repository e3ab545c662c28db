"""Races at the token endpoint over the two workers of a real gunicorn, judged by the database."""

from collections import Counter
from functools import partial
from typing import Any

import pytest
from bson import ObjectId
from flask import Flask
from pymongo.database import Database as MongoDatabase

from authsvc.models.apps import AuthMethod
from tests.support.app_devices import Device, new_device_app
from tests.support.app_races import TEN, check_dead, live, make, somebody
from tests.support.assertions import assertion, public_jwks, shown
from tests.support.fault_proxy import FaultProxy
from tests.support.oauth import Answer, AppClient, bearer, new_app
from tests.support.races import ROUNDS, eventually, race
from tests.support.service import Service, Visitor

pytestmark = pytest.mark.race

Mongo = MongoDatabase[dict[str, Any]]
MANY = 50


@pytest.fixture
def notes(app: Flask, visitor: Visitor) -> AppClient:
    """Return an app with a secret, at the running service."""
    return new_app(app, visitor)


class TestCode:
    def test_o9_of_fifty_with_one_code_one_gets_tokens(self, visitor: Visitor, notes: AppClient, served: Mongo) -> None:
        """And the others end what it got, which is told once, on record and by letter (RFC 6749 section 4.1.2)."""
        for _ in range(TEN):
            who, answers = self.fifty(visitor, notes, served)
            counted = Counter((answer.status, answer.error) for answer in answers)
            assert counted == {(200, None): 1, (400, "invalid_grant"): MANY - 1}
            (session,) = served.sessions.find({"app": notes.id, "user": ObjectId(who["user"]["id"])})
            assert session["endReason"] == "token_reuse"
            (given,) = (answer for answer in answers if answer.status == 200)
            check_dead(served, notes, given)
            whose = {"target": ObjectId(who["user"]["id"])}
            assert served.audit.count_documents({"action": "app.code_reused", **whose}) == 1
            assert served.letters.count_documents({"kind": "session_stolen", "to": who["user"]["email"]}) == 1

    def fifty(self, visitor: Visitor, notes: AppClient, served: Mongo) -> tuple[dict[str, Any], list[Answer]]:
        """Return whose code was used by fifty at once, and the answers; again if the machine was too slow for that."""
        for _ in range(4):
            who = somebody(visitor)
            served.users.update_one({"email": who["user"]["email"]}, {"$currentDate": {"emailVerifiedAt": True}})
            code = notes.authorize(who["accessToken"])
            answers = race(*[lambda code=code: notes.exchange(code)] * MANY)
            if 503 not in {answer.status for answer in answers}:
                break
        return who, answers

    def test_o10_apps_that_it_is_not_for_do_not_disturb(
        self, app: Flask, visitor: Visitor, notes: AppClient, served: Mongo
    ) -> None:
        others = [new_app(app, visitor) for _ in range(5)]
        for _ in range(ROUNDS):
            code = notes.authorize(somebody(visitor)["accessToken"])
            tries = [lambda one=one, code=code: one.exchange(code) for one in others * 4]
            mine, *rest = race(lambda code=code: notes.exchange(code), *tries)
            assert {answer.error for answer in rest} == {"invalid_grant"}
            assert notes.userinfo(mine.json["access_token"]).status == 200

    @pytest.mark.parametrize("change", ["logout", "disable", "delete the app", "disable the app", "take back"])
    def test_o11_a_change_at_the_same_moment(self, app: Flask, visitor: Visitor, served: Mongo, change: str) -> None:
        """R104: what the exchange gave is worth nothing once the other answer is there."""
        for _ in range(ROUNDS):
            notes, who = new_app(app, visitor), somebody(visitor)
            code = notes.authorize(who["accessToken"])
            given, _ = race(
                lambda notes=notes, code=code: notes.exchange(code),
                lambda notes=notes, who=who: make(change, app, notes, who, {}),
            )
            check_dead(served, notes, given)


class TestExpected:
    def test_o19_a_code_is_only_for_whom_the_app_expects(
        self, visitor: Visitor, notes: AppClient, served: Mongo
    ) -> None:
        """Tabs of two accounts allow the same request at once: the one that may does, if the others are first too."""
        for _ in range(TEN):
            expected, others = somebody(visitor), [somebody(visitor) for _ in range(3)]
            hint = notes.sign_in(expected["accessToken"])["id_token"]
            request, cookie, _ = notes.begin(id_token_hint=hint)
            people = [*others * 5, *[expected] * 5]
            calls = [
                partial(notes.advance, request, {**cookie, **bearer(one["accessToken"])}, "allow") for one in people
            ]
            answers = race(*calls)
            counted = Counter(answer.json.get("step", answer.json.get("code")) for answer in answers)
            assert counted["done"] == 1
            assert set(counted) <= {"done", "switch", "request_gone"}
            codes = list(served.authorizations.find({"app": notes.id, "codeDigest": {"$ne": None}}))
            assert {str(stored["user"]) for stored in codes} == {expected["user"]["id"]}
            assert {str(stored["user"]) for stored in served.grants.find()} == {expected["user"]["id"]}
            for name in ("authorizations", "grants"):
                served[name].delete_many({})

    def test_o19_whom_the_app_expects_and_somebody_who_refuses(
        self, visitor: Visitor, notes: AppClient, served: Mongo
    ) -> None:
        """One of both is told to the app, whichever was first."""
        for _ in range(TEN):
            expected, other = somebody(visitor), somebody(visitor)
            hint = notes.sign_in(expected["accessToken"])["id_token"]
            served.authorizations.delete_many({})
            request, cookie, _ = notes.begin(id_token_hint=hint)
            answers = race(
                partial(notes.advance, request, {**cookie, **bearer(expected["accessToken"])}, "allow"),
                partial(notes.advance, request, {**cookie, **bearer(other["accessToken"])}, "deny"),
            )
            (told,) = (answer.json["redirect"] for answer in answers if answer.status == 200)
            given = served.authorizations.count_documents({"codeDigest": {"$ne": None}})
            assert ("code=" in told, "error=login_required" in told) == (given == 1, given == 0)


class TestDeviceCode:
    def test_o47_of_fifty_with_one_code_one_gets_tokens(self, app: Flask, visitor: Visitor, served: Mongo) -> None:
        """And the others end what it got, as O9 has it for codes: two of them have the same secret."""
        telly = new_device_app(app, visitor)
        for _ in range(TEN):
            who, answers = self.fifty(visitor, telly)
            counted = Counter((answer.status, answer.error) for answer in answers)
            assert counted == {(200, None): 1, (400, "invalid_grant"): MANY - 1}
            (session,) = served.sessions.find({"app": telly.id, "user": ObjectId(who["user"]["id"])})
            assert session["endReason"] == "token_reuse"
            (given,) = (answer for answer in answers if answer.status == 200)
            check_dead(served, telly, given)
            assert served.audit.count_documents({"action": "app.code_reused", "target": session["user"]}) == 1

    def fifty(self, visitor: Visitor, telly: AppClient) -> tuple[dict[str, Any], list[Answer]]:
        """Return whose device asked fifty times at once, and the answers; again if the machine was too slow."""
        for _ in range(4):
            who, tv = somebody(visitor), Device.begin(telly)
            tv.allow(who["accessToken"])
            answers = race(*[tv.poll] * MANY)
            if 503 not in {answer.status for answer in answers}:
                break
        return who, answers

    def test_o47_of_fifty_before_there_is_an_answer_one_is_in_time(
        self, app: Flask, visitor: Visitor, served: Mongo
    ) -> None:
        """A flood of questions uses nothing up, and the answer comes all the same."""
        telly = new_device_app(app, visitor)
        for _ in range(ROUNDS):
            tv = Device.begin(telly)
            counted = Counter(answer.error for answer in race(*[tv.poll] * MANY))
            assert set(counted) <= {"authorization_pending", "slow_down", "temporarily_unavailable"}
            assert counted["authorization_pending"] == 1
            assert tv.sign_in(somebody(visitor)["accessToken"])["token_type"] == "Bearer"
            assert live(served, telly) == 1
            served.sessions.delete_many({"app": telly.id})

    def test_o47_of_many_who_type_one_code_one_decides(self, app: Flask, visitor: Visitor, served: Mongo) -> None:
        people, telly = [somebody(visitor)["accessToken"] for _ in range(10)], new_device_app(app, visitor)
        for turn in range(TEN):
            tv = Device.begin(telly)
            answers = [
                partial(tv.advance, token, "deny" if (turn + number) % 2 else "allow")
                for number, token in enumerate(people)
            ]
            counted = Counter(answer.json.get("step", answer.json.get("code")) for answer in race(*answers))
            assert counted.pop("user_code_invalid") == len(people) - 1
            (step,) = counted
            assert (tv.poll().error or "allowed") == {"allowed": "allowed", "denied": "access_denied"}[step]
            assert live(served, telly) == (step == "allowed")
            served.sessions.delete_many({"app": telly.id})

    def test_o47_a_question_at_the_moment_of_the_answer(self, app: Flask, visitor: Visitor, served: Mongo) -> None:
        """Whichever comes first, the device is signed in once."""
        telly = new_device_app(app, visitor)
        for _ in range(TEN):
            token, tv = somebody(visitor)["accessToken"], Device.begin(telly)
            first, allowed = race(tv.poll, partial(tv.advance, token, "allow"))
            assert allowed.json["step"] == "allowed"
            if first.status != 200:
                assert first.error == "authorization_pending"
                assert tv.poll().status == 200
            assert live(served, telly) == 1
            served.sessions.delete_many({"app": telly.id})

    @pytest.mark.parametrize("change", ["disable", "delete the app", "disable the app", "take back", "new password"])
    def test_o47_a_change_at_the_same_moment(self, app: Flask, visitor: Visitor, served: Mongo, change: str) -> None:
        """R104: what the question gave is worth nothing once the other answer is there."""
        for _ in range(ROUNDS):
            telly, who = new_device_app(app, visitor), somebody(visitor)
            tv = Device.begin(telly)
            tv.allow(who["accessToken"])
            given, _ = race(tv.poll, partial(make, change, app, telly, who, {}))
            check_dead(served, telly, given)


class TestAssertion:
    def test_o28_of_fifty_with_one_assertion_one_passes(self, app: Flask, visitor: Visitor, served: Mongo) -> None:
        signer = new_app(app, visitor, auth_method=AuthMethod.PRIVATE_KEY, jwks=public_jwks("ES256"))
        form = {"grant_type": "refresh_token", "refresh_token": "x"}
        for turn in range(TEN):
            once = shown(assertion(signer.id))
            answers = race(*[lambda once=once: signer.token({**form, **once}, headers={})] * MANY)
            counted = Counter(answer.error for answer in answers)
            assert counted == {"invalid_grant": 1, "invalid_client": MANY - 1}
            assert served.assertions.count_documents({}) == turn + 1


class TestRefresh:
    def test_o30_fifty_with_one_token_share_one_generation(
        self, visitor: Visitor, notes: AppClient, served: Mongo
    ) -> None:
        """R56"""
        token = notes.sign_in(somebody(visitor)["accessToken"])["refresh_token"]
        for turn in range(TEN):
            answers = race(*[lambda token=token: notes.refresh(token)] * MANY)
            assert {answer.status for answer in answers} == {200}
            (session,) = served.sessions.find({"app": notes.id})
            assert (session["generation"], session.get("endedAt")) == (turn + 2, None)
            token = answers[turn % MANY].json["refresh_token"]

    def test_o30_without_grace_at_most_one_wins(self, app: Flask, strict_service: Service, served: Mongo) -> None:
        """R55"""
        visitor = Visitor(strict_service.url)
        notes = new_app(app, visitor)
        for _ in range(ROUNDS):
            token = notes.sign_in(somebody(visitor)["accessToken"])["refresh_token"]
            answers = race(*[lambda token=token: notes.refresh(token)] * MANY)
            counted = Counter(answer.status for answer in answers)
            assert counted[200] <= 1
            assert counted[200] + counted[400] == MANY
            check_dead(served, notes, *answers)

    @pytest.mark.parametrize(
        "change",
        [
            *("logout", "disable", "delete the app", "disable the app", "narrow the app", "take back", "revoke"),
            "new password",
        ],
    )
    def test_o31_a_change_at_the_same_moment(self, app: Flask, visitor: Visitor, served: Mongo, change: str) -> None:
        """R57, R104: nothing that the refresh gave works once the other answer is there."""
        for _ in range(ROUNDS):
            notes, who = new_app(app, visitor), somebody(visitor)
            tokens = notes.sign_in(who["accessToken"])
            given, _ = race(
                lambda notes=notes, tokens=tokens: notes.refresh(tokens["refresh_token"]),
                lambda notes=notes, who=who, tokens=tokens: make(change, app, notes, who, tokens),
            )
            check_dead(served, notes, given)


class TestDatabase:
    def test_o23_an_app_that_nobody_can_answer_comes_again(
        self, app: Flask, behind_proxy: Service, proxy: FaultProxy
    ) -> None:
        """Not `invalid_grant`: it would forget its refresh token, and the person had to sign in again."""
        visitor = Visitor(behind_proxy.url)
        notes = new_app(app, visitor)
        who = somebody(visitor)
        token, code = notes.sign_in(who["accessToken"])["refresh_token"], notes.authorize(who["accessToken"])
        proxy.refuse()
        for answer in (notes.refresh(token), notes.exchange(code), notes.token({"grant_type": "x"})):
            assert (answer.status, answer.error) == (503, "temporarily_unavailable")
            assert int(answer.headers["Retry-After"]) > 0
        proxy.heal()
        eventually(lambda: notes.refresh(token).status == 200)
        assert notes.exchange(code).status == 200
