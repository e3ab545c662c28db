"""What MONGODB_URI may say, and what it does not decide."""

import socket
from typing import Any

import pytest
from pymongo import ReadPreference
from pymongo.errors import OperationFailure

import config
from authsvc.models import admin_queries, connection, driver_errors
from tests.support.production import GOOD

CANARY = "cANARYvALUE"
HOST = "db.internal:27017"
BAD: list[tuple[str, str]] = [
    (f"mongodb://user:p@{CANARY}@{HOST}/authsvc", "percent-encoded"),
    (f"mongodb://user:p/{CANARY}@{HOST}/authsvc", "percent-encoded"),
    (f"mongodb://user:p?{CANARY}@{HOST}/authsvc", "percent-encoded"),
    (f"mongodb://user:p#{CANARY}@{HOST}/authsvc", "percent-encoded"),
    (f"mongodb://user:p:{CANARY}@{HOST}/authsvc", "percent-encoded"),
    (f"mongodb://user:{CANARY}%zz@{HOST}/authsvc", "percent-encoded"),
    (f"mongodb://user:pw@{HOST}/authsvc?nonsense={CANARY}", "an option that is not known: nonsense"),
    (f"mongodb://user:pw@{HOST}/authsvc?replicaset=rs0&retryWrite={CANARY}", "not known: retryWrite"),
    (f"mongodb://user:pw@{HOST}/authsvc?heartbeatFrequencyMS={CANARY}", "a bad value: heartbeatFrequencyMS"),
    (f"mongodb://user:pw@{HOST}/authsvc?tls={CANARY}", "a bad value: tls"),
    (f"mongodb://user:pw@{HOST}/authsvc?tlsCAFile=/{CANARY}", "tlsCAFile"),
    (f"mongodb://user:pw@{HOST}/{CANARY}$x", "a database name"),
    (f"mongodb://user:pw@{HOST}/{CANARY}.sessions", "a database name"),
    (f"mongodb://user:{CANARY}@/authsvc", "no host"),
    (f"mongodb://user:{CANARY}@db.internal:port/authsvc", "a bad port"),
    (f"mongodb://user:{CANARY}@db.internal:99999/authsvc", "a bad port"),
    (f"mongodb+srv://user:{CANARY}@{HOST}/authsvc", ""),
    (f"mongodb+srv://user:{CANARY}@a.example.net,b.example.net/authsvc", ""),
    (f"mongodb://user:{CANARY}@a:1,b:2/authsvc?directConnection=true", ""),
    (f"mongodb://user:{CANARY}@{HOST}", "names no database"),
    (f"mongodb://user:{CANARY}@{HOST}/", "names no database"),
    (f"mongodb://user:{CANARY}@{HOST}/?replicaSet=rs0", "names no database"),
    (f"mongodb+srv://user:{CANARY}@cluster.example.net", "names no database"),
    (f"postgres://user:{CANARY}@{HOST}/authsvc", "must be mongodb://"),
]
GOOD_URIS = [
    f"mongodb://user:p%40ss%2Fw@{HOST}/authsvc",
    f"mongodb://user:pw@{HOST}/authsvc?replicaSet=rs0&retryWrites=true&w=majority&appName=Cluster0",
    f"mongodb://user:pw@{HOST},other.internal/authsvc?authSource=admin&tls=true",
    "mongodb+srv://user:pw@cluster.example.net/authsvc?retryWrites=true&w=majority",
    f"mongodb://user:pw@{HOST}/authsvc?readPreference=secondary&readPreferenceTags=dc:ny&maxStalenessSeconds=120",
]


def refused(uri: str, **more: str) -> str | None:
    """Return how a configuration with this URI is refused."""
    try:
        config.from_environment({**GOOD, "MONGODB_URI": uri, **more})
    except SystemExit as refusal:
        return str(refusal)
    return None


