"""Every row of the table of ends that says something of apps, on every worker of a running service. O33, O36, O50.

Everything that an app can have is given to it, over HTTP; one event happens; and with the next request no worker takes
any of it. The opposite is tried before, and beside it with an app and somebody whom the event is not about.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, cast

import pytest
from bson import ObjectId
from flask import Flask
from flask.testing import FlaskClient

from authsvc import clock
from authsvc.events import catalogue
from authsvc.events.event import Event, Recorded
from authsvc.services import app_scopes
from authsvc.subscribers.revocation import ENDS, ENDS_NOTHING, Children, Ends
from tests.api.forging import claims_of
from tests.conftest import PASSWORD, Person
from tests.support.accounts import Database
from tests.support.app_devices import Device, new_device_app
from tests.support.app_kinds import OWN_API
from tests.support.factors import post, with_totp
from tests.support.federation import someone
from tests.support.letters import newest
from tests.support.lines import Line, one_to_each
from tests.support.oauth import AppClient, Code, bearer, new_app
from tests.support.service import Service
from tests.support.upstreams import Upstream, providers_file

WORKERS = 3
MAPS = "https://maps.example.net/"
USERINFO = "http://localhost:8000/oauth2/userinfo"
NEW, MOVED, BEFORE = "a brand new passphrase", "moved@example.com", "before@example.com"
SCOPES = ("openid", "email", app_scopes.OFFLINE, "profile:read")


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    """Return a provider that people sign in with."""
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module", params=["off", pytest.param("on", marks=pytest.mark.soak)])
def service(
    app: Flask,
    settings: dict[str, str],
    upstream: Upstream,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Service]:
    """Return a service whose workers ask the database for each session, or keep what they have read."""
    own = {**providers_file(tmp_path_factory.mktemp("providers"), upstream.toml()), "SESSION_CACHE": request.param}
    with Service(**{**settings, **own, "WEB_CONCURRENCY": WORKERS}) as running:
        yield running


@pytest.fixture
def lines(service: Service) -> Iterator[list[Line]]:
    """Return a line to each worker."""
    with one_to_each(service) as found:
        yield found


@dataclass
class Given:
    """What an app has of somebody: access tokens for three audiences, two refresh tokens, and codes."""

    client: AppClient
    maps: AppClient
    access: dict[str, str]
    refresh_tokens: list[str]
    codes: list[Code]

    @classmethod
    def to(cls, client: AppClient, maps: AppClient, token: str, scope: str) -> "Given":
        asked = {"scope": scope, "resource": [MAPS, OWN_API]}
        codes = [client.authorize(token, **asked) for _ in range(WORKERS)]
        answer = client.token({**client.authorize(token, **asked).form, "resource": MAPS})
        assert answer.status == 200, answer.text
        access, refresh_tokens = {MAPS: answer.json["access_token"]}, [answer.json["refresh_token"]]
        for audience in (USERINFO, OWN_API):
            answer = client.refresh(refresh_tokens[-1], resource=audience)
            assert answer.status == 200, answer.text
            access[audience] = answer.json["access_token"]
            refresh_tokens.append(answer.json["refresh_token"])
        return cls(client, maps, access, refresh_tokens[-2:], codes)

    @property
    def session(self) -> str:
        """Return the id of the session that the tokens belong to."""
        return str(claims_of(self.refresh_tokens[-1])["sid"])

    def taken(self, line: Line, number: int) -> set[str]:
        """Return what of it a worker takes, reached by a line; `number` is that of the code to try there."""
        client = cast(FlaskClient, line)
        own, maps = replace(self.client, client=client), replace(self.maps, client=client)
        told = [(asking, token) for asking, token in [(maps, self.access[MAPS])] if self._tells(asking, token)]
        mine = [token for token in (*self.access.values(), *self.refresh_tokens) if self._tells(own, token)]
        return {
            *({"userinfo"} if own.userinfo(self.access[USERINFO]).status == 200 else ()),
            *({"our API"} if line.get("/auth/me", headers=bearer(self.access[OWN_API])).status_code == 200 else ()),
            *({"verify"} if line.get(VERIFY, headers=bearer(self.access[OWN_API])).status_code == 204 else ()),
            *({"introspection"} if told else ()),
            *({"introspection of its own"} if mine else ()),
            *({"code"} if own.token({**self.codes[number].form, "resource": MAPS}).status == 200 else ()),
            *({"refresh"} if any(own.refresh(one, resource=MAPS).status == 200 for one in self.refresh_tokens) else ()),
        }

    @staticmethod
    def _tells(asking: AppClient, token: str) -> bool:
        answer = asking.post("/oauth2/introspect", {"token": token})
        return answer.status == 200 and answer.json["active"] is True


VERIFY = f"/auth/verify?scope=profile:read&resource={OWN_API}"
EVERYTHING = {"userinfo", "our API", "verify", "introspection", "introspection of its own", "code", "refresh"}


@dataclass
class Telly:
    """What a device's app has of somebody: an access token, a refresh token, and device codes that were allowed."""

    client: AppClient
    tokens: dict[str, Any]
    devices: list[Device]

    @classmethod
    def to(cls, client: AppClient, token: str) -> "Telly":
        devices = [Device.begin(client) for _ in range(WORKERS + 1)]
        for device in devices:
            device.allow(token)
        answer = devices.pop().poll()
        assert answer.status == 200, answer.text
        return cls(client, answer.json, devices)

    def taken(self, line: Line, number: int) -> set[str]:
        """Return what of it a worker takes."""
        own = replace(self.client, client=cast(FlaskClient, line))
        return {
            *({"userinfo"} if own.userinfo(self.tokens["access_token"]).status == 200 else ()),
            *({"device code"} if own.token(self.devices[number].form).status == 200 else ()),
            *({"refresh"} if own.refresh(self.tokens["refresh_token"]).status == 200 else ()),
        }


