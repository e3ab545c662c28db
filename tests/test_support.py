"""The kit of the fault tests does what it says: a fault that never happens would prove anything."""

import contextlib
import os
import secrets
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import bcrypt
import bson
import psutil
import pymongo
import pytest
from bson import ObjectId
from flask import Flask
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.database import Database as MongoDatabase
from pymongo.errors import AutoReconnect, PyMongoError

from authsvc.security import opaque_tokens
from tests.conftest import PASSWORD, Person, wipe
from tests.support.fault_proxy import FaultProxy
from tests.support.half_open import half_open_bodies, half_open_headers
from tests.support.invariants import INDEXES, faults_in
from tests.support.leaks import stored_leaks
from tests.support.races import ROUNDS, eventually, race, rounds
from tests.support.service import ROOT, Service, Visitor
from tests.support.snapshots import Snapshots

TIMEOUT_MS = 1500
SLACK = 0.5
"""Seconds that a busy machine may take longer than said."""
NAME = f"authsvc_support_{os.getpid()}"

_PING_BODY = bson.encode({"ping": 1, "$db": "admin"})
PING = struct.pack("<iiiiIB", 21 + len(_PING_BODY), 1, 0, 2013, 0, 0) + _PING_BODY
"""The command as it goes over the wire: header, flags, one section."""

Documents = Collection[dict[str, Any]]
Database = MongoDatabase[dict[str, Any]]


@pytest.fixture
def direct(mongodb_uri: str) -> Iterator[Database]:
    """Return a database of these tests' own, empty, without the proxy: what judges the outcome."""
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        client.drop_database(NAME)
        yield client[NAME]
        client.drop_database(NAME)


@pytest.fixture
def proxy(mongodb_uri: str) -> Iterator[FaultProxy]:
    """Return a healthy network."""
    with FaultProxy(urlsplit(mongodb_uri).port or 0) as network:
        yield network


@pytest.fixture
def things(proxy: FaultProxy, direct: Database) -> Iterator[Documents]:
    """Return a collection as a client sees it through the network; it never tries a write again by itself."""
    with client_of(proxy) as client:
        with pymongo.timeout(20):  # on a busy machine it takes a while to connect
            client.admin.command("ping")
        yield client[NAME].things


def client_of(proxy: FaultProxy, **options: Any) -> MongoClient[dict[str, Any]]:
    """Return a client through the network."""
    options = {"timeoutMS": TIMEOUT_MS, "retryWrites": False, "retryReads": False, **options}
    return MongoClient(f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true", **options)


@contextlib.contextmanager
def connected(proxy: FaultProxy) -> Iterator[socket.socket]:
    """Hold a bare connection through the network, on which the server has answered once."""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=2) as connection:
        connection.sendall(PING)
        assert connection.recv(65536)
        yield connection


def received(connection: socket.socket) -> int:
    """Return how many bytes come before the connection is reset; it must be."""
    count = 0
    try:
        while part := connection.recv(65536):
            count += len(part)
    except ConnectionResetError:
        return count
    pytest.fail("it ended, and was not reset")


def seconds_of_failure(call: Any) -> float:
    """Return how long a call took to fail at the database."""
    begin = time.monotonic()
    with pytest.raises(PyMongoError):
        call()
    return time.monotonic() - begin