class TestM4Uri:
    @pytest.mark.parametrize(("uri", "what"), BAD)
    def test_one_that_can_not_be_used_is_refused_at_the_start_in_one_line(self, uri: str, what: str) -> None:
        said = refused(uri)
        assert said is not None
        assert said.startswith("authsvc can't start (production): MONGODB_URI ")
        assert what in said
        assert "\n" not in said
        assert CANARY.lower() not in said.lower()

    @pytest.mark.parametrize("uri", GOOD_URIS)
    def test_good_ones_are_taken_and_no_name_is_looked_up(self, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
        def no_network(*_: Any, **__: Any) -> None:
            raise AssertionError

        monkeypatch.setattr(socket, "getaddrinfo", no_network)
        monkeypatch.setattr(socket, "socket", no_network)
        assert refused(uri) is None

    def test_in_development_the_database_has_a_name(self) -> None:
        assert refused("mongodb://localhost", APP_ENV="development") is None
        connector = connection._Connector("mongodb://localhost")
        assert connection.database_of(connector.uri) is None
        assert connection.DATABASE == "authsvc"


class TestM3Fixed:
    @pytest.mark.parametrize(
        "options",
        [
            "",
            "readPreference=secondary",
            "readpreference=nearest&readPreferenceTags=dc:ny&readPreferenceTags=&maxStalenessSeconds=120",
            "READPREFERENCE=secondaryPreferred;w=0",
            "w=1&journal=false&wtimeoutMS=5",
            "j=false&retryReads=false",
            "timeoutMS=0&socketTimeoutMS=1&connectTimeoutMS=1&maxPoolSize=1",
        ],
    )
    def test_reads_go_to_the_primary_and_writes_to_the_majority(self, options: str) -> None:
        with connection._Connector(f"mongodb://localhost/authsvc?{options}")() as client:
            collection = client.authsvc.sessions
            assert collection.read_preference == ReadPreference.PRIMARY
            assert collection.write_concern.document == {"w": "majority", "j": True}
            assert client.options.retry_reads
            assert client.options.timeout == connection.STEP_SECONDS
            assert client.options.pool_options.max_pool_size == connection.FIXED["maxPoolSize"]

    def test_what_does_not_decide_that_is_followed(self) -> None:
        with connection._Connector("mongodb://localhost/x?retryWrites=false&replicaSet=rs0&appName=mine")() as client:
            assert not client.options.retry_writes
            assert client.options.replica_set_name == "rs0"
            assert client.options.pool_options.appname == "mine"

    def test_what_has_no_effect_is_named_and_what_agrees_is_not(self) -> None:
        agreeing = "w=majority&j=true&journal=true&readPreference=primary&retryReads=true&retryWrites=true&appName=x"
        assert connection.overridden(f"mongodb://localhost/x?{agreeing}") == []
        for name, held in connection.OVERRIDDEN.items():
            ((option, instead),) = connection.overridden(f"mongodb://localhost/x?{name}=7")
            assert (option, instead) == (f"{name}=7", held)


class TestM8Topology:
    """By what servers say of themselves, as the manual of MongoDB has it."""

    @pytest.mark.parametrize(
        ("hello", "kept"),
        [
            ({"isWritablePrimary": True, "msg": "isdbgrid"}, True),
            ({"isWritablePrimary": True, "setName": "rs0", "hosts": ["a:1"]}, True),
            ({"isWritablePrimary": True}, False),
        ],
    )
    def test_a_sharded_cluster_is_no_machine_by_itself(self, hello: dict[str, Any], kept: bool) -> None:
        assert admin_queries.keeps_what_it_acknowledged(hello) is kept


class TestM5Words:
    @pytest.mark.parametrize(("code", "said"), [(18, "password"), (8000, "password"), (13, "readWrite"), (112, "112")])
    def test_each_refusal_has_its_own(self, code: int, said: str) -> None:
        assert said in driver_errors.why(OperationFailure("secret things", code, {"codeName": "Something"}))
        assert "secret" not in driver_errors.why(OperationFailure("secret things", code))
