"""Which server answers, whether it holds what everything rests on, and what it leaves lying about."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import mongoengine
import pytest
from bson import ObjectId
from flask import Flask
from pymongo import MongoClient
from pymongo.read_concern import ReadConcern

from authsvc import clock
from authsvc.models import base, expiry, servers, trials
from authsvc.models.servers import Server
from authsvc.models.trials import Trial
from authsvc.services import ops
from authsvc.services import servers as rules
from tests.support.accounts import Database
from tests.support.servers import LACKS, NEEDS, lacking

MONGOD = {"version": "8.0.4", "javascriptEngine": "mozjs", "storageEngines": ["wiredTiger"]}
HOSTS = ["a:27017", "b:27017"]
SET = {"setName": "rs0", "hosts": HOSTS, "arbiters": ["c:27017"]}


@pytest.fixture(autouse=True)
def start(app: Flask, clean: None) -> None:
    """Start with the indexes, and without documents."""


class TestIdentity:
    @pytest.mark.parametrize(
        ("built", "hello", "name"),
        [
            (MONGOD, SET, "MongoDB 8.0.4, replica set rs0 of 3"),
            (MONGOD, {"msg": "isdbgrid"}, "MongoDB 8.0.4, sharded cluster"),
            (MONGOD, {}, "MongoDB 8.0.4, standalone"),
            ({**MONGOD, "psmdbVersion": "8.0.4-1"}, {}, "Percona Server for MongoDB 8.0.4-1, standalone"),
            ({"version": "7.0.42", "ferretdb": {"version": "v1.24.0"}}, {}, "FerretDB 1.24.0, standalone"),
            ({"version": "7.0.42", "ferretdbVersion": "v1.24.0"}, {}, "FerretDB 1.24.0, standalone"),
            (
                {"version": "7.0.0"},
                {"msg": "isdbgrid", "internal": {}},
                "DocumentDB for PostgreSQL that speaks 7.0.0, behind its gateway",
            ),
            ({"version": "9"}, {}, "a server that does not say what it is 9, standalone"),
        ],
        ids=str,
    )
    def test_a_server_is_named_by_what_it_says(self, built: dict[str, Any], hello: dict[str, Any], name: str):
        assert str(Server(*servers._name_and_version(built, hello), servers._topology(hello))) == name

    def test_one_that_is_known_to_be_unfit_is_refused_by_name(self):
        assert "more than one wins" in str(Server("FerretDB", "1.24.0", "standalone").fault)
        assert Server("FerretDB", "2.5.0", "standalone").fault is None
        assert Server("MongoDB", "8.0.4", "standalone").fault is None

    def test_what_was_never_run_on_is_said(self):
        assert any("failover" in words for words in Server("MongoDB", "8.0.4", "replica set rs0 of 3").unknown)
        assert any("shard" in words for words in Server("MongoDB", "8.0.4", "sharded cluster").unknown)
        assert not Server("Something", "1", "standalone").is_known

    def test_the_server_of_this_run_is_named_by_the_doctor(self, app: Flask):
        said = app.test_cli_runner().invoke(args=["doctor"]).output
        assert said.startswith(f"database: {servers.identify()}\n")


class Careless(mongoengine.QuerySet):
    """Changes what it has found, whatever has come of the condition meanwhile, as a server does that is not atomic."""

    def update_one(self, **changes: Any) -> int:
        one = self.first()
        return 0 if one is None else int(mongoengine.QuerySet(Trial, self._collection)(id=one.id).update_one(**changes))


class TestTrial:
    def test_this_server_passes_and_nothing_is_left(self, mongo: Database):
        assert trials.faults(writers=8, rounds=10) == []
        assert mongo.trials.count_documents({}) == 0

    def test_without_the_unique_index_it_fails(self, app: Flask, mongo: Database):
        mongo.trials.drop_index("key")
        try:
            assert trials.faults(writers=2, rounds=1) == ["stores two documents with the same unique key"]
        finally:
            mongo.trials.delete_many({})
            with app.app_context():
                assert ops.prepare()

    def test_where_several_writers_win_it_fails_and_nobody_is_served(
        self, app: Flask, monkeypatch: pytest.MonkeyPatch, mongo: Database
    ):
        monkeypatch.setitem(Trial._meta, "queryset_class", Careless)
        wrong = trials.faults(writers=8, rounds=10)
        assert any("writers change a document that each of them expects to be as it was" in one for one in wrong)
        monkeypatch.setattr(trials, "_sound", None)
        monkeypatch.setattr(rules, "_AT_A_START", {"writers": 8, "rounds": 10})
        with app.app_context():
            assert not ops.prepare()
            reason = ops._state().reason
        assert reason.component == "database"
        assert "writers change a document" in reason.detail
        doctor = app.test_cli_runner().invoke(args=["doctor"])
        assert "use another server" in doctor.output


class TestLinearizable:
    @pytest.mark.needs("read concerns")
    def test_a_server_that_refuses_such_readings_is_used_only_if_nothing_is_kept(
        self, app: Flask, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(base, "_LINEARIZABLE", ReadConcern("nonsense"))
        assert trials.faults(writers=2, rounds=1) == []
        monkeypatch.setattr(trials, "_sound", None)
        monkeypatch.setitem(app.config, "SESSION_CACHE", True)
        with app.app_context():
            assert not ops.prepare()
            assert "refuses linearizable reads, which SESSION_CACHE needs" in ops._state().reason.detail
        assert "refuses linearizable reads" in app.test_cli_runner().invoke(args=["doctor"]).output

    @pytest.mark.parametrize("kind", ["Standalone", "RSPrimary"])
    def test_a_server_out_of_reach_is_taken_for_what_it_was(self, monkeypatch: pytest.MonkeyPatch, kind: str):
        monkeypatch.setattr(base, "_was_standalone", False)
        client = MongoClient[dict[str, Any]]("127.0.0.1:1", connect=False)
        concerns = []
        for now in (kind, "Unknown"):
            description = SimpleNamespace(
                server_descriptions=lambda now=now: {1: SimpleNamespace(server_type_name=now)}
            )
            monkeypatch.setattr(MongoClient, "topology_description", description)
            concerns.append(base.linearizable(client.x.y).read_concern.level)
        assert concerns == ([None] * 2 if kind == "Standalone" else ["linearizable"] * 2)


class TestExpired:
    def test_what_a_server_does_not_remove_is_noticed_and_removed(self, app: Flask, mongo: Database):
        now = clock.now()
        old = {
            "throttles": {"expiresAt": now - timedelta(hours=3)},
            "sessions": {"expiresAt": now + timedelta(days=3), "endedAt": now - timedelta(days=40)},
            "audit": {"at": now - timedelta(days=500)},
        }
        kept = {
            "throttles": {"expiresAt": now + timedelta(minutes=1)},
            "sessions": {"expiresAt": now + timedelta(days=3), "endedAt": now - timedelta(days=20)},
            "audit": {"at": now - timedelta(days=300)},
        }
        for documents in (old, kept):
            for name, document in documents.items():
                mongo[name].insert_one({"_id": ObjectId(), **document})
        assert {name for name, _ in expiry.overdue(now, timedelta(hours=1))} == {*old}
        assert "which the server should have removed" in app.test_cli_runner().invoke(args=["doctor"]).output
        said = app.test_cli_runner().invoke(args=["db", "prune"])
        assert sorted(said.output.splitlines()) == [f"removed from {name}: 1" for name in sorted(old)]
        assert [mongo[name].count_documents({}) for name in kept] == [1, 1, 1]
        assert app.test_cli_runner().invoke(args=["db", "prune"]).output == "nothing has expired\n"
        assert list(expiry.overdue(now, timedelta(hours=1))) == []

    def test_what_has_only_just_expired_is_nobodys_fault(self, mongo: Database):
        mongo.throttles.insert_one({"_id": "x", "expiresAt": clock.now() - timedelta(minutes=5)})
        assert list(expiry.overdue(clock.now(), timedelta(hours=1))) == []


class TestNeeds:
    """What a test needs is known, and is skipped only where a server is known not to promise it."""

    def test_a_need_is_skipped_with_its_reason_where_it_is_lacking(self):
        assert "explain" in str(lacking(servers.DOCUMENTDB, ["plans"]))
        assert lacking(servers.SECANTUSDB, ["plans"]) is None
        assert lacking(servers.DOCUMENTDB, []) is None
        assert {need for lacks in LACKS.values() for need in lacks} <= NEEDS
