"""HOOK_SIGN_UP on every path that makes an account. R124."""

import ast
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database

from authsvc.models.ids import new_id
from authsvc.models.users import User
from authsvc.services import sign_ups
from authsvc.services.users import profile
from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import counted_work, import_account, register, throttled
from tests.support.email_codes import ask, challenge_of, follow, newest_code, type_code
from tests.support.federation import Traveller, someone
from tests.support.hooks import ALLOW, HookServer, asking, writes
from tests.support.letters import newest
from tests.support.service import ROOT
from tests.support.upstreams import Upstream, signing_in_with

Mongo = Database[dict[str, Any]]

NEW = "newcomer@example.com"
REASON = "Only people of Example can join."
REFUSE = {"allow": False, "reason": REASON}
PACKAGE = ROOT / "authsvc"


@pytest.fixture(scope="session")
def provider() -> Iterator[Upstream]:
    """Return an OpenID provider on this machine."""
    with Upstream() as upstream:
        yield upstream


@dataclass
class World:
    """What the paths need: the application, an administrator, a provider, a folder."""

    app: Flask
    client: FlaskClient
    admin: Person
    provider: Upstream
    folder: Path
    kept: dict[str, Any] = field(default_factory=dict)

    def browser(self) -> Traveller:
        """Return a browser of its own."""
        return Traveller(self.app.test_client(use_cookies=True), self.provider)

    def users(self, *args: str, **options: Any) -> Any:
        """Return what became of `flask users …`."""
        return self.app.test_cli_runner().invoke(args=["users", *args], **options)


@pytest.fixture
def world(
    app: Flask, client: FlaskClient, admin: Person, provider: Upstream, tmp_path: Path, hook: HookServer
) -> Iterator[World]:
    """Return a service with an administrator, in which a hook is asked from now on."""
    provider.reset()
    with signing_in_with(app, provider.settings()), asking(app, sign_up=hook.url):
        yield World(app, client, admin, provider, tmp_path)


def registers(world: World) -> Any:
    """Register."""
    return register(world.client, email=NEW)


def registers_to_verify(world: World) -> Any:
    """Register where addresses must be verified first."""
    with required(world.app):
        return registers(world)


def types_a_code(world: World) -> Any:
    """Type the code of a letter that makes an account; the same one each time."""
    if not world.kept:
        world.kept["challenge"] = challenge_of(ask(world.client, NEW, name="New"))
        world.kept["code"] = newest_code(world.app, "sign_up")
    return type_code(world.client, world.kept["challenge"], world.kept["code"])


def opens_a_link(world: World) -> Any:
    """Open the link of a letter that makes an account; the same one each time."""
    if not world.kept:
        ask(world.client, NEW, name="New")
        world.kept["token"] = newest(world.app, "sign_up")
    return follow(world.client, world.kept["token"], confirm=True)


def comes_from_a_provider(world: World) -> Any:
    """Sign in with a provider for the first time."""
    return world.browser().arrive(someone("newcomer", NEW))


def is_invited(world: World) -> Any:
    """Let an administrator invite somebody."""
    return world.client.post(
        "/admin/users", json={"name": "New", "email": NEW, "role": "user"}, headers=world.admin.headers
    )


def is_made_by_command(world: World) -> Any:
    """Let a command make an account."""
    return world.users("create", NEW, "--name", "New", "--password-stdin", input=f"{PASSWORD}\n")


def is_invited_by_command(world: World) -> Any:
    """Let a command invite somebody."""
    return world.users("create", NEW, "--name", "New", "--invite")


def is_imported(world: World) -> Any:
    """Let a command import somebody."""
    file = world.folder / "users.jsonl"
    file.write_text(json.dumps({"name": "New", "email": NEW}) + "\n")
    return world.users("import", str(file))


BY_HTTP = {
    "register": (registers, "register"),
    "register, to verify": (registers_to_verify, "register"),
    "code": (types_a_code, "email_code"),
    "link": (opens_a_link, "email_code"),
    "provider": (comes_from_a_provider, "provider"),
    "invitation": (is_invited, "invitation"),
}
BY_COMMAND = {
    "command": (is_made_by_command, "command"),
    "invitation": (is_invited_by_command, "invitation"),
    "import": (is_imported, "import"),
}
Path_ = tuple[Callable[[World], Any], str]
EACH_BY_HTTP = pytest.mark.parametrize("path", BY_HTTP.values(), ids=BY_HTTP)
EACH_BY_COMMAND = pytest.mark.parametrize("path", BY_COMMAND.values(), ids=BY_COMMAND)


