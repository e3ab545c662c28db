"""Sessions that workers keep (SESSION_CACHE): after the answer to whatever ends one, no worker accepts it.

Eight connections to two workers of a real gunicorn are warm: each worker keeps the session, and uses what it keeps.
R127, R128, R130.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import pytest
from bson import ObjectId
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database as MongoDatabase

from authsvc.models.notices import LEASE_SECONDS
from tests.api.forging import claims_of
from tests.conftest import PASSWORD, Person
from tests.support.commands import flask
from tests.support.letters import newest
from tests.support.lines import Line
from tests.support.races import race, rounds
from tests.support.service import Service
from tests.support.warm import VERIFY, Warm, warm_connections

pytestmark = pytest.mark.race

Mongo = MongoDatabase[dict[str, Any]]
NEW, MOVED, BEFORE = "a brand new passphrase", "moved@example.com", "before@example.com"
CACHED = {"WEB_CONCURRENCY": 2, "SESSION_CACHE": "on", "REFRESH_REUSE_GRACE": 0}


@pytest.fixture(scope="module")
def service(app: Flask, settings: dict[str, str]) -> Iterator[Service]:
    """Return a running service whose workers keep sessions."""
    with Service(**{**settings, **CACHED}) as running:
        yield running


@pytest.fixture
def warm(service: Service) -> Iterator[Warm]:
    """Return connections to its workers."""
    with warm_connections(service) as connections:
        yield connections


@dataclass
class World:
    """Somebody who is signed in twice, and an administrator."""

    app: Flask
    mongo: Mongo
    settings: dict[str, str]
    own: Person
    other: Person
    admin: Person

    def by_own(self, method: str, path: str, **body: Any) -> Callable[[], Any]:
        """Return a request of the session that is not watched."""
        return partial(self.own.client.open, path, method=method, json=body or None, headers=self.own.headers)

    def by_other(self, method: str, path: str, **body: Any) -> Callable[[], Any]:
        """Return a request of the session that is watched."""
        return partial(self.own.client.open, path, method=method, json=body or None, headers=self.other.headers)

    def by_admin(self, method: str, path: str, **body: Any) -> Callable[[], Any]:
        """Return a request of the administrator."""
        return partial(self.own.client.open, path, method=method, json=body or None, headers=self.admin.headers)

    def by_anybody(self, method: str, path: str, **body: Any) -> Callable[[], Any]:
        """Return a request of nobody in particular."""
        return partial(self.own.client.open, path, method=method, json=body or None)

    def command(self, *arguments: str) -> Callable[[], Any]:
        """Return a command, as operators run it."""

        def run() -> None:
            done = flask({**self.settings, **{name: str(value) for name, value in CACHED.items()}}, *arguments)
            assert done.returncode == 0, done.stderr

        return run

    @property
    def watched(self) -> str:
        """Return the access token of the session that is watched."""
        return str(self.other.tokens["accessToken"])


@pytest.fixture
def world(app: Flask, service: Service, settings: dict[str, str], served: Mongo) -> World:
    """Return the two, with an address that was changed before: that can be taken back."""
    client = cast(FlaskClient, Line(service.url))
    own = Person(client, "alice@example.com", PASSWORD, "Alice").register()
    admin = Person(client, "bob@example.com", PASSWORD, "Bob").register()
    served.users.update_one({"email": admin.email}, {"$set": {"role": "admin"}})
    return World(app, served, settings, own, own.login(), admin.login())


def prove(world: World, purpose: str, email: str) -> Callable[..., Callable[[], Any]]:
    """Return a maker of the request that shows the newest link that was sent to an address."""
    return lambda by: by("POST", "/auth/email/verify", token=newest(world.app, purpose, email))


def logout(world: World) -> Callable[[], Any]:
    return world.by_other("DELETE", "/auth/logout")


def logout_by_refresh_token(world: World) -> Callable[[], Any]:
    return world.by_anybody("POST", "/auth/logout", refreshToken=world.other.tokens["refreshToken"])


def end_one(world: World) -> Callable[[], Any]:
    return world.by_own("DELETE", f"/auth/sessions/{claims_of(world.watched)['sid']}")


def end_others(world: World) -> Callable[[], Any]:
    return world.by_own("DELETE", "/auth/sessions?scope=others")


def end_all(world: World) -> Callable[[], Any]:
    return world.by_own("DELETE", "/auth/sessions?scope=all")


def change_password(world: World) -> Callable[[], Any]:
    return world.by_own("POST", "/auth/me/password", currentPassword=PASSWORD, newPassword=NEW)


def set_first_password(world: World) -> Callable[[], Any]:
    world.mongo.users.update_one({"_id": ObjectId(world.own.id)}, {"$unset": {"password": True}})
    return world.by_own("POST", "/auth/me/password", newPassword=NEW)


def reset_password(world: World) -> Callable[[], Any]:
    world.by_anybody("POST", "/auth/password/forgot", email=world.own.email)()
    return world.by_anybody(
        "POST", "/auth/password/reset", token=newest(world.app, "reset", world.own.email), newPassword=NEW
    )


def verify_email(world: World) -> Callable[[], Any]:
    return prove(world, "verify", world.own.email)(world.by_own)


def verify_email_elsewhere(world: World) -> Callable[[], Any]:
    return prove(world, "verify", world.own.email)(world.by_anybody)


def change_email(world: World) -> Callable[[], Any]:
    assert world.by_own("POST", "/auth/me/email", email=MOVED)().status_code == 202
    return prove(world, "change", MOVED)(world.by_own)


def change_email_elsewhere(world: World) -> Callable[[], Any]:
    assert world.by_own("POST", "/auth/me/email", email=MOVED)().status_code == 202
    return prove(world, "change", MOVED)(world.by_anybody)


def take_email_back(world: World) -> Callable[[], Any]:
    assert verify_email(world)().status_code == 200
    assert change_email(world)().status_code == 200
    world.other = Person(world.own.client, MOVED, PASSWORD).login()
    return world.by_anybody("POST", "/auth/email/revert", token=newest(world.app, "email_changed", world.own.email))


def replace_in_the_browser(world: World) -> Callable[[], Any]:
    """Sign in where that session is signed in."""
    cookie = {"Cookie": f"refresh_token={world.other.tokens['refreshToken']}"}
    body = {"email": world.own.email, "password": PASSWORD, "transport": "cookie"}
    return partial(world.own.client.post, "/auth/login", json=body, headers=cookie)


def reuse_its_refresh_token(world: World) -> Callable[[], Any]:
    """What a thief would do, or the person whose token was stolen."""
    first = world.other.tokens["refreshToken"]
    assert world.other.refresh().status_code == 200
    return lambda: allow(world.other.refresh(first), 401)


def restore_a_backup(world: World) -> Callable[[], Any]:
    """The database is older than the token."""
    mine = {"_id": ObjectId(str(claims_of(world.watched)["sid"]))}
    world.mongo.sessions.update_one(mine, {"$set": {"generation": 0}})
    return lambda: allow(world.other.refresh(), 401)


def disable(world: World) -> Callable[[], Any]:
    return world.by_admin("PATCH", f"/admin/users/{world.own.id}", disabled=True)


def delete(world: World) -> Callable[[], Any]:
    return world.by_admin("DELETE", f"/admin/users/{world.own.id}")


def leave(world: World) -> Callable[[], Any]:
    return world.by_own("DELETE", "/auth/me")


def sign_out_by_admin(world: World) -> Callable[[], Any]:
    return world.by_admin("DELETE", f"/admin/users/{world.own.id}/sessions")


def disable_by_command(world: World) -> Callable[[], Any]:
    return world.command("users", "disable", world.own.email)


def delete_by_command(world: World) -> Callable[[], Any]:
    return world.command("users", "delete", world.own.email, "--yes")


def sign_out_by_command(world: World) -> Callable[[], Any]:
    return world.command("sessions", "end", world.own.email, "--yes")


def allow(answer: Any, status: int) -> None:
    """Assert that an answer is no success, where what it refuses is what ends the session."""
    assert answer.status_code == status, answer.text


WAYS: list[Callable[[World], Callable[[], Any]]] = [
    *(logout, logout_by_refresh_token, end_one, end_others, end_all, replace_in_the_browser),
    *(change_password, set_first_password, reset_password),
    *(verify_email, verify_email_elsewhere, change_email, change_email_elsewhere, take_email_back),
    *(reuse_its_refresh_token, restore_a_backup, disable, delete, leave, sign_out_by_admin),
    *(disable_by_command, delete_by_command, sign_out_by_command),
]
"""What ends the session that is watched. Each prepares, and returns the request that does it."""


def by_name(way: Callable[..., Any]) -> str:
    return way.__name__


class TestAfterTheAnswer:
    @pytest.mark.parametrize("way", WAYS, ids=by_name)
    def test_r127_no_worker_accepts_it(self, warm: Warm, world: World, way: Callable[[World], Callable[[], Any]]):
        act = way(world)
        warm.warm_up(world.watched)
        answer = act()
        assert warm.statuses(world.watched) == {401}
        assert answer is None or answer.status_code in (200, 204), answer.text
        assert warm.statuses(world.watched, "/") == {401}

    @rounds
    def test_r127_nor_after_many_that_were_signed_out(self, warm: Warm, world: World, turn: int):
        """Some come right when the lease is over, and some when it has just begun."""
        for pause in range(5):
            world.other = world.own.login()
            warm.warm_up(world.watched)
            time.sleep(pause * LEASE_SECONDS / 4)
            assert logout(world)().status_code == 204
            assert warm.statuses(world.watched) == {401}

    @rounds
    def test_r127_every_worker_knows_the_new_role(self, warm: Warm, world: World, turn: int):
        for role in ("admin", "user"):
            warm.warm_up(world.watched)
            answer = world.by_admin("PATCH", f"/admin/users/{world.own.id}", role=role)()
            assert warm.told(world.watched, "X-Auth-Role") == {role}
            assert answer.status_code == 200, answer.text

    def test_r127_also_of_a_role_that_a_command_gave(self, warm: Warm, world: World):
        warm.warm_up(world.watched)
        world.command("users", "promote", world.own.email)()
        assert warm.told(world.watched, "X-Auth-Role") == {"admin"}

    def test_r127_every_worker_knows_the_new_address(self, warm: Warm, world: World):
        act, own = change_email(world), str(world.own.tokens["accessToken"])
        warm.warm_up(own)
        assert warm.told(own, "X-Auth-Email") == {world.own.email}
        assert act().status_code == 200
        assert warm.told(own, "X-Auth-Email") == {MOVED}

    def test_r127_whoever_is_not_meant_stays_signed_in(self, warm: Warm, world: World):
        """Beside all that is ended; and what is kept of them is used."""
        admin = str(world.admin.tokens["accessToken"])
        warm.warm_up(admin)
        assert end_all(world)().status_code == 204
        assert warm.statuses(admin) == {204}


def revoke_token(world: World) -> Callable[[], Any]:
    (made,) = world.by_own("GET", "/auth/access-tokens")().get_json()["items"]
    return world.by_own("DELETE", f"/auth/access-tokens/{made['id']}")


def revoke_tokens_by_admin(world: World) -> Callable[[], Any]:
    return world.by_admin("DELETE", f"/admin/users/{world.own.id}/access-tokens")


class TestPersonalAccessTokens:
    """They are kept as sessions are."""

    @pytest.fixture
    def token(self, world: World) -> str:
        """Return one."""
        made = world.by_own("POST", "/auth/access-tokens", name="script", scopes=["account:read"])()
        assert made.status_code == 201, made.text
        return str(made.get_json()["token"])

    @pytest.mark.parametrize(
        "way",
        [revoke_token, revoke_tokens_by_admin, reset_password, verify_email, change_email, disable, delete, leave],
        ids=by_name,
    )
    def test_r127_no_worker_accepts_one(
        self, warm: Warm, world: World, token: str, way: Callable[[World], Callable[[], Any]]
    ):
        act = way(world)
        warm.warm_up(token)
        answer = act()
        assert warm.statuses(token) == {401}
        assert answer.status_code in (200, 204), answer.text

    def test_r127_every_worker_knows_the_new_role(self, warm: Warm, world: World, token: str):
        warm.warm_up(token)
        assert world.by_admin("PATCH", f"/admin/users/{world.own.id}", role="admin")().status_code == 200
        assert warm.told(token, "X-Auth-Role") == {"admin"}


class TestWithoutTheWait:
    """What the tests above would find."""

    @pytest.fixture(scope="class")
    @classmethod
    def service(cls, app: Flask, settings: dict[str, str]) -> Iterator[Service]:
        """Return a service that answers before the leases of the other workers are over."""
        program = ("tests.support.without_wait:app",)
        with Service(program=program, **{**settings, **CACHED}) as running:
            yield running

    def test_r128_the_ended_session_is_accepted(self, warm: Warm, world: World):
        """Soon: on a machine that is busy the leases are sometimes over before anybody asks."""
        assert any(self.is_accepted_late(warm, world) for _ in range(100))

    @staticmethod
    def is_accepted_late(warm: Warm, world: World) -> bool:
        """Sign out, and tell whether a worker accepted the session after that was answered."""
        world.other = world.own.login()
        warm.warm_up(world.watched)
        assert logout(world)().status_code == 204
        afterwards = warm.statuses(world.watched)
        time.sleep(LEASE_SECONDS)
        assert warm.statuses(world.watched) == {401}
        return 204 in afterwards


class TestRepeatedSignOut:
    @rounds
    def test_r130_it_is_told_and_waited_for_again(self, warm: Warm, world: World, turn: int):
        """Whoever ended it may have died before anybody was told."""
        assert logout(world)().status_code == 204
        for again in (logout, logout_by_refresh_token):
            before = self.mark(world)
            began = time.monotonic()
            assert again(world)().status_code == 204
            assert time.monotonic() - began > LEASE_SECONDS
            assert self.mark(world) != before

    @rounds
    def test_r130_of_two_at_once_both_wait(self, warm: Warm, world: World, turn: int):
        warm.warm_up(world.watched)

        def sign_out() -> tuple[int, float, list[int]]:
            began = time.monotonic()
            status = logout(world)().status_code
            took = time.monotonic() - began
            return status, took, [line.get(VERIFY, headers=world.other.headers).status_code for line in lines]

        lines = [Line(world.own.client._where.geturl()) for _ in range(4)]  # type: ignore[attr-defined]
        for status, took, afterwards in race(sign_out, sign_out):
            assert status == 204
            assert took > LEASE_SECONDS
            assert afterwards == [401] * 4

    @staticmethod
    def mark(world: World) -> ObjectId:
        """Return the mark of the latest notice."""
        return ObjectId(world.mongo.notices.find_one({})["mark"])
