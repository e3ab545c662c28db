"""The embedded database: one owner, nothing lost, nothing left behind."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from pymongo import MongoClient

from authsvc import settings
from authsvc.devdb import CantStart, Database, Owner, processes
from tests.support.races import eventually
from tests.support.service import ROOT


class TestWanted:
    @pytest.mark.parametrize(
        ("environ", "wanted"),
        [
            ({"APP_ENV": "development"}, True),
            ({"APP_ENV": "testing", "MONGODB_URI": ""}, True),
            ({"APP_ENV": "development", "MONGODB_URI": "mongodb://127.0.0.1/x"}, False),
            ({"APP_ENV": "production"}, False),
            ({"APP_ENV": "Development"}, False),
            ({}, False),
        ],
    )
    def test_only_outside_production_and_unless_one_is_named(self, environ: dict[str, str], wanted: bool) -> None:
        assert settings.brings_its_database(environ) is wanted


class TestDatabase:
    def test_in_memory_it_leaves_nothing(self) -> None:
        with Database(None) as database:
            scratch = database._scratch
            assert scratch is not None
            with MongoClient[dict[str, object]](database.uri) as client:
                client.authsvc.things.insert_one({"_id": 1})
                assert client.authsvc.things.count_documents({}) == 1
                assert not client.options.retry_writes, "or each write goes through the last 10,000"
            pid = database.pid
        assert not scratch.exists()
        assert not psutil.pid_exists(pid)

    def test_what_was_acknowledged_survives_kill_9(self, tmp_path: Path) -> None:
        """C1, F19: and it comes back on the same port."""
        database = Database(tmp_path / "mongodb")
        database.start()
        try:
            for turn in range(3):
                with MongoClient[dict[str, object]](database.uri) as client:
                    client.authsvc.things.insert_one({"_id": turn})
                database.kill()
                assert not database.alive()
                port = database.port
                database.start(port)
                assert database.port == port
                with MongoClient[dict[str, object]](database.uri) as client:
                    assert client.authsvc.things.count_documents({}) == turn + 1
        finally:
            database.stop()

    def test_a_folder_that_can_not_be_used_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "mongodb").mkdir()
        (tmp_path / "mongodb" / "WiredTiger").write_text("not what it should be")
        (tmp_path / "mongodb" / "WiredTiger.turtle").write_text("nor this")
        with pytest.raises(CantStart, match=r"mongodb\.log"):
            Database(tmp_path / "mongodb").start()


class TestM8OtherRelease:
    def test_a_folder_that_another_release_wrote_is_told_with_the_way_over(self, tmp_path: Path) -> None:
        """Made as that release makes it: with another kind of key."""
        folder = tmp_path / "mongodb"
        folder.mkdir()
        program = (
            "import sys; from secantus import storage\n"
            "server = storage.wt.wiredtiger_open(sys.argv[1], 'create')\n"
            "server.open_session().create(storage._doc_shard_name(0), 'key_format=SSu,value_format=u')\n"
            "server.close()\n"
        )
        subprocess.run([sys.executable, "-c", program, str(folder)], check=True)
        with pytest.raises(CantStart, match="another release of the embedded database") as told:
            Database(folder).start()
        assert "flask users export" in str(told.value)
        assert str(folder) in str(told.value)
        assert "\n" not in str(told.value)


class TestOwner:
    def test_there_is_one_at_a_time(self, tmp_path: Path) -> None:
        first = Owner(tmp_path)
        first.start("http://localhost:1234")
        try:
            record = json.loads((tmp_path / "mongodb.json").read_text())
            assert (record["pid"], record["port"]) == (first.database.pid, first.database.port)
            with pytest.raises(CantStart, match=rf"already running.*pid {os.getpid()}, http://localhost:1234"):
                Owner(tmp_path).start("http://localhost:5678")
            assert first.database.alive()
        finally:
            first.stop()
        assert not (tmp_path / "mongodb.json").exists()

    def test_a_dead_database_is_started_again_on_its_port(self, tmp_path: Path) -> None:
        owner = Owner(tmp_path)
        owner.start("here")
        try:
            pid, port = owner.database.pid, owner.database.port
            os.kill(pid, 9)
            eventually(lambda: owner.database.pid != pid and owner.database.alive())
            assert owner.database.port == port
        finally:
            owner.stop()

    def test_whatever_is_ended_is_collected(self) -> None:
        """One that dies by itself at the same moment too: a child that nobody collects is there for good."""
        for _ in range(30):
            process = subprocess.Popen(["sleep", "60"])
            process.kill()
            processes.end(process.pid, process)
            assert process.returncode == -9

    def test_an_orphan_is_ended(self, tmp_path: Path) -> None:
        """What an owner that was killed left behind."""
        orphan = subprocess.Popen(["sleep", "60"])
        eventually(lambda: "sleep 60" in (processes.identity(orphan.pid) or ""))
        record = {"pid": orphan.pid, "port": 1, "identity": processes.identity(orphan.pid)}
        (tmp_path / "mongodb.json").write_text(json.dumps(record))
        owner = Owner(tmp_path)
        owner.start("here")
        owner.stop()
        assert orphan.wait(5) == -15

    @pytest.mark.parametrize("identity", ["12345 something else", None])
    def test_a_stranger_with_its_number_is_not(self, tmp_path: Path, identity: str | None) -> None:
        stranger = subprocess.Popen(["sleep", "60"])
        record = {"pid": stranger.pid, "port": 1, "identity": identity}
        (tmp_path / "mongodb.json").write_text(json.dumps(record))
        owner = Owner(tmp_path)
        owner.start("here")
        owner.stop()
        assert stranger.poll() is None
        stranger.kill()
        stranger.wait()


class TestLife:
    @pytest.mark.parametrize("linux", [True, False])
    def test_it_ends_with_its_owner(self, tmp_path: Path, linux: bool) -> None:
        """By the kernel's word on Linux, by a pipe that closes elsewhere."""
        script = (
            "import sys, time; from pathlib import Path; from authsvc.devdb import processes\n"
            f"processes._LINUX = {linux}\n"
            "from authsvc.devdb import Database\n"
            f"database = Database(Path({str(tmp_path)!r}) / 'mongodb'); database.start()\n"
            "from pymongo import MongoClient; MongoClient(database.uri).admin.command('ping')\n"
            "print(database.pid, flush=True); time.sleep(60)\n"
        )
        owner = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert owner.stdout is not None
        started = psutil.Process(int(owner.stdout.readline()))
        family = [started, *started.children(recursive=True)]
        assert len(family) == (1 if linux else 2)
        owner.kill()
        owner.wait()
        owner.stdout.close()
        gone, left = psutil.wait_procs(family, 10)
        assert left == []
        assert len(gone) == len(family)

    def test_a_server_that_does_not_heed_the_signal_ends_with_its_owner_all_the_same(self) -> None:
        """The embedded one waits for ever when it is told in its first milliseconds: seen 8 times of 40, under load."""
        deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True)"
        command = [sys.executable, processes.__file__, "keep", sys.executable, "-c", f"{deaf}; time.sleep(60)"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as keeper:
            assert keeper.stdin is not None
            assert keeper.stdout is not None
            assert keeper.stdout.readline() == "deaf\n"
            (server,) = psutil.Process(keeper.pid).children()
            keeper.stdin.close()
            gone, left = psutil.wait_procs([server], processes.STOP_SECONDS + 5)
            assert (gone, left) == ([server], [])
            assert keeper.wait(5) == 256 - signal.SIGKILL