class TestPassing:
    def test_it_forwards_and_counts_the_work(self, proxy: FaultProxy, things: Documents) -> None:
        mark = proxy.commands.copy()
        things.insert_one({"n": 1})
        things.find_one_and_update({"n": 1}, {"$inc": {"n": 1}})
        things.update_one({"n": 2}, {"$set": {"n": 3}})
        assert things.find_one({"n": 3}) is not None
        done = {name: count for name, count in (proxy.commands - mark).items() if name not in {"hello", "ismaster"}}
        assert done == {"insert": 1, "findAndModify": 1, "update": 1, "find": 1}
        assert proxy.connections > 0

    def test_large_messages_arrive_whole(self, things: Documents) -> None:
        blobs = [{"_id": number, "blob": secrets.token_bytes(400_000)} for number in range(5)]
        things.insert_many(blobs)
        assert list(things.find().sort("_id", 1)) == blobs

    def test_a_client_that_looks_for_the_replica_set_goes_past_it(self, proxy: FaultProxy, mongodb_uri: str) -> None:
        """Which is why every URI through it says directConnection=true."""
        with MongoClient[dict[str, Any]](mongodb_uri) as client:
            if "setName" not in client.admin.command("hello"):
                pytest.skip("this server calls itself no member of a replica set")
        with MongoClient[dict[str, Any]](f"mongodb://127.0.0.1:{proxy.port}/", timeoutMS=4000) as astray:
            astray.admin.command("ping")
            proxy.refuse()
            assert astray.admin.command("ping")["ok"] == 1


class TestRefusing:
    def test_new_connections_are_refused_and_old_ones_reset_on_a_port_that_stays(
        self, proxy: FaultProxy, things: Documents
    ) -> None:
        port = proxy.port
        with connected(proxy) as old:
            proxy.refuse()
            assert received(old) == 0
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=1)
        # If the driver has noticed before, it waits for a server: for its time limit, in steps of half a second.
        assert seconds_of_failure(lambda: things.insert_one({})) < TIMEOUT_MS / 1000 + 0.5 + SLACK
        proxy.heal()
        assert proxy.port == port
        things.insert_one({})

    @pytest.mark.slow
    def test_no_connection_slips_through_meanwhile(self, proxy: FaultProxy) -> None:
        """One that was being made when the listener closed may learn of it by sending: nobody is at its other end."""
        for _ in range(20):
            caught: list[socket.socket] = []
            stop = threading.Event()
            dialling = threading.Thread(target=dial, args=(proxy.port, caught, stop))
            dialling.start()
            time.sleep(0.005)
            proxy.refuse()
            stop.set()
            dialling.join()
            for one in caught:
                with one, contextlib.suppress(ConnectionResetError, BrokenPipeError):
                    one.sendall(PING)
                    assert one.recv(1) == b""
            proxy.heal()


def dial(port: int, caught: list[socket.socket], stop: threading.Event) -> None:
    """Connect again and again, from another address: from the same one the kernel may connect a port with itself."""
    while not stop.is_set():
        with contextlib.suppress(OSError):
            caught.append(socket.create_connection(("127.0.0.1", port), 2, ("127.0.0.2", 0)))


class TestBlackhole:
    def test_connections_are_taken_and_nothing_comes(self, proxy: FaultProxy, things: Documents) -> None:
        proxy.blackhole()
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=0.3) as fresh:
            fresh.sendall(b"\x10\0\0\0" + bytes(12))
            with pytest.raises(TimeoutError):
                fresh.recv(1)
        assert TIMEOUT_MS / 1000 * 0.8 < seconds_of_failure(lambda: things.find_one({})) < 6

    @pytest.mark.slow
    def test_what_was_frozen_is_never_done(self, proxy: FaultProxy, things: Documents, direct: Database) -> None:
        for number in range(3):
            mark = proxy.commands["insert"]
            proxy.blackhole()
            seconds_of_failure(lambda number=number: things.insert_one({"_id": number}))
            proxy.heal()
            time.sleep(0.1)
            assert proxy.commands["insert"] == mark
        assert direct.things.count_documents({}) == 0
        things.insert_one({})

    def test_a_blackhole_can_become_a_refusal(self, proxy: FaultProxy, things: Documents) -> None:
        proxy.blackhole()
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", proxy.port), timeout=1)
        proxy.heal()
        with contextlib.suppress(AutoReconnect):  # the pool may hold a connection that is dead
            things.find_one({})
        things.insert_one({})


