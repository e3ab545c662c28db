"""What a person decides about an app, from several tabs or while something else changes: judged by the database.

A connected app (a grant) is there exactly if allowing it won, and whatever was given works only as long as it may.
"""

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from bson import ObjectId
from flask import Flask
from pymongo.database import Database as MongoDatabase

from tests.support.app_devices import Device, new_device_app
from tests.support.app_races import TEN, check_dead, make, somebody
from tests.support.oauth import Answer, AppClient, Code, bearer, new_app, send
from tests.support.races import race
from tests.support.service import Visitor

pytestmark = pytest.mark.race

Mongo = MongoDatabase[dict[str, Any]]
TABS = 6


class Page:
    """The page of one authorization, in a browser with several tabs."""

    def __init__(self, app: AppClient, who: dict[str, Any], **params: Any) -> None:
        self._app = app
        self._request, cookie, self._verifier = app.begin(**params)
        self._headers = {**cookie, **bearer(who["accessToken"])}

    def decide(self, decision: str | None = None) -> Answer:
        """Press a button; or just look, which is enough for what was allowed before."""
        return self._app.advance(self._request, self._headers, decision)

    def code(self, answer: Answer) -> Code | None:
        """Return the code in an answer; None if there is none."""
        if answer.status != 200 or "redirect" not in answer.json:
            return None
        query = {name: values[0] for name, values in parse_qs(urlsplit(answer.json["redirect"]).query).items()}
        return Code(query["code"], self._verifier, self._app.redirect_uri, query) if "code" in query else None


def grants_of(served: Mongo, who: dict[str, Any]) -> int:
    """Return how many connected apps somebody has."""
    return served.grants.count_documents({"user": ObjectId(who["user"]["id"])})


def told_of(served: Mongo, who: dict[str, Any]) -> int:
    """Return how often it is on record that they allowed something."""
    return served.audit.count_documents({"action": "grant.given", "target": ObjectId(who["user"]["id"])})


def outcome(answer: Answer) -> str:
    """Return what a tab was told."""
    if answer.status != 200:
        return str(answer.json["code"])
    told = answer.json
    if "redirect" not in told:
        return str(told["step"])
    return "denied" if "error=" in told["redirect"] else "allowed"


class TestTabs:
    def test_o47_a_device_is_connected_exactly_if_allowing_won(
        self, app: Flask, visitor: Visitor, served: Mongo
    ) -> None:
        """Allow and Cancel in several tabs of one person."""
        telly = new_device_app(app, visitor)
        for _ in range(3 * TEN):
            who, tv = somebody(visitor), Device.begin(telly)
            tabs = [partial(tv.advance, who["accessToken"], "deny" if tab % 2 else "allow") for tab in range(TABS)]
            told = [outcome(answer) for answer in race(*tabs)]
            assert told.count("user_code_invalid") == TABS - 1, told
            won = "allowed" in told
            assert (grants_of(served, who), told_of(served, who)) == (won, won), told
            assert tv.poll().error == (None if won else "access_denied")

    def test_o20_an_app_is_connected_exactly_if_allowing_won(self, app: Flask, visitor: Visitor, served: Mongo) -> None:
        """Allow and Cancel in several tabs of one page."""
        notes = new_app(app, visitor)
        for _ in range(3 * TEN):
            who = somebody(visitor)
            page = Page(notes, who)
            answers = race(*[partial(page.decide, "deny" if tab % 2 else "allow") for tab in range(TABS)])
            told = [outcome(answer) for answer in answers]
            assert told.count("request_gone") == TABS - 1, told
            won = "allowed" in told
            assert (grants_of(served, who), told_of(served, who)) == (won, won), told
            assert sum(page.code(answer) is not None for answer in answers) == won

    def test_o20_allowed_in_many_tabs_it_gives_one_code_that_works(
        self, app: Flask, visitor: Visitor, served: Mongo
    ) -> None:
        notes = new_app(app, visitor)
        for _ in range(TEN):
            who = somebody(visitor)
            page = Page(notes, who)
            answers = race(*[partial(page.decide, "allow")] * TABS)
            (code,) = (code for code in map(page.code, answers) if code is not None)
            assert notes.exchange(code).status == 200
            assert (grants_of(served, who), told_of(served, who)) == (1, 1)

    def test_o21_two_requests_of_an_app_allowed_at_once_both_work(
        self, app: Flask, visitor: Visitor, served: Mongo
    ) -> None:
        """And what both ask for is allowed."""
        notes = new_app(app, visitor)
        for _ in range(TEN):
            who = somebody(visitor)
            pages = [Page(notes, who, scope=scope) for scope in ("openid email", "openid profile")]
            answers = race(*[partial(page.decide, "allow") for page in pages])
            for page, answer in zip(pages, answers, strict=True):
                code = page.code(answer)
                assert code is not None, answer.text
                assert notes.exchange(code).status == 200
            (grant,) = served.grants.find({"user": ObjectId(who["user"]["id"])})
            assert set(grant["scopes"]) == {"openid", "email", "profile"}