OF_A_DEVICE = {"userinfo", "device code", "refresh"}


@dataclass
class World:
    """Somebody in two browsers, an administrator, and what two apps have of them."""

    app: Flask
    mongo: Database
    own: Person
    other: Person
    admin: Person
    notes: AppClient
    brief: Given
    lasting: Given
    stranger: Given
    telly: Telly
    upstream: Upstream

    def grants(self) -> list[str]:
        """Return the ids of what the person allows the two apps."""
        apps = [self.notes.id, self.telly.client.id]
        found = [
            str(one["_id"]) for one in self.mongo.grants.find({"user": ObjectId(self.own.id), "app": {"$in": apps}})
        ]
        assert len(found) == 2
        return found


@pytest.fixture
def world(app: Flask, service: Service, upstream: Upstream, clean: None, mongo: Database) -> World:
    client = cast(FlaskClient, Line(service.url))
    options: dict[str, Any] = {"scopes": SCOPES, "resources": (MAPS, OWN_API)}
    notes = new_app(app, client, **options)
    maps = new_app(app, client, name="Maps", resources=(MAPS,))
    own = Person(client, "alice@example.com", PASSWORD, "Alice").register()
    admin = Person(client, "bob@example.com", PASSWORD, "Bob").register()
    mongo.users.update_one({"email": admin.email}, {"$set": {"role": "admin"}})
    mongo.users.update_one({"email": own.email}, {"$set": {"emailVerifiedAt": clock.now()}})
    # An address that was changed before: it can be taken back.
    post(own, "/auth/me/email", email=BEFORE)
    post(own, "/auth/email/verify", token=newest(app, "change", BEFORE))
    own.email = BEFORE
    scopes = " ".join(scope for scope in SCOPES if scope != app_scopes.OFFLINE)
    token = own.tokens["accessToken"]
    return World(
        app,
        mongo,
        own,
        own.login(),
        admin.login(),
        notes,
        Given.to(notes, maps, token, scopes),
        Given.to(notes, maps, token, " ".join(SCOPES)),
        Given.to(new_app(app, client, name="Mail", **options), maps, admin.tokens["accessToken"], scopes),
        Telly.to(new_device_app(app, client), token),
        upstream,
    )


def own(world: World, method: str, path: str, **body: Any) -> Any:
    return world.own.client.open(path, method=method, json=body or None, headers=world.own.headers)


def by_admin(world: World, method: str, path: str, **body: Any) -> Any:
    return world.admin.client.open(path, method=method, json=body or None, headers=world.admin.headers)


def anybody(world: World, path: str, **body: Any) -> Any:
    return world.own.client.post(path, json=body)


def with_a_reset_link(world: World) -> str:
    anybody(world, "/auth/password/forgot", email=world.own.email)
    return newest(world.app, "reset", world.own.email)


def with_an_unproved_address(world: World) -> str:
    world.mongo.users.update_one({"email": world.own.email}, {"$unset": {"emailVerifiedAt": True}})
    anybody(world, "/auth/email/resend", email=world.own.email)
    return newest(world.app, "verify", world.own.email)