@contextmanager
def required(app: Flask) -> Iterator[None]:
    """Let addresses have to be verified before a sign-in."""
    before = app.config["EMAIL_VERIFICATION"]
    app.config["EMAIL_VERIFICATION"] = "required"
    try:
        yield
    finally:
        app.config["EMAIL_VERIFICATION"] = before


def is_there(mongo: Mongo) -> bool:
    """Tell whether the newcomer has an account."""
    return mongo.users.find_one({"email": NEW}) is not None


def made(mongo: Mongo) -> dict[str, int]:
    """Return how many documents there are of what an account comes with."""
    names = ("users", "sessions", "links", "letters", "devices", "audit")
    return {name: mongo[name].count_documents({}) for name in names}


class TestEveryPath:
    @EACH_BY_HTTP
    def test_r124_who_is_refused_gets_no_account(
        self, world: World, hook: HookServer, mongo: Mongo, path: Path_
    ) -> None:
        hook.answer = lambda _: REFUSE
        assert problem(path[0](world), 403, "hook_refused")["reason"] == REASON
        assert not is_there(mongo)
        assert hook.about("sign_up")[0].items() >= {"email": NEW, "how": path[1], "role": "user"}.items()

    @EACH_BY_HTTP
    def test_r124_while_the_hook_fails_nothing_is_made_and_nothing_lost(
        self, world: World, hook: HookServer, mongo: Mongo, path: Path_
    ) -> None:
        if path[1] == "email_code":
            hook.answer = lambda _: REFUSE
            path[0](world)  # the letter is there
        before = made(mongo)
        hook.answer = lambda _: writes(b"oops", status=500)
        for _ in range(7):  # a code may be typed wrong five times, and a right one as often as need be
            problem(path[0](world), 503, "hook_failed")
        assert made(mongo) == before
        hook.answer = lambda _: ALLOW
        assert path[0](world).status_code in (200, 201, 202)
        assert is_there(mongo)

    @EACH_BY_HTTP
    def test_who_was_refused_may_do_the_same_once_they_are_let_in(
        self, world: World, hook: HookServer, mongo: Mongo, path: Path_
    ) -> None:
        hook.answer = lambda _: REFUSE
        for _ in range(7):  # of a code too, which may be typed wrong five times
            problem(path[0](world), 403, "hook_refused")
        hook.answer = lambda _: ALLOW
        assert path[0](world).status_code in (200, 201, 202)
        assert is_there(mongo)

    @pytest.mark.parametrize(
        ("path", "asked"),
        [
            *((registers, "sign_up"), (registers_to_verify, "sign_up"), (comes_from_a_provider, "sign_up")),
            *((registers, "token"), (comes_from_a_provider, "token")),
        ],
    )
    def test_a_hook_that_fails_does_not_use_up_what_a_network_may(
        self, world: World, hook: HookServer, path: Callable[[World], Any], asked: str
    ) -> None:
        with throttled(world.app, register_address=2), asking(world.app, **{asked: hook.url}):
            hook.answer = lambda _: None
            for _ in range(3):
                problem(path(world), 503, "hook_failed")
            hook.answer = lambda _: {"allow": True, "claims": {}}
            assert path(world).status_code in (200, 201, 202)
            hook.answer = lambda _: REFUSE
            if asked == "sign_up":  # somebody who is refused did register
                problem(register(world.client, email="other@example.com"), 403, "hook_refused")
                problem(register(world.client, email="other@example.com"), 429, "too_many_attempts")

    @pytest.mark.parametrize("path", [types_a_code, opens_a_link])
    def test_r124_a_letter_that_the_hook_refuses_is_asked_about_as_often_as_a_network_may_register(
        self, world: World, hook: HookServer, path: Callable[[World], Any]
    ) -> None:
        """And it is not used up by that: it may still be right once there is room again."""
        hook.answer = lambda _: REFUSE
        with throttled(world.app, register_address=4):
            seen = [path(world).status_code for _ in range(8)]
        assert seen == [403] * 3 + [429] * 5, "the first was the letter itself"
        assert len(hook.questions) == 3
        hook.answer = lambda _: ALLOW
        assert path(world).status_code == 200

    @pytest.mark.parametrize("path", [types_a_code, opens_a_link])
    def test_r124_a_letter_may_be_shown_as_often_as_one_likes_while_the_hook_fails(
        self, world: World, hook: HookServer, path: Callable[[World], Any]
    ) -> None:
        hook.answer = lambda _: None
        with throttled(world.app, register_address=2):
            assert [path(world).status_code for _ in range(4)] == [503] * 4
            hook.answer = lambda _: ALLOW
            assert path(world).status_code == 200

    @EACH_BY_COMMAND
    def test_r124_commands_are_refused_too(self, world: World, hook: HookServer, mongo: Mongo, path: Path_) -> None:
        hook.answer = lambda _: REFUSE
        done = path[0](world)
        assert done.exit_code == 1
        assert REASON in done.output
        assert not is_there(mongo)
        assert hook.about("sign_up")[0].items() >= {"email": NEW, "how": path[1]}.items()

    @EACH_BY_COMMAND
    def test_r124_commands_stop_while_the_hook_fails(
        self, world: World, hook: HookServer, mongo: Mongo, path: Path_
    ) -> None:
        hook.answer = lambda _: None
        before = made(mongo)
        done = path[0](world)
        assert done.exit_code == 1
        assert "Traceback" not in done.output
        assert {**made(mongo), "audit": before["audit"]} == before  # an import is on record
        hook.answer = lambda _: ALLOW
        assert path[0](world).exit_code == 0
        assert is_there(mongo)

    def test_a_provider_is_named(self, world: World, hook: HookServer) -> None:
        assert comes_from_a_provider(world).status_code == 200
        assert hook.about("sign_up")[0]["provider"] == "work"

    def test_who_has_an_account_is_not_asked_about_again(self, world: World, hook: HookServer) -> None:
        assert types_a_code(world).status_code == 200
        hook.answer = lambda _: REFUSE
        world.kept.clear()
        challenge = challenge_of(ask(world.client, NEW))
        assert type_code(world.client, challenge, newest_code(world.app)).status_code == 200
        assert len(hook.questions) == 1

    def test_without_a_hook_nobody_is_asked(self, app: Flask, world: World, hook: HookServer) -> None:
        with asking(app):
            assert registers(world).status_code == 201
        assert hook.questions == []