class TestSlowness:
    def test_each_reply_is_held_back(self, proxy: FaultProxy, things: Documents) -> None:
        proxy.delay(0.4)
        begin = time.monotonic()
        things.find_one({})
        assert time.monotonic() - begin >= 0.4
        proxy.heal()
        begin = time.monotonic()
        things.find_one({})
        assert time.monotonic() - begin < 0.4

    def test_jitter_spreads_it(self, proxy: FaultProxy, things: Documents) -> None:
        proxy.delay(0.06, jitter=0.05)
        taken = []
        for _ in range(12):
            begin = time.monotonic()
            things.find_one({})
            taken.append(time.monotonic() - begin)
        assert min(taken) >= 0.01
        assert max(taken) - min(taken) > 0.01

    def test_a_reply_later_than_the_client_waits_is_a_failure_of_a_write_that_was_done(
        self, proxy: FaultProxy, things: Documents, direct: Database
    ) -> None:
        proxy.delay(5)
        assert seconds_of_failure(lambda: things.insert_one({"_id": 1})) < 4
        assert direct.things.count_documents({}) == 1


class TestCutting:
    def test_every_connection_is_reset(self, proxy: FaultProxy, things: Documents) -> None:
        """With RST: a client in the middle of reading gets an error, not an end."""
        with connected(proxy) as one:
            proxy.cut()
            assert received(one) == 0
        with contextlib.suppress(AutoReconnect):  # the pool may hold a connection that is dead
            things.find_one({})
        things.insert_one({})

    @pytest.mark.parametrize("count", [0, 3, 20])
    def test_a_reply_ends_in_its_middle(self, proxy: FaultProxy, count: int) -> None:
        with connected(proxy) as one:
            proxy.cut_after_bytes(count)
            one.sendall(PING)
            assert received(one) == count
        with connected(proxy):
            pass  # once only


WRITES: dict[str, Any] = {
    "insert": lambda things: things.insert_one({"_id": 2, "n": 1}),
    "findAndModify": lambda things: things.find_one_and_update({"_id": 1, "n": 0}, {"$inc": {"n": 1}}),
    "update": lambda things: things.update_one({"_id": 1}, {"$inc": {"n": 1}}),
}


class TestAnswerLostAfterCommit:
    @pytest.mark.parametrize("command", list(WRITES))
    def test_it_is_done_and_the_client_does_not_know(
        self, proxy: FaultProxy, things: Documents, direct: Database, command: str
    ) -> None:
        direct.things.insert_one({"_id": 1, "n": 0})
        proxy.swallow_reply_to(command)
        assert not proxy.swallowed
        with pytest.raises(AutoReconnect):
            WRITES[command](things)
        assert proxy.swallowed
        assert direct.things.count_documents({"n": 1}) == 1, "not committed, or twice"
        things.update_one({"_id": 1}, {"$set": {"n": 9}})  # once only: the next is heard

    def test_others_are_left_alone(self, proxy: FaultProxy, things: Documents) -> None:
        proxy.swallow_reply_to("findAndModify")
        things.insert_one({"_id": 1})
        things.find_one({})
        assert not proxy.swallowed

    def test_the_nth_is_meant(self, proxy: FaultProxy, things: Documents, direct: Database) -> None:
        proxy.swallow_reply_to("insert", nth=3)
        things.insert_one({"_id": 1})
        things.insert_one({"_id": 2})
        assert not proxy.swallowed
        with pytest.raises(AutoReconnect):
            things.insert_one({"_id": 3})
        things.insert_one({"_id": 4})
        assert [one["_id"] for one in direct.things.find().sort("_id", 1)] == [1, 2, 3, 4]

    def test_of_many_at_once_one_is_lost(self, proxy: FaultProxy, direct: Database) -> None:
        """Of one client each: a driver that loses a connection fails calls that wait for another, unsent."""
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(client_of(proxy)) for _ in range(8)]
            for client in clients:
                client.admin.command("ping")
            proxy.swallow_reply_to("insert")
            tries = [lambda n=n, c=c: c[NAME].things.insert_one({"_id": n}) for n, c in enumerate(clients)]
            answers = race(*tries, returning=(AutoReconnect,))
        assert sum(isinstance(answer, AutoReconnect) for answer in answers) == 1
        assert direct.things.count_documents({}) == 8

    def test_healing_takes_it_back(self, proxy: FaultProxy, things: Documents) -> None:
        proxy.swallow_reply_to("insert")
        proxy.cut_after_bytes(10)
        proxy.heal()
        assert things.insert_one({}).acknowledged

    def test_a_driver_that_tries_again_sends_it_twice(self, proxy: FaultProxy, direct: Database) -> None:
        """Whether the server takes the second for the first is the server's affair: the embedded one need not."""
        with client_of(proxy, retryWrites=True, timeoutMS=4000) as client:
            client.admin.command("ping")
            mark = proxy.commands["insert"]
            proxy.swallow_reply_to("insert")
            with contextlib.suppress(PyMongoError):
                client[NAME].things.insert_one({"_id": 1})
            assert proxy.commands["insert"] == mark + 2
        assert direct.things.count_documents({}) == 1