def prove_by_a_provider(world: World) -> Any:
    world.mongo.users.update_one({"email": world.own.email}, {"$unset": {"emailVerifiedAt": True}})
    begun = anybody(world, "/auth/federation/work", intent="sign_in")
    world.upstream.user = someone("alice-at-work", world.own.email)
    brought = world.upstream.approve(begun.get_json()["location"])
    cookie = {"Cookie": begun.headers["Set-Cookie"].partition(";")[0]}
    body = {"provider": "work", **brought}
    answer = world.own.client.post("/auth/federation/complete", json=body, headers=cookie)
    assert answer.status_code == 200, answer.text
    return answer


def with_a_change_asked_for(world: World) -> str:
    assert own(world, "POST", "/auth/me/email", email=MOVED).status_code == 202
    return newest(world.app, "change", MOVED)


def at_both_apps(world: World, method: str, **body: Any) -> Any:
    ids = (world.notes.id, world.telly.client.id)
    return [by_admin(world, method, f"/admin/apps/{app_id}", **body) for app_id in ids][-1]


def reset_factors(world: World) -> Any:
    with_totp(world.own, world.mongo)
    return by_admin(world, "DELETE", f"/admin/users/{world.own.id}/mfa")


def reuse_of_ones_own_refresh_token(world: World) -> Any:
    old = world.own.tokens["refreshToken"]
    latest = world.own.refresh(old).get_json()["refreshToken"]
    assert world.own.refresh(latest).status_code == 200
    assert world.own.refresh(old).status_code == 401


def token_of_before_a_restore(world: World) -> Any:
    """The database is older than the token."""
    mine = {"_id": ObjectId(str(claims_of(world.own.tokens["refreshToken"])["sid"]))}
    world.mongo.sessions.update_one(mine, {"$set": {"generation": 0}})
    assert world.own.refresh().status_code == 401


def set_first_password(world: World) -> Any:
    world.mongo.users.update_one({"_id": ObjectId(world.own.id)}, {"$unset": {"password": True}})
    return own(world, "POST", "/auth/me/password", newPassword=NEW)


EVENTS: dict[type[Event], Callable[[World], Any]] = {
    catalogue.SignedOutEverywhere: lambda world: own(world, "DELETE", "/auth/sessions?scope=all"),
    catalogue.SignedOutElsewhere: lambda world: own(world, "DELETE", "/auth/sessions?scope=others"),
    catalogue.SignedOutByAdmin: lambda world: by_admin(world, "DELETE", f"/admin/users/{world.own.id}/sessions"),
    catalogue.PasswordChanged: lambda world: own(
        world, "POST", "/auth/me/password", currentPassword=PASSWORD, newPassword=NEW
    ),
    catalogue.PasswordSet: set_first_password,
    catalogue.PasswordReset: lambda world: anybody(
        world, "/auth/password/reset", token=with_a_reset_link(world), newPassword=NEW
    ),
    catalogue.EmailVerified: lambda world: own(
        world, "POST", "/auth/email/verify", token=with_an_unproved_address(world)
    ),
    catalogue.EmailVerifiedElsewhere: lambda world: anybody(
        world, "/auth/email/verify", token=with_an_unproved_address(world)
    ),
    catalogue.EmailVerifiedByProvider: prove_by_a_provider,
    catalogue.EmailChanged: lambda world: own(
        world, "POST", "/auth/email/verify", token=with_a_change_asked_for(world)
    ),
    catalogue.EmailChangedElsewhere: lambda world: anybody(
        world, "/auth/email/verify", token=with_a_change_asked_for(world)
    ),
    catalogue.EmailChangeReverted: lambda world: anybody(
        world, "/auth/email/revert", token=newest(world.app, "email_changed", "alice@example.com")
    ),
    catalogue.SecondFactorsReset: reset_factors,
    catalogue.AccountDisabled: lambda world: by_admin(world, "PATCH", f"/admin/users/{world.own.id}", disabled=True),
    catalogue.AccountDeleted: lambda world: own(world, "DELETE", "/auth/me"),
    catalogue.SessionEnded: lambda world: own(world, "DELETE", "/auth/logout"),
    catalogue.SessionOutdated: token_of_before_a_restore,
    catalogue.RefreshTokenReused: reuse_of_ones_own_refresh_token,
    catalogue.GrantRevoked: lambda world: [own(world, "DELETE", f"/auth/grants/{one}") for one in world.grants()][-1],
    catalogue.AppDeleted: lambda world: at_both_apps(world, "DELETE"),
    catalogue.AppNarrowed: lambda world: at_both_apps(world, "PATCH", scopes=["openid"]),
    catalogue.AppDisabled: lambda world: at_both_apps(world, "PATCH", disabled=True),
}
"""How each event comes about, over HTTP."""