class TestKnownAndUnknown:
    """R18, R119: whoever asks learns from neither answer nor work whether somebody has the address."""

    @pytest.mark.parametrize("answer", [REFUSE, None, ALLOW], ids=["refused", "failed", "allowed"])
    def test_r119_they_get_the_same_answer(
        self, world: World, hook: HookServer, mongo: Mongo, answer: dict[str, Any] | None
    ) -> None:
        import_account(mongo, email="known@example.com")
        hook.answer = lambda _: answer
        with required(world.app):
            answers = [register(world.client, email=f"{who}@example.com") for who in ("known", "unknown")]
        bodies = [{**one.get_json(), "requestId": "-"} for one in answers]
        assert bodies[0] == bodies[1]
        assert answers[0].status_code == answers[1].status_code == {403: 403, 503: 503}.get(answers[0].status_code, 202)
        assert [one["email"] for one in hook.about("sign_up")] == ["known@example.com", "unknown@example.com"]

    @pytest.mark.parametrize("answer", [REFUSE, None, ALLOW], ids=["refused", "failed", "allowed"])
    @pytest.mark.usefixtures("heard")
    def test_r18_they_take_the_same_work(
        self, world: World, hook: HookServer, mongo: Mongo, answer: dict[str, Any] | None
    ) -> None:
        import_account(mongo, email="known@example.com")
        hook.answer = lambda _: answer
        work = {}
        with required(world.app), throttled(world.app):
            for who in ("known", "unknown"):
                with counted_work() as work[who]:
                    register(world.client, email=f"{who}@example.com")
        assert work["known"].rounds == work["unknown"].rounds
        assert sorted(work["known"].commands) == sorted(work["unknown"].commands)

    def test_r119_to_ask_for_a_code_asks_no_hook(self, world: World, hook: HookServer, mongo: Mongo) -> None:
        """What the hook says about an address, only whoever reads its mail can learn."""
        hook.answer = lambda _: REFUSE
        import_account(mongo, email="known@example.com")
        answers = [ask(world.client, f"{who}@example.com", name="Somebody") for who in ("known", "unknown")]
        assert [one.status_code for one in answers] == [202, 202]
        assert hook.questions == []


