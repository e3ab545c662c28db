"""Sessions that workers keep (SESSION_CACHE), in one process: the workers are applications of their own. R129-R137."""

import inspect
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from types import FunctionType
from typing import Any

import pytest
import time_machine
from bson import ObjectId
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database as MongoDatabase

from authsvc import clock
from authsvc.models import notices
from authsvc.models.access_tokens import AccessToken
from authsvc.models.notices import LEASE_SECONDS, WAIT_SECONDS, Notices
from authsvc.models.sessions import STATE_FIELDS, Session
from authsvc.services import standings
from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import counted_work
from tests.support.races import race

Database = MongoDatabase[dict[str, Any]]

NEED_NO_NOTICE = {
    "rotate": "says yes: of a later use, and of a generation that only refreshes look at",
    "refresh_proof": "says yes: of a later proof",
    "end_by_notice": "what it ends has not been valid since the app's epoch changed, which every request reads",
    "blank": "changes only what has ended",
}


class Clock:
    """The clock of leases, which stands until it is moved; who waits moves it."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Let a wait be over at once."""
        self.waits.append(seconds)
        self.seconds += seconds


@pytest.fixture(autouse=True)
def ticks(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return the clock of leases."""
    stopped = Clock()
    monkeypatch.setattr(clock, "elapsed", stopped)
    monkeypatch.setattr(standings, "time", stopped)
    return stopped


@pytest.fixture(scope="module")
def workers(make_lasting_app: Callable[..., Flask]) -> list[Flask]:
    """Return two workers that keep sessions."""
    return [make_lasting_app(SESSION_CACHE="on") for _ in range(2)]


@pytest.fixture
def worker(workers: list[Flask], clean: None) -> Flask:
    """Return a worker that has kept nothing yet."""
    return fresh(workers[0])


@pytest.fixture
def other(workers: list[Flask], clean: None) -> Flask:
    """Return another one."""
    return fresh(workers[1])


def fresh(worker: Flask) -> Flask:
    """Let a worker keep nothing, as if it had just been started."""
    Notices.begin()
    worker.extensions["authsvc.standings"] = standings.Standings()
    return worker


@pytest.fixture
def alice_here(alice: Person, worker: Flask) -> Person:
    """Return Alice, whose session the worker keeps."""
    return warm(alice, worker)


def warm(person: Person, worker: Flask) -> Person:
    """Let a worker keep somebody's session; return them as its client."""
    here = Person(worker.test_client(use_cookies=False), person.email, person.password, person.name, person.tokens)
    for _ in range(4):  # verify the token, read, learn the mark, read again
        assert here.home().status_code == 200
    assert reads(here.home) == []
    return here


def reads(request: Callable[[], Any]) -> list[str]:
    """Return what a request read of sessions and notices."""
    with counted_work() as work:
        request()
    return [command for command in work.commands if command in ("find sessions", "find notices")]


def kept_by(worker: Flask) -> standings.Standings:
    """Return what a worker keeps."""
    own = worker.extensions["authsvc.standings"]
    assert isinstance(own, standings.Standings)
    return own


def posted(mongo: Database) -> int:
    """Return how many notices there are."""
    return len((mongo.notices.find_one({"_id": "sessions"}) or {"recent": []})["recent"])


class TestR129WhoPosts:
    def test_whatever_changes_what_is_kept_posts_or_says_yes(self) -> None:
        steps = {
            name: getattr(member, "__func__", member)
            for name, member in vars(Session).items()
            if isinstance(member, classmethod | FunctionType)
        }
        writers = {name for name, step in steps.items() if written(step) & {*STATE_FIELDS}}
        silent = {name for name in writers if not getattr(steps[name], "posts", False)}
        assert silent == {*NEED_NO_NOTICE}
        assert {"end", "end_all", "end_each", "end_expired", "end_outdated", "copy_email", "copy_role"} <= writers

    def test_so_does_whatever_ends_a_token(self) -> None:
        silent = {name for name in ("remove", "remove_all") if not getattr(getattr(AccessToken, name), "posts", False)}
        assert silent == set()


def written(step: Callable[..., Any]) -> set[str]:
    """Return the stored names of the fields that a method of `Session` changes."""
    source = inspect.getsource(inspect.unwrap(step))
    names = re.findall(r"\b(?:set|unset|inc|max|add_to_set|push|pull)__(\w+)", source)
    stored = {Session._fields[name].db_field for name in names if name in Session._fields}
    in_the_driver_s_words = " ".join(re.findall(r'"\$(?:set|unset|inc|max|addToSet|push|pull)": \{([^}]*)\}', source))
    return stored | {*re.findall(r'"(\w+)":', in_the_driver_s_words)}


class TestR130LateRevokers:
    def test_a_sign_out_of_what_has_ended_posts_and_waits(
        self, alice_here: Person, mongo: Database, ticks: Clock
    ) -> None:
        """Whoever ended it may have died before telling."""
        sign_out(alice_here)
        before = posted(mongo)
        sign_out(alice_here)
        assert ticks.waits == [pytest.approx(WAIT_SECONDS)] * 2
        assert posted(mongo) == before + 1

    @pytest.mark.parametrize("which", ["?scope=all", "/{own}"])
    def test_so_does_the_end_of_sessions_that_is_asked_for_again(
        self,
        which: str,
        alice: Person,
        alice_here: Person,
        worker: Flask,
        other: Flask,
        ticks: Clock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """The first one died before telling. The answer is that the session has ended: nobody may accept it then."""
        there, post = warm(alice, other), Notices.post
        listed = alice_here.client.get("/auth/sessions", headers=alice_here.headers).json
        (own,) = [one["id"] for one in listed["items"]]
        path = f"/auth/sessions{which.format(own=own)}"
        monkeypatch.setattr(Notices, "post", die)
        assert alice_here.client.delete(path, headers=alice_here.headers).status_code == 500
        monkeypatch.setattr(Notices, "post", post)
        fresh(worker)  # it was started again
        assert there.home().status_code == 200, "within its lease"
        waits = len(ticks.waits)
        again = alice_here.client.delete(path, headers=alice_here.headers)
        problem(again, 401, "session_ended")
        assert len(ticks.waits) == waits + 1
        assert there.home().status_code == 401

    def test_two_at_once_both_wait(self, alice_here: Person, mongo: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.undo()  # the clock goes
        before = posted(mongo)
        calls = [lambda: sign_out(alice_here)] * 2
        began = time.monotonic()
        ends = race(*[lambda call=call: (call(), time.monotonic())[1] for call in calls])
        assert min(ends) - began >= LEASE_SECONDS
        assert posted(mongo) == before + 2


def die(_ids: object) -> None:
    """Die before telling."""
    raise SystemError("killed")


def sign_out(person: Person) -> None:
    """End somebody's session by its access token."""
    assert person.client.delete("/auth/logout", headers=person.headers).status_code == 204


class TestR131Filling:
    def test_what_was_read_before_a_notice_is_not_kept(
        self, alice: Person, worker: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The reading of the session is held, while it ends and the worker learns that something has."""
        there, mine = warm(alice.login(), worker), alice.login()
        state_of = Session.state_of

        def held(session_id: str, **options: Any) -> Any:
            state = state_of(session_id, **options)
            if options.get("to_keep"):
                sign_out(mine)
                kept_by(worker).ask()
            return state

        here = Person(worker.test_client(use_cookies=False), alice.email, alice.password, tokens=mine.tokens)
        here.home()  # verifies the token
        monkeypatch.setattr(Session, "state_of", held)
        assert here.home().status_code == 200  # it was live when it was read
        monkeypatch.setattr(Session, "state_of", state_of)
        problem(here.home(), 401, "session_ended")
        assert there.home().status_code == 200

    def test_without_the_notice_it_is_kept(self, alice_here: Person) -> None:
        assert reads(alice_here.home) == []


class TestR132OtherHistories:
    """A worker that does not find its mark keeps nothing."""

    def test_when_the_list_was_too_short(self, alice_here: Person, worker: Flask) -> None:
        with worker.app_context():
            for _ in range(129):
                Notices.post([ObjectId()])
            notices.take_end_of_leases()
        assert learns(alice_here, worker) == ["find sessions"]

    def test_not_before(self, alice_here: Person, worker: Flask) -> None:
        with worker.app_context():
            for _ in range(127):
                Notices.post([ObjectId()])
            notices.take_end_of_leases()
        assert learns(alice_here, worker) == []

    def test_when_the_document_is_gone(self, alice_here: Person, worker: Flask, mongo: Database) -> None:
        """And with it a notice that this worker has not seen."""
        mongo.notices.delete_one({})
        assert learns(alice_here, worker) == ["find sessions"]

    def test_when_an_older_one_was_restored(self, alice_here: Person, worker: Flask, mongo: Database) -> None:
        older = mongo.notices.find_one({"_id": "sessions"})
        assert older is not None
        with worker.app_context():
            Notices.post([ObjectId()])
            notices.take_end_of_leases()
        assert learns(alice_here, worker) == []
        mongo.notices.replace_one({"_id": "sessions"}, older)
        assert learns(alice_here, worker) == ["find sessions"]

    def test_when_more_has_ended_than_a_notice_can_say(
        self, alice_here: Person, worker: Flask, mongo: Database
    ) -> None:
        """Every worker reads the list, and a list of lists without an end would no longer be stored."""
        many = [ObjectId() for _ in range(129)]
        with worker.app_context():
            Notices.post(many[:128])
            notices.take_end_of_leases()
            assert learns(alice_here, worker) == []
            Session.end_each(many, "logout", clock.now())
            assert notices.take_end_of_leases() is not None
        assert learns(alice_here, worker) == ["find sessions"]
        stored = mongo.notices.find_one({"_id": "sessions"})
        assert stored is not None
        assert max(len(notice["of"]) for notice in stored["recent"]) <= 128

    def test_when_an_operator_says_so(self, alice_here: Person, worker: Flask) -> None:
        assert worker.test_cli_runner().invoke(args=["sessions", "forget"]).exit_code == 0
        assert learns(alice_here, worker) == ["find sessions"]

    def test_two_who_make_it_at_once_both_post(self, app: Flask, clean: None, mongo: Database) -> None:
        ids = [ObjectId() for _ in range(8)]
        race(*[lambda one=one: Notices.post([one]) for one in ids])
        document = mongo.notices.find_one({"_id": "sessions"})
        assert document is not None
        assert sorted(one for notice in document["recent"] for one in notice["of"]) == sorted(ids)


def learns(person: Person, worker: Flask) -> list[str]:
    """Return what a request reads once the worker has read the notices."""
    with worker.app_context():
        kept_by(worker).ask()
    return reads(person.home)


class TestR133OnlyYes:
    """Nobody is refused by what is kept."""

    def test_an_idle_session_that_was_refreshed_elsewhere(
        self, alice_here: Person, alice: Person, mongo: Database, worker: Flask
    ) -> None:
        """What is kept says that it has been idle for too long; what is stored does not."""
        own = kept_by(worker)
        (kept,) = own._kept.values()
        kept.value["lastUsedAt"] -= timedelta(days=365)
        assert alice.refresh().status_code == 200
        assert reads(lambda: alice_here.home().status_code == 200 or pytest.fail("refused")) == ["find sessions"]

    def test_a_proof_elsewhere(self, alice_here: Person, other: Flask, mongo: Database) -> None:
        """Whatever asks for a fresh sign-in reads the session."""
        mongo.sessions.update_many({}, {"$set": {"authTime": clock.now() - timedelta(hours=1)}})
        worker_forgets(alice_here)
        problem(alice_here.client.post("/auth/access-tokens", headers=alice_here.headers, json=TOKEN), 403, FRESH)
        there = Person(other.test_client(use_cookies=False), alice_here.email, PASSWORD, tokens=alice_here.tokens)
        proof = there.client.post("/auth/reauthenticate", headers=there.headers, json={"password": PASSWORD})
        assert proof.status_code == 200
        made = alice_here.client.post("/auth/access-tokens", headers=alice_here.headers, json=TOKEN)
        assert made.status_code == 201

    def test_one_that_has_expired_is_ended_on_record(self, alice_here: Person, mongo: Database) -> None:
        mongo.sessions.update_many({}, {"$set": {"lastUsedAt": clock.now() - timedelta(days=365)}})
        worker_forgets(alice_here)
        assert problem(alice_here.home(), 401, "session_ended")["reason"] == "expired"
        ended = mongo.sessions.find_one({})
        assert ended is not None
        assert ended["endReason"] == "expired"


TOKEN = {"name": "script", "scopes": ["account:read"]}
FRESH = "fresh_login_required"


def worker_forgets(person: Person) -> None:
    """Let a worker keep what is stored now."""
    own = person.client.application.extensions["authsvc.standings"]
    own._kept.clear()
    person.home()


class TestR134Lease:
    def test_it_counts_from_the_beginning_of_the_reading(
        self, alice_here: Person, worker: Flask, ticks: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        since = Notices.since

        def slow(mark: ObjectId | None) -> Any:
            news = since(mark)
            ticks.seconds += LEASE_SECONDS
            return news

        monkeypatch.setattr(Notices, "since", slow)
        kept_by(worker).ask()
        monkeypatch.setattr(Notices, "since", since)
        assert "find notices" in reads(alice_here.home)

    def test_past_it_the_worker_asks_before_it_accepts(self, alice_here: Person, alice: Person, ticks: Clock) -> None:
        sign_out(alice)  # by a worker that does not wait
        ticks.seconds += LEASE_SECONDS
        problem(alice_here.home(), 401, "session_ended")

    def test_within_it_the_worker_accepts_what_has_just_ended(
        self, alice_here: Person, alice: Person, ticks: Clock
    ) -> None:
        """Which is why a sign-out is answered after it: without the wait this would be a fault."""
        sign_out(alice)
        assert alice_here.home().status_code == 200
        ticks.seconds += WAIT_SECONDS
        problem(alice_here.home(), 401, "session_ended")

    def test_a_reading_that_has_begun_is_too_early_for_who_comes_then(
        self, alice_here: Person, alice: Person, worker: Flask, ticks: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """They share the next one."""
        since, begun, go_on = Notices.since, threading.Event(), threading.Event()
        readings: list[ObjectId | None] = []

        def held(mark: ObjectId | None) -> Any:
            news = since(mark)
            readings.append(mark)
            if len(readings) == 1:
                begun.set()
                assert go_on.wait(10)
            return news

        monkeypatch.setattr(Notices, "since", held)
        first = threading.Thread(target=kept_by(worker).ask)
        first.start()
        assert begun.wait(10)
        sign_out(alice)
        ticks.seconds += LEASE_SECONDS
        answers: list[Any] = []
        late = [threading.Thread(target=lambda: answers.append(alice_here.home())) for _ in range(5)]
        for one in late:
            one.start()
        time.sleep(0.3)  # all of them wait for their turn
        go_on.set()
        for one in (first, *late):
            one.join()
        assert [answer.status_code for answer in answers] == [401] * 5
        assert len(readings) == 2

    def test_if_nobody_answers_nobody_gets_in(
        self, alice_here: Person, ticks: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Notices, "_get_collection", unreachable)
        ticks.seconds += LEASE_SECONDS
        problem(alice_here.home(), 503, "database_unavailable")
        monkeypatch.undo()
        assert alice_here.home().status_code == 200

    def test_it_is_renewed_before_anybody_waits(self, alice_here: Person, worker: Flask, ticks: Clock) -> None:
        kept_by(worker).ask()
        before = kept_by(worker)._until
        ticks.seconds += 0.15
        assert reads(alice_here.home) == []
        end = time.monotonic() + 10
        while kept_by(worker)._until == before:
            assert time.monotonic() < end
            time.sleep(0.01)
        assert reads(alice_here.home) == []


def unreachable() -> Any:
    """Fail as the driver does if no server answers."""
    raise notices.DuplicateKeyError("nobody")


class TestR135Bounds:
    def test_of_ten_thousand_it_keeps_4096(self, app: Flask, clean: None, worker: Flask) -> None:
        own = kept_by(worker)
        for number in range(10_000):
            own.fill(str(number), lambda to_keep, number=number: {"number": number}, lambda _: (ObjectId(),))
        assert list(own._kept) == [str(number) for number in range(10_000 - 4096, 10_000)]

    def test_one_is_read_again_after_ten_seconds(self, alice_here: Person, mongo: Database, ticks: Clock) -> None:
        """Whatever somebody changed by hand, and told nobody."""
        mongo.sessions.update_many({}, {"$set": {"endedAt": clock.now(), "endReason": "admin"}})
        ticks.seconds += 9.9
        assert alice_here.home().status_code == 200
        ticks.seconds += 0.1
        problem(alice_here.home(), 401, "session_ended")

    def test_what_has_ended_is_not_kept(self, alice_here: Person, worker: Flask, ticks: Clock) -> None:
        sign_out(alice_here)
        problem(alice_here.home(), 401, "session_ended")
        assert kept_by(worker)._kept == {}


class TestR136Off:
    def test_each_request_reads_its_session_once(self, alice: Person) -> None:
        alice.home()
        assert reads(alice.home) == ["find sessions"]

    def test_a_notice_is_posted_and_nobody_waits(self, alice: Person, mongo: Database, ticks: Clock) -> None:
        Notices.begin()
        before = posted(mongo)
        sign_out(alice)
        assert ticks.waits == []
        assert posted(mongo) == before + 1


class TestR137Waits:
    def test_one_for_many_notices(self, alice_here: Person, mongo: Database, ticks: Clock) -> None:
        before = posted(mongo)
        answer = alice_here.client.delete("/auth/sessions?scope=all", headers=alice_here.headers)
        assert answer.status_code == 204
        assert posted(mongo) > before + 1
        assert ticks.waits == [pytest.approx(WAIT_SECONDS)]

    def test_none_where_nothing_ends(self, alice_here: Person, mongo: Database, ticks: Clock) -> None:
        before = posted(mongo)
        alice_here.login()
        assert alice_here.refresh().status_code == 200
        assert alice_here.client.get("/auth/sessions", headers=alice_here.headers).status_code == 200
        Person(alice_here.client, "carol@example.com", PASSWORD, "Carol").register()
        assert ticks.waits == []
        assert posted(mongo) == before

    def test_commands_wait_too(self, alice_here: Person, worker: Flask, ticks: Clock) -> None:
        ended = worker.test_cli_runner().invoke(args=["sessions", "end", alice_here.email, "--yes"])
        assert ended.exit_code == 0, ended.output
        assert ticks.waits == [pytest.approx(WAIT_SECONDS)]

    def test_the_next_request_does_not_wait_for_the_one_before(self, alice_here: Person, ticks: Clock) -> None:
        other_session = alice_here.login()
        sign_out(alice_here)
        assert len(ticks.waits) == 1
        assert other_session.home().status_code == 200
        assert len(ticks.waits) == 1

    def test_a_new_role_counts_at_once(self, alice_here: Person, worker: Flask) -> None:
        assert worker.test_cli_runner().invoke(args=["users", "promote", alice_here.email]).exit_code == 0
        answer = alice_here.client.get("/auth/verify?role=admin", headers=alice_here.headers)
        assert answer.status_code == 204


class TestAccessTokens:
    """Personal access tokens are kept by the same rules."""

    @pytest.fixture
    def script(self, alice: Person, worker: Flask) -> "Script":
        """Return a script with a token that the worker keeps."""
        made = alice.client.post("/auth/access-tokens", headers=alice.headers, json=TOKEN)
        assert made.status_code == 201
        script = Script(worker.test_client(use_cookies=False), made.get_json()["token"], made.get_json()["id"])
        for _ in range(3):
            assert script.ask().status_code == 204
        return script

    def test_a_request_reads_nothing(self, script: "Script") -> None:
        with counted_work() as work:
            assert script.ask().status_code == 204
        assert work.commands == []

    def test_it_is_over_at_once_when_it_is_revoked(self, script: "Script", alice_here: Person, ticks: Clock) -> None:
        answer = alice_here.client.delete(f"/auth/access-tokens/{script.token_id}", headers=alice_here.headers)
        assert answer.status_code == 204
        assert ticks.waits == [pytest.approx(WAIT_SECONDS)]
        problem(script.ask(), 401, "token_invalid")

    def test_it_is_over_at_once_when_all_are_or_the_account_is_disabled(
        self, script: "Script", alice: Person, worker: Flask
    ) -> None:
        assert worker.test_cli_runner().invoke(args=["users", "disable", alice.email]).exit_code == 0
        problem(script.ask(), 401, "token_invalid")

    def test_it_has_the_role_of_now(self, script: "Script", alice: Person, worker: Flask) -> None:
        assert script.ask().headers["X-Auth-Role"] == "user"
        assert worker.test_cli_runner().invoke(args=["users", "promote", alice.email]).exit_code == 0
        assert script.ask().headers["X-Auth-Role"] == "admin"

    def test_its_use_is_noted_once_a_minute(self, script: "Script", mongo: Database) -> None:
        later = clock.now() + timedelta(seconds=61)
        with time_machine.travel(later):
            with counted_work() as work:
                assert script.ask().status_code == 204
            assert work.commands == ["update access_tokens"]
            with counted_work() as work:
                assert script.ask().status_code == 204
            assert work.commands == []
        stored = mongo.access_tokens.find_one({})
        assert stored is not None
        assert abs(stored["lastUsedAt"] - later) < timedelta(seconds=10)

    def test_it_expires_to_the_second(self, alice: Person, worker: Flask) -> None:
        made = alice.client.post("/auth/access-tokens", headers=alice.headers, json={**TOKEN, "expiresInDays": 1})
        script = Script(worker.test_client(use_cookies=False), made.get_json()["token"], made.get_json()["id"])
        assert [script.ask().status_code for _ in range(3)] == [204] * 3
        with time_machine.travel(clock.now() + timedelta(days=1)):
            problem(script.ask(), 401, "token_invalid")


@dataclass
class Script:
    """Whoever has a token, as a client of one worker."""

    client: FlaskClient
    token: str
    token_id: str

    def ask(self) -> Any:
        """Ask who it is."""
        return self.client.get("/auth/verify", headers={"Authorization": f"Bearer {self.token}"})