class TestRaces:
    def test_calls_overlap_and_keep_their_order(self) -> None:
        together = threading.Barrier(8, timeout=5)
        assert [index for index, _ in race(*(lambda n=n: (n, together.wait()) for n in range(8)))] == list(range(8))

    def test_what_is_raised_is_raised_unless_asked_for(self) -> None:
        with pytest.raises(ZeroDivisionError):
            race(lambda: 1, lambda: 1 // 0)
        one, error = race(lambda: 1, lambda: 1 // 0, returning=(ZeroDivisionError,))
        assert one == 1
        assert isinstance(error, ZeroDivisionError)

    @rounds
    def test_rounds_are_numbered(self, turn: int) -> None:
        assert 0 <= turn < ROUNDS


@pytest.fixture
def sound(direct: Database) -> Database:
    """Return a database in which nothing is wrong."""
    for collection, wanted in INDEXES.items():
        for name, options in wanted.items():
            others = {key: value for key, value in options.items() if key != "key"}
            direct[collection].create_index(options["key"], name=name, **others)
    now = datetime.now(UTC)
    user = {"_id": ObjectId(), "name": "A", "email": "a@example.com", "role": "user", "createdAt": now}
    direct.users.insert_one({**user, "password": bcrypt.hashpw(b"x", bcrypt.gensalt(4, b"2b")).decode()})
    direct.sessions.insert_one({"user": user["_id"], "generation": 1, "createdAt": now, "endedAt": None})
    direct.signing_keys.insert_one({"_id": 1, "kid": "k", "sealed": "s", "createdAt": now})
    return direct


def loosen_uniqueness(database: Database) -> None:
    """Replace the unique index by one that only has its name."""
    database.users.drop_index("email_key")
    database.users.create_index("emailKey", name="email_key", sparse=True)


def forget_case(database: Database) -> None:
    """Replace the unique index by one of addresses with their capitals."""
    database.users.drop_index("email_key")
    database.users.create_index([("email", 1), ("_id", 1)], name="email_key", unique=True, sparse=True)


def double(database: Database) -> None:
    """Store an address twice."""
    database.users.drop_index("email_key")
    (user,) = database.users.find()
    database.users.insert_one({**user, "_id": ObjectId(), "email": "A@example.com"})


BROKEN: dict[str, tuple[Any, set[str]]] = {
    "two accounts": (double, {"an address has two accounts", "index email_key is missing"}),
    "no address": (lambda db: db.users.update_one({}, {"$unset": {"email": 1}}), {"has no address"}),
    "plain password": (lambda db: db.users.update_one({}, {"$set": {"password": "x"}}), {"has no usable hash"}),
    "cut hash": (lambda db: db.users.update_one({}, {"$set": {"password": "$2b$04$x"}}), {"has no usable hash"}),
    "no password": (lambda db: db.users.update_one({}, {"$unset": {"password": 1}}), {"has no usable hash"}),
    "risen from the dead": (
        lambda db: db.users.update_one({"_id": ObjectId()}, {"$set": {"name": "ghost"}}, upsert=True),
        {"has no address", "has no usable hash", "in users is a fragment"},
    ),
    "a session that is a fragment": (
        lambda db: db.sessions.update_one({"_id": 1}, {"$set": {"endedAt": datetime.now(UTC)}}, upsert=True),
        {"in sessions is a fragment"},
    ),
    "disabled": (lambda db: db.users.update_one({}, {"$set": {"disabledAt": 1}}), {"outlives its user"}),
    "deleted": (lambda db: db.users.delete_many({}), {"outlives its user"}),
    "a missing index": (lambda db: db.sessions.drop_index("expiry"), {"index expiry is missing"}),
    "not unique": (loosen_uniqueness, {"index email_key is not as declared"}),
    "case matters": (forget_case, {"index email_key is not as declared"}),
}


class TestVerdict:
    def test_of_a_sound_database_it_says_nothing_and_changes_nothing(self, sound: Database) -> None:
        before = [list(sound[name].find()) for name in ("users", "sessions", "signing_keys")]
        assert faults_in(sound) == []
        assert [list(sound[name].find()) for name in ("users", "sessions", "signing_keys")] == before

    @pytest.mark.parametrize("breaking", list(BROKEN))
    def test_it_says_what_is_wrong_and_nothing_else(self, sound: Database, breaking: str) -> None:
        act, sentences = BROKEN[breaking]
        act(sound)
        found = faults_in(sound)
        assert len(found) == len(sentences), found
        assert all(any(said.endswith(sentence) for said in found) for sentence in sentences), found

    def test_a_session_of_a_registration_that_was_cut_short_waits_for_its_record(self, sound: Database) -> None:
        session = ObjectId()
        sound.sessions.insert_one({**sound.sessions.find_one(), "_id": session, "user": ObjectId()})
        details = {"session": str(session)}
        record = {"action": "login.succeeded", "details": details, "evidence": {"collection": "users"}}
        sound.audit.insert_one(record)
        assert faults_in(sound) == []
        sound.audit.update_one({"_id": record["_id"]}, {"$unset": {"evidence": 1}})
        assert faults_in(sound) == [f"session {session} outlives its user"]

    def test_an_ended_session_may_outlive_its_user(self, sound: Database) -> None:
        sound.sessions.update_many({}, {"$set": {"endedAt": datetime.now(UTC)}})
        sound.users.delete_many({})
        assert faults_in(sound) == []


LINK = opaque_tokens.generate("asl_")
LEAKS = {
    "a JWT": "eyJhbGciOiJFUzI1NiIs.eyJzdWIiOiI2YjA1",
    "a personal access token": opaque_tokens.generate("asv_"),
    "the secret of a link": f"http://localhost:8000/account/verify-email#token={LINK}",
    "a hash": "$2b$04$" + "." * 53,
    "the password of the tests": "correct horse battery",
}


class TestLeaks:
    """R95: what leaks fails a test, whatever that was about."""

    @pytest.mark.parametrize(("kind", "secret"), LEAKS.items(), ids=LEAKS)
    def test_a_service_that_logged_one_does_not_stop_in_silence(self, kind: str, secret: str) -> None:
        service = Service()
        service._log.write_text(f"fine\nat fault: {secret}\nfine\n")
        with pytest.raises(AssertionError, match=f"{kind} in: at fault"):
            service.stop()

    @pytest.mark.parametrize("settings", [{"APP_ENV": "development"}, {"MAIL_URL": "console:"}])
    def test_the_links_of_letters_that_are_printed_are_none(self, settings: dict[str, str]) -> None:
        service = Service(**settings)
        service._log.write_text(LINK)
        service.stop()

    @pytest.mark.parametrize(("kind", "secret"), LEAKS.items(), ids=LEAKS)
    def test_a_document_is_found_by_its_collection(self, direct: Database, kind: str, secret: str) -> None:
        direct.audit.insert_one({"details": {"what": [secret]}})
        (leak,) = stored_leaks(direct)
        assert leak.startswith(f"audit: {kind} in: ")
        assert stored_leaks(direct, "throttles") == []

    def test_an_account_may_have_a_hash_and_nothing_else(self, direct: Database) -> None:
        account = {"passwordChangedAt": datetime.now(UTC), "password": LEAKS["a hash"]}
        direct.users.insert_one(account)
        assert stored_leaks(direct) == []
        direct.users.update_one({}, {"$set": {"password": "correct horse battery"}})
        assert len(stored_leaks(direct)) == 1


def tree_of(service: Service) -> list[psutil.Process]:
    """Return the master and all that it started."""
    return [service.master(), *service.master().children(recursive=True)]


class TestService:
    @pytest.mark.slow
    def test_it_serves_with_its_workers_and_leaves_nothing(self, settings: dict[str, str]) -> None:
        with Service(**{**settings, "WEB_CONCURRENCY": 2}) as service:
            processes = tree_of(service)
            assert len(service.workers()) == 2
            visitor = Visitor(service.url)
            tokens = visitor.register(f"{secrets.token_hex(6)}@example.com").json()
            assert visitor.me(tokens["accessToken"]).json()["id"] == tokens["user"]["id"]
            with half_open_headers(service.port, 20) as heads, half_open_bodies(service.port, 20) as bodies:
                assert (len(heads), len(bodies)) == (20, 20)
                assert visitor.home(tokens["accessToken"]).status_code == 200
            service.workers()[0].kill()
            service.wait_ready()
            assert len(service.workers()) == 2
            service.signal(signal.SIGTERM)
            assert service.wait() == 0
        assert psutil.wait_procs(processes, 5)[1] == []

    def test_one_that_never_gets_ready_leaves_nothing(
        self, settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        processes: list[psutil.Process] = []

        def give_up(service: Service, _seconds: float = 0) -> None:
            eventually(lambda: len(service.workers()) == 1)
            processes.extend(tree_of(service))
            raise TimeoutError

        monkeypatch.setattr(Service, "wait_ready", give_up)
        with pytest.raises(TimeoutError), Service(**settings):
            pytest.fail("it was not ready")
        assert len(processes) == 2
        assert psutil.wait_procs(processes, 5)[1] == []

    @pytest.mark.slow
    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has ended")
    def test_a_run_that_is_killed_leaves_nothing(self, settings: dict[str, str]) -> None:
        run = (
            "import sys, time; from tests.support.service import Service;"
            "service = Service(WEB_CONCURRENCY=1).start();"
            "print(service.process.pid, service._log, flush=True); time.sleep(60)"
        )
        environ = {**os.environ, **settings, "PYTHONPATH": str(ROOT)}
        with subprocess.Popen([sys.executable, "-c", run], env=environ, stdout=subprocess.PIPE, text=True) as runner:
            assert runner.stdout is not None
            pid, log = runner.stdout.readline().split()
            master = psutil.Process(int(pid))
            processes = [master, *master.children(recursive=True)]
            runner.kill()
        assert psutil.wait_procs(processes, 15)[1] == []
        os.unlink(log)


class TestSnapshots:
    def test_what_is_put_back_is_younger_than_what_is_there(
        self, app: Flask, mongo: MongoDatabase[dict[str, Any]], clean: None, snapshots: Snapshots
    ) -> None:
        """As if it were registered now, whichever was made first."""
        client = app.test_client()
        people = {name: Person(client, f"{name}@example.com", PASSWORD, name) for name in ("bob", "alice")}
        for order in (("bob", "alice"), ("alice", "bob"), ("bob", "alice")):
            wipe(mongo)
            for name in order:
                people[name].tokens = snapshots.tokens(name, lambda who=people[name]: who.register().tokens)
            listed = [one["email"] for one in mongo.users.find().sort("_id", 1)]
            assert listed == [f"{name}@example.com" for name in order]