class TestImport:
    def lines(self, world: World, *emails: str) -> Path:
        """Return a file with these people."""
        file = world.folder / "many.jsonl"
        file.write_text("".join(json.dumps({"name": "X", "email": email}) + "\n" for email in emails))
        return file

    def test_each_row_is_asked_about_and_a_refusal_is_in_the_report(
        self, world: World, hook: HookServer, mongo: Mongo
    ) -> None:
        hook.answer = lambda question: REFUSE if "evil" in question["data"]["email"] else ALLOW
        emails = ["a@example.com", "evil@example.com", "b@example.com", "evil2@example.com", "a@example.com"]
        done = world.users("import", str(self.lines(world, *emails)), "--json")
        report = json.loads(done.stdout)
        assert (done.exit_code, report["taken"], report["duplicate"], report["invalid"]) == (1, 2, 1, 2)
        reason = f"refused by HOOK_SIGN_UP: {REASON}"
        assert report["invalidLines"] == [{"line": 2, "reason": reason}, {"line": 4, "reason": reason}]
        assert {one["email"] for one in mongo.users.find()} >= {"a@example.com", "b@example.com"}
        assert mongo.users.find_one({"email": "evil@example.com"}) is None

    def test_who_is_there_is_not_asked_about_again(self, world: World, hook: HookServer) -> None:
        file = self.lines(world, "a@example.com", "b@example.com")
        assert world.users("import", str(file)).exit_code == 0
        hook.answer = lambda _: REFUSE
        done = world.users("import", str(file), "--json")
        assert (done.exit_code, json.loads(done.stdout)["duplicate"]) == (0, 2)
        assert len(hook.questions) == 2

    def test_r124_who_is_deleted_while_the_others_are_asked_about_is_not_brought_back(
        self, world: World, hook: HookServer, mongo: Mongo
    ) -> None:
        """Nobody was asked about them."""
        name = "known"
        assert world.users("import", str(self.lines(world, f"{name}@example.com"))).exit_code == 0
        hook.asked.clear()

        def answer(_: dict[str, Any]) -> Any:
            mongo.users.delete_one({"email": f"{name}@example.com"})
            return ALLOW

        hook.answer = answer
        assert world.users("import", str(self.lines(world, f"{name}@example.com", "other@example.com"))).exit_code == 0
        assert [one["email"] for one in hook.about("sign_up")] == ["other@example.com"]
        assert mongo.users.find_one({"email": f"{name}@example.com"}) is None

    def test_a_dry_run_says_what_an_import_would(self, world: World, hook: HookServer, mongo: Mongo) -> None:
        hook.answer = lambda question: REFUSE if "evil" in question["data"]["email"] else ALLOW
        file = self.lines(world, "a@example.com", "evil@example.com")
        before = mongo.users.count_documents({})
        rehearsed = json.loads(world.users("import", str(file), "--json", "--dry-run").stdout)
        assert mongo.users.count_documents({}) == before
        assert rehearsed == json.loads(world.users("import", str(file), "--json").stdout)
        assert (rehearsed["taken"], rehearsed["invalid"]) == (1, 1)

    @pytest.mark.parametrize("forbidden", ["A", "B", "AB", ""])
    @pytest.mark.parametrize("email", ["eve@example.com", "eve@xn--bcher-kva.example"])
    def test_an_address_that_is_in_the_file_twice(
        self, world: World, hook: HookServer, mongo: Mongo, forbidden: str, email: str
    ) -> None:
        """A dry run says what an import would, and a row that is refused makes no other one a duplicate."""
        hook.answer = lambda question: REFUSE if question["data"]["name"] in forbidden else ALLOW
        file = world.folder / "twice.jsonl"
        file.write_text("".join(json.dumps({"name": name, "email": email}) + "\n" for name in "AB"))
        rehearsed = json.loads(world.users("import", str(file), "--json", "--dry-run").stdout)
        asked, hook.asked = hook.about("sign_up"), []
        assert rehearsed == json.loads(world.users("import", str(file), "--json").stdout)
        assert sorted(map(str, hook.about("sign_up"))) == sorted(map(str, asked))
        taken = [name for name in "AB" if name not in forbidden][:1]
        assert [one["name"] for one in mongo.users.find({"email": email})] == taken
        outcome = (rehearsed["taken"], rehearsed["duplicate"], rehearsed["invalid"])
        assert outcome == (len(taken), int(not forbidden), len(forbidden))

    def test_a_hook_that_fails_stops_it_where_it_can_go_on(
        self, world: World, hook: HookServer, mongo: Mongo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("authsvc.services.user_transfer.importing.BATCH", 10)
        emails = [f"user-{number}@example.com" for number in range(100)]
        file, state = self.lines(world, *emails), world.folder / "state"
        hook.answer = lambda question: None if question["data"]["email"] == emails[55] else ALLOW
        done = world.users("import", str(file), "--state", str(state))
        assert done.exit_code == 1
        assert "Interrupted: everything up to line" in done.output
        assert "Traceback" not in done.output
        assert "line 50 " in done.output
        there = {one["email"] for one in mongo.users.find({"email": {"$regex": "^user-"}})}
        assert there == set(emails[:50])  # nobody of the batch that failed, or of one after it
        hook.answer = lambda _: ALLOW
        done = world.users("import", str(file), "--state", str(state), "--json")
        report = json.loads(done.stdout)
        assert (done.exit_code, report["taken"], report["duplicate"], report["invalid"]) == (0, 100, 0, 0)
        assert {one["email"] for one in mongo.users.find({"email": {"$regex": "^user-"}})} == set(emails)


@pytest.fixture(scope="module")
def calls() -> dict[str, dict[str, set[str]]]:
    """Return what is called by the package: by its last name, the modules that call it, and how they write it."""
    places: dict[str, dict[str, set[str]]] = {}
    for module in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func) if isinstance(node.func, ast.Attribute | ast.Name) else ""
                written = places.setdefault(name.rpartition(".")[2], {})
                written.setdefault(str(module.relative_to(PACKAGE)), set()).add(name)
    return places