def revoke(world: World) -> Any:
    for given in (world.brief, world.lasting):
        assert world.notes.post("/oauth2/revoke", {"token": given.refresh_tokens[-1]}).status == 200


def reuse_of_its_refresh_token(world: World) -> Any:
    for given in (world.brief, world.lasting):
        assert world.notes.refresh(given.refresh_tokens[-1], resource=MAPS).status == 200
        assert world.notes.refresh(given.refresh_tokens[0], resource=MAPS).error == "invalid_grant"


def end_by_the_list(world: World) -> Any:
    for given in (world.brief, world.lasting):
        assert own(world, "DELETE", f"/auth/sessions/{given.session}").status_code == 204


def expiry(world: World) -> Any:
    long_ago = clock.now() - timedelta(days=400)
    mine = {"_id": {"$in": [ObjectId(given.session) for given in (world.brief, world.lasting)]}}
    world.mongo.sessions.update_many(mine, {"$set": {"expiresAt": long_ago}})


OF_ONE_SESSION: list[Callable[[World], Any]] = [revoke, reuse_of_its_refresh_token, end_by_the_list, expiry]
"""What ends a session of an app and no other; its codes are for others."""


def concerns_apps(ends: Ends) -> bool:
    """Tell whether a row says something of apps: in any column but those that are known to be about people alone."""
    nothing = {"tickets": False, "access_tokens": False, "links": (), "devices": False, "passkeys": False}
    return replace(ends, **nothing, keeps_own=False) != ENDS_NOTHING


class TestEveryRow:
    def test_o50_no_row_is_forgotten(self):
        assert {event for event, ends in ENDS.items() if concerns_apps(ends)} == set(EVENTS)

    def test_o50_all_that_is_given_is_taken_by_every_worker(self, lines: list[Line], world: World):
        for number, line in enumerate(lines):
            for given in (world.brief, world.lasting, world.stranger):
                assert given.taken(line, number) == EVERYTHING
            assert world.telly.taken(line, number) == OF_A_DEVICE

    @pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
    def test_o33_o36_o50_afterwards_no_worker_takes_anything(self, lines: list[Line], world: World, event: type[Event]):
        answer = EVENTS[event](world)
        spared = EVERYTHING if ENDS[event].children is Children.BUT_LASTING else set()
        # A device outlasts the browser in which it was allowed (O47).
        of_a_device = OF_A_DEVICE if spared else set()
        assert [world.telly.taken(line, number) for number, line in enumerate(lines)] == [of_a_device] * WORKERS
        taken = [
            (world.brief.taken(line, number), world.lasting.taken(line, number)) for number, line in enumerate(lines)
        ]
        assert [brief for brief, _ in taken] == [set()] * WORKERS
        # A code dies with the session in which it was allowed, also one for what may last.
        assert [lasting for _, lasting in taken] == [spared - {"code"}] * WORKERS
        assert [world.stranger.taken(line, number) for number, line in enumerate(lines)] == [EVERYTHING] * WORKERS
        if ENDS[event].grants:
            assert world.mongo.grants.count_documents({"user": ObjectId(world.own.id)}) == 0
        assert answer is None or answer.status_code in (200, 204), answer.text
        is_recorded = event.recorded is not Recorded.BY_EFFECT
        assert world.mongo.audit.count_documents({"action": event.name}) > 0 or not is_recorded

    @pytest.mark.parametrize("end", OF_ONE_SESSION, ids=lambda end: end.__name__)
    def test_o45_o50_what_ends_one_session_of_an_app(
        self, lines: list[Line], world: World, end: Callable[[World], Any]
    ):
        end(world)
        for given in (world.brief, world.lasting):
            assert [given.taken(line, number) for number, line in enumerate(lines)] == [{"code"}] * WORKERS

    def test_o9_o50_a_code_that_is_used_twice(self, lines: list[Line], world: World):
        code = world.brief.codes[0]
        given = world.notes.token({**code.form, "resource": MAPS}).json
        assert world.notes.token({**code.form, "resource": MAPS}).error == "invalid_grant"
        for line in lines:
            notes = replace(world.notes, client=cast(FlaskClient, line))
            assert notes.post("/oauth2/introspect", {"token": given["access_token"]}).json == {"active": False}
            assert notes.refresh(given["refresh_token"], resource=MAPS).error == "invalid_grant"