class TestChanges:
    @pytest.mark.parametrize(
        "change", ["logout", "disable", "delete the app", "disable the app", "narrow the app", "new password"]
    )
    def test_o11_a_change_while_somebody_allows(self, app: Flask, visitor: Visitor, served: Mongo, change: str) -> None:
        """R104: a code is worth nothing after it; and who has deleted an app is not connected with it."""
        for _ in range(TEN):
            notes, who = new_app(app, visitor), somebody(visitor)
            page = Page(notes, who)
            answer, _ = race(partial(page.decide, "allow"), partial(make, change, app, notes, who, {}))
            code = page.code(answer)
            check_dead(served, notes, *([] if code is None else [notes.exchange(code)]))
            if change == "delete the app":
                assert (grants_of(served, who), served.grants.count_documents({"app": notes.id})) == (0, 0)

    @pytest.mark.parametrize("change", ["disable", "delete the app", "disable the app", "new password"])
    def test_o47_a_change_while_somebody_allows_a_device(
        self, app: Flask, visitor: Visitor, served: Mongo, change: str
    ) -> None:
        """R104"""
        for _ in range(TEN):
            telly, who = new_device_app(app, visitor), somebody(visitor)
            tv = Device.begin(telly)
            race(partial(tv.advance, who["accessToken"], "allow"), partial(make, change, app, telly, who, {}))
            check_dead(served, telly, tv.poll())
            if change == "delete the app":
                assert served.grants.count_documents({"app": telly.id}) == 0

    @pytest.mark.parametrize("begin", [Page, Device], ids=["page", "device"])
    def test_o50_nothing_is_left_of_an_account_that_is_deleted_meanwhile(
        self, app: Flask, visitor: Visitor, served: Mongo, begin: type
    ) -> None:
        apps: dict[type, Callable[[], AppClient]] = {
            Page: partial(new_app, app, visitor),
            Device: partial(new_device_app, app, visitor),
        }
        for _ in range(TEN):
            asking, who = apps[begin](), somebody(visitor)
            allow = allowing(asking, who, begin)
            gone = partial(send, visitor, "DELETE", "/auth/me", headers=bearer(who["accessToken"]))
            assert race(allow, gone)[1].status == 204
            mine = {"user": ObjectId(who["user"]["id"])}
            assert [served[name].count_documents(mine) for name in ("grants", "authorizations")] == [0, 0]

    @pytest.mark.parametrize("scope", ["openid email", "openid email profile"], ids=["the same", "more"])
    def test_o50_a_code_works_exactly_if_its_app_is_connected(
        self, app: Flask, visitor: Visitor, served: Mongo, scope: str
    ) -> None:
        """Somebody takes back what an app had while they allow it again."""
        for _ in range(TEN):
            notes, who = new_app(app, visitor), somebody(visitor)
            notes.sign_in(who["accessToken"])
            page = Page(notes, who, scope=scope)
            answer, _ = race(partial(page.decide, "allow"), partial(make, "take back", app, notes, who, {}))
            code = page.code(answer)
            given = None if code is None else notes.exchange(code)
            if grants_of(served, who):
                assert given is not None
                assert notes.userinfo(given.json["access_token"]).status == 200
            else:
                check_dead(served, notes, *([] if given is None else [given]))

    def test_o21_nobody_is_connected_again_unasked(self, app: Flask, visitor: Visitor, served: Mongo) -> None:
        """An app that was allowed asks again while that is taken back: what it gets is dead then."""
        for _ in range(TEN):
            notes, who = new_app(app, visitor), somebody(visitor)
            notes.sign_in(who["accessToken"])
            page = Page(notes, who)
            answer, _ = race(page.decide, partial(make, "take back", app, notes, who, {}))
            assert grants_of(served, who) == 0
            code = page.code(answer)
            check_dead(served, notes, *([] if code is None else [notes.exchange(code)]))


def allowing(asking: AppClient, who: dict[str, Any], begin: type) -> Callable[[], Answer]:
    """Return what allows a new request of an app."""
    if begin is Device:
        return partial(Device.begin(asking).advance, who["accessToken"], "allow")
    return partial(Page(asking, who).decide, "allow")