Calls = dict[str, dict[str, set[str]]]


class TestOnePlace:
    """R124: no path makes an account without asking; whoever adds one has to come through the same door."""

    def test_r124_accounts_are_stored_in_two_places(self, calls: Calls) -> None:
        assert [place for place, names in calls["insert"].items() if "user.insert" in names] == [
            "services/users/profile.py"
        ]
        assert [place for place in calls["insert_many"] if "users" in place] == ["models/users/transfer.py"]
        assert [place for place in calls["insert_one"] if "users" in place] == []
        assert list(calls["insert_new"]) == ["services/user_transfer/importing.py"]

    def test_r124_a_permit_is_only_made_by_asking(self, calls: Calls) -> None:
        assert list(calls["Permit"]) == ["services/sign_ups.py"]

    def test_r124_who_makes_an_account_asks_first(self, calls: Calls) -> None:
        """A user that is stored was made somewhere: there the hook is asked."""
        makers = {"services/users/profile.py", "flows/register.py", "flows/federated_accounts.py", "flows/invite.py"}
        assert set(calls["User"]) == makers
        assert set(calls["permit"]) == {*makers, "flows/sign_in_by_code.py"}  # which gets its user from profile
        assert list(calls["permit_row"]) == ["services/user_transfer/importing.py"]

    def test_r124_a_permit_is_for_one_address(self, app: Flask, clean: None) -> None:
        with app.test_request_context():
            permit = sign_ups.permit(User(id=new_id(), email="a@example.com"), sign_ups.How.COMMAND)
            with pytest.raises(RuntimeError, match="another account"):
                profile.add(User(id=new_id(), email="b@example.com"), permit)
