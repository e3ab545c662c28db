"""HOOK_TOKEN at each minting of an access token; while it fails, nothing is used up. R124."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database

from authsvc import clock
from authsvc.models.apps import AppKind
from authsvc.services import signing_keys
from tests.api.forging import claims_of
from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import login, register, throttled
from tests.support.app_devices import Device, new_device_app
from tests.support.email_codes import ask, challenge_of, follow, newest_code, type_code
from tests.support.factors import Protected, complete, post, sign_in_by, ticket, verified, with_passkey, with_totp
from tests.support.federation import Traveller, someone
from tests.support.hooks import HookServer, asking
from tests.support.letters import newest
from tests.support.oauth import FORM, TOKEN, AppClient, new_app, send
from tests.support.races import race
from tests.support.service import ROOT
from tests.support.upstreams import Upstream, signing_in_with

Mongo = Database[dict[str, Any]]

CLAIMS = {"plan": "pro", "groups": ["a", "b"]}
API = "https://notes.example.net"


@pytest.fixture(scope="session")
def provider() -> Iterator[Upstream]:
    """Return an OpenID provider on this machine."""
    with Upstream() as upstream:
        yield upstream


@dataclass
class World:
    """What the paths need: an application, somebody with a verified address, a provider."""

    app: Flask
    client: FlaskClient
    alice: Person
    mongo: Mongo
    provider: Upstream

    def browser(self, provider: str = "work") -> Traveller:
        """Return a browser of its own, which goes to this provider."""
        return Traveller(self.app.test_client(use_cookies=True), self.provider, provider)

    def known_browser(self) -> Traveller:
        """Return a browser that comes from the provider as Alice, whose account is linked there."""
        traveller = self.browser()
        traveller.headers = self.alice.headers
        who = someone("alice-1", self.alice.email)
        if traveller.arrive(who, "link").status_code != 200:
            raise AssertionError("not linked")
        traveller.headers = {}
        return traveller


@pytest.fixture
def world(app: Flask, client: FlaskClient, alice: Person, mongo: Mongo, provider: Upstream) -> Iterator[World]:
    """Return a service, in which nobody asks a hook yet."""
    provider.reset()
    with signing_in_with(app, provider.settings(), provider.settings("trusted", trusted=True)):
        yield World(app, client, verified(mongo, alice), mongo, provider)


Try = Callable[[], Any]
"""Does the same once more, with the same code or token; returns the answer."""


def stored(mongo: Mongo) -> dict[str, list[Any]]:
    """Return all that is stored: accounts, sessions, codes, links, letters, challenges, the record, throttles.

    But not what counts days, which is written now and then; and not passkeys, whose counter says that they signed.
    """
    names = {*mongo.list_collection_names()} - {"daily_counts", "passkeys"}
    return {name: there for name in names if (there := list(mongo[name].find()))}


def status_of(answer: Any) -> int:
    """Return the status of an answer, of either kind of client."""
    return int(answer.status if isinstance(answer.status, int) else answer.status_code)


def registers(world: World) -> Try:
    """Register."""
    return lambda: register(world.client, email="new@example.com")


def signs_in(world: World) -> Try:
    """Sign in by password."""
    return lambda: login(world.client)


def shows_a_code(world: World) -> Try:
    """Complete a sign-in by the code of an app, the same one each time."""
    protected = with_totp(world.alice, world.mongo)
    begun, code = ticket(world.client, world.alice), protected.app.code()
    return lambda: complete(world.client, begun, code=code)


def shows_a_recovery_code(world: World) -> Try:
    """Complete a sign-in by a recovery code."""
    protected = with_totp(world.alice, world.mongo)
    begun, code = ticket(world.client, world.alice), protected.recovery_codes[0]
    return lambda: complete(world.client, begun, recoveryCode=code)


def shows_a_passkey(world: World) -> Try:
    """Sign in by passkey; each time a browser asks for a new challenge."""
    device = with_passkey(world.alice, world.mongo)
    return lambda: sign_in_by(world.client, device)


def types_a_code(world: World) -> Try:
    """Sign in by the code of a letter."""
    challenge, code = challenge_of(ask(world.client)), newest_code(world.app)
    return lambda: type_code(world.client, challenge, code)


def opens_a_link(world: World) -> Try:
    """Sign in by the link of a letter."""
    ask(world.client)
    token = newest(world.app, "sign_in")
    return lambda: follow(world.client, token, confirm=True)


def signs_up_by_code(world: World) -> Try:
    """Sign up by the code of a letter."""
    challenge = challenge_of(ask(world.client, "new@example.com", name="New"))
    code = newest_code(world.app, "sign_up")
    return lambda: type_code(world.client, challenge, code)


def proves_an_address_by_code(world: World) -> Try:
    """Sign in by the code of a letter where nobody had proved the address, and a second factor was set up before."""
    with_totp(world.alice, world.mongo)
    world.mongo.users.update_one({"email": world.alice.email}, {"$unset": {"emailVerifiedAt": 1}})
    return types_a_code(world)


def comes_from_a_provider(world: World) -> Try:
    """Sign in with a provider; each time the browser goes there."""
    traveller = world.known_browser()
    return lambda: traveller.arrive(someone("alice-1", world.alice.email))


def signs_up_by_a_provider(world: World) -> Try:
    """Sign in with a provider for the first time."""
    return lambda: world.browser().arrive(someone("newcomer", "new@example.com"))


def takes_over_by_a_provider(world: World) -> Try:
    """Sign in with a provider to an account whose address nobody had proved; what was set up there before goes."""
    with_totp(world.alice, world.mongo)
    world.mongo.users.update_one({"email": world.alice.email}, {"$unset": {"emailVerifiedAt": 1}})
    return lambda: world.browser().arrive(someone("alice-1", world.alice.email))


def joins_by_a_provider(world: World) -> Try:
    """Sign in with a trusted provider to an account that is not linked yet."""
    return lambda: world.browser("trusted").arrive(someone("alice-1", world.alice.email))


def refreshes(world: World) -> Try:
    """Refresh by the same token."""
    return world.alice.refresh


def reauthenticates(world: World) -> Try:
    """Re-authenticate by password."""
    return lambda: post(world.alice, "/auth/reauthenticate", password=PASSWORD)


def reauthenticates_by_app(world: World) -> Try:
    """Re-authenticate by the code of an app, the same one each time."""
    code = with_totp(world.alice, world.mongo).app.code()
    return lambda: post(world.alice, "/auth/reauthenticate", code=code)


def reauthenticates_by_mail(world: World) -> Try:
    """Re-authenticate by the code of a letter, the same one each time."""
    asked = post(world.alice, "/auth/reauthenticate/email")
    code = newest_code(world.app, "reauthentication")
    return lambda: post(world.alice, "/auth/reauthenticate", challengeId=challenge_of(asked), code=code)


def reauthenticates_by_a_provider(world: World) -> Try:
    """Re-authenticate by a provider; each time the browser goes there."""
    traveller = world.known_browser()
    traveller.headers = world.alice.headers
    return lambda: traveller.arrive(someone("alice-1", world.alice.email), "reauthenticate")


def grants_a_password(world: World) -> Try:
    """Get a token by somebody's password."""
    world.app.config["PASSWORD_GRANT"] = True
    body = f"grant_type=password&username={world.alice.email}&password=correct+horse+battery"
    return lambda: send(world.client, "POST", TOKEN, data=body, headers=FORM)


def exchanges_a_code(world: World) -> Try:
    """Exchange an app's code."""
    notes = new_app(world.app, world.client)
    code = notes.authorize(world.alice.tokens["accessToken"])
    return lambda: notes.exchange(code)


def refreshes_an_app(world: World) -> Try:
    """Refresh an app's tokens."""
    notes = new_app(world.app, world.client)
    tokens = notes.sign_in(world.alice.tokens["accessToken"], scope="openid offline_access")
    return lambda: notes.refresh(tokens["refresh_token"])


def polls_a_device(world: World) -> Try:
    """Let a device ask that was allowed."""
    device = Device.begin(new_device_app(world.app, world.client))
    device.allow(world.alice.tokens["accessToken"])
    return device.poll


def acts_for_itself(world: World) -> Try:
    """Let a service get a token."""
    service = new_service(world)
    return lambda: service.token({"grant_type": "client_credentials"})


def new_service(world: World) -> AppClient:
    """Return an app that acts for itself."""
    return new_app(world.app, world.client, AppKind.SERVICE, uris=(), scopes=["notes:read"], resources=[API])


PEOPLE = (
    *(registers, signs_in, shows_a_code, shows_a_recovery_code, shows_a_passkey, types_a_code, opens_a_link),
    *(signs_up_by_code, proves_an_address_by_code, comes_from_a_provider, refreshes),
    *(signs_up_by_a_provider, takes_over_by_a_provider, joins_by_a_provider),
    *(reauthenticates, reauthenticates_by_app, reauthenticates_by_mail, reauthenticates_by_a_provider),
)
APPS = (exchanges_a_code, refreshes_an_app, polls_a_device, acts_for_itself, grants_a_password)
EACH = pytest.mark.parametrize("path", [*PEOPLE, *APPS], ids=lambda path: path.__name__)
Path = Callable[[World], Try]


@pytest.fixture(autouse=True)
def without_password_grant(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the password grant off after a test that needs it."""
    monkeypatch.setitem(app.config, "PASSWORD_GRANT", False)


def body_of(answer: Any) -> dict[str, Any]:
    """Return what a success answers: of a client of Flask's, or of an app."""
    status = status_of(answer)
    assert status in (200, 201), answer.text
    return dict(answer.get_json() if hasattr(answer, "get_json") else answer.json)


def tokens_of(body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the claims of the tokens of an answer, by their names."""
    inside = body.get("session", body) if isinstance(body.get("session", body), dict) else body
    named = {name.replace("_", "").lower(): value for name, value in inside.items()}
    kinds = ("accesstoken", "refreshtoken", "idtoken")
    return {kind: claims_of(named[kind]) for kind in kinds if isinstance(named.get(kind), str)}


def check_failure(answer: Any) -> None:
    """Check that an answer is the failure of a hook, by name: OAuth has a name of its own for it."""
    if hasattr(answer, "get_json"):
        problem(answer, 503, "hook_failed")
        return
    assert (answer.status, answer.error) == (503, "temporarily_unavailable"), answer.text
    assert answer.json["error_description"] == "A hook of the service gave no usable answer"


def check_theft(answer: Any) -> None:
    """Check that an answer refuses a token that was used before, to somebody or to an app."""
    if hasattr(answer, "get_json"):
        assert problem(answer, 401, "session_ended")["reason"] == "token_reuse"
        return
    assert (answer.status, answer.error) == (400, "invalid_grant"), answer.text


class TestEveryToken:
    @EACH
    def test_r124_each_says_what_the_hook_says_under_ext(self, world: World, hook: HookServer, path: Path) -> None:
        attempt = path(world)
        hook.answer = lambda _: {"claims": CLAIMS}
        with asking(world.app, token=hook.url):
            tokens = tokens_of(body_of(attempt()))
        assert tokens["accesstoken"]["ext"] == CLAIMS
        assert [name for name, claims in tokens.items() if "ext" in claims] == ["accesstoken"]
        assert len(hook.about("token")) == 1

    @EACH
    def test_r124_while_it_fails_nothing_is_used_up(
        self, world: World, hook: HookServer, mongo: Mongo, path: Path
    ) -> None:
        attempt = path(world)
        before = stored(mongo)
        with asking(world.app, token=hook.url):
            hook.answer = lambda _: None
            for _ in range(6):  # one more than a code has tries
                check_failure(attempt())
            assert stored(mongo) == before
            hook.answer = lambda _: {"claims": CLAIMS}
            tokens = tokens_of(body_of(attempt()))
        assert tokens["accesstoken"]["ext"] == CLAIMS

    @EACH
    def test_without_a_hook_there_is_no_ext(self, world: World, hook: HookServer, path: Path) -> None:
        assert "ext" not in tokens_of(body_of(path(world)()))["accesstoken"]
        assert hook.questions == []


class TestQuestion:
    @pytest.mark.parametrize("path", PEOPLE, ids=lambda path: path.__name__)
    def test_it_is_about_the_session_as_the_token_tells_it(self, world: World, hook: HookServer, path: Path) -> None:
        attempt = path(world)
        hook.answer = lambda _: {}
        with asking(world.app, token=hook.url):
            claims = tokens_of(body_of(attempt()))["accesstoken"]
        (data,) = hook.about("token")
        assert set(data) == {"account", "session"}
        assert (data["account"]["id"], data["account"]["role"]) == (claims["sub"], claims["role"])
        assert data["session"]["id"] == claims["sid"]
        assert set(data["session"]["methods"]) == set(claims["amr"])
        assert abs(data["session"]["authTime"] - claims["auth_time"]) <= 2
        account = world.mongo.users.find_one({"email": data["account"]["email"]})
        assert account is not None
        assert data["account"]["emailVerified"] == (account.get("emailVerifiedAt") is not None)
        assert (data["account"]["name"], str(account["_id"])) == (account["name"], data["account"]["id"])

    def test_an_app_is_named_and_what_it_asks_for(self, world: World, hook: HookServer) -> None:
        notes = new_app(world.app, world.client)
        code = notes.authorize(world.alice.tokens["accessToken"], scope="openid email")
        hook.answer = lambda _: {}
        with asking(world.app, token=hook.url):
            claims = claims_of(body_of(notes.exchange(code))["access_token"])
        (data,) = hook.about("token")
        assert data["app"] == {"id": notes.id, "name": "Notes"}
        assert data["scopes"] == claims["scope"].split()
        assert data["audience"] == claims["aud"]
        assert (data["account"]["id"], data["session"]["id"]) == (claims["sub"], claims["sid"])

    def test_a_refresh_that_asks_for_less_says_so(self, world: World, hook: HookServer) -> None:
        notes = new_app(world.app, world.client)
        tokens = notes.sign_in(world.alice.tokens["accessToken"], scope="openid email offline_access")
        hook.answer = lambda _: {}
        with asking(world.app, token=hook.url):
            body_of(notes.refresh(tokens["refresh_token"], scope="openid"))
        assert hook.about("token")[0]["scopes"] == ["openid"]

    def test_a_service_has_neither_account_nor_session(self, world: World, hook: HookServer) -> None:
        service = new_service(world)
        hook.answer = lambda _: {}
        with asking(world.app, token=hook.url):
            body_of(service.token({"grant_type": "client_credentials"}))
        (data,) = hook.about("token")
        assert data == {"app": {"id": service.id, "name": "Notes"}, "scopes": ["notes:read"], "audience": API}


class TestWhoIsNotAsked:
    """A request that is refused anyway asks nobody, and a hook can't keep a theft from being noticed."""

    def test_a_wrong_password(self, world: World, hook: HookServer) -> None:
        with asking(world.app, token=hook.url):
            problem(login(world.client, password="wrong wrong wrong"), 401, "invalid_credentials")
        assert hook.questions == []

    def test_a_wrong_code_of_an_app(self, world: World, hook: HookServer) -> None:
        protected: Protected = with_totp(world.alice, world.mongo)
        begun = ticket(world.client, world.alice)
        code = f"{(int(protected.app.code()) + 1) % 1_000_000:06}"
        with asking(world.app, token=hook.url):
            problem(complete(world.client, begun, code=code), 403, "mfa_code_invalid")
        assert hook.questions == []

    def test_who_still_has_to_show_a_second_factor(self, world: World, hook: HookServer) -> None:
        with_totp(world.alice, world.mongo)
        attempt = types_a_code(world)
        with asking(world.app, token=hook.url):
            assert attempt().status_code == 202
            assert login(world.client).status_code == 202
        assert hook.questions == []

    @pytest.mark.parametrize("answer", [None, {}], ids=["failing", "answering"])
    def test_a_stolen_refresh_token_ends_the_session_whatever_the_hook_does(
        self, world: World, hook: HookServer, mongo: Mongo, answer: Any
    ) -> None:
        stolen = world.alice.tokens["refreshToken"]
        for _ in range(2):
            world.alice.tokens = {**world.alice.tokens, **body_of(world.alice.refresh())}
        hook.answer = lambda _: answer
        with asking(world.app, token=hook.url):
            assert problem(world.alice.refresh(stolen), 401, "session_ended")["reason"] == "token_reuse"
        assert hook.questions == []
        assert mongo.sessions.find_one({"endReason": "token_reuse"}) is not None

    def test_a_code_that_is_used_again_ends_what_it_gave(self, world: World, hook: HookServer, mongo: Mongo) -> None:
        notes = new_app(world.app, world.client)
        code = notes.authorize(world.alice.tokens["accessToken"])
        body_of(notes.exchange(code))
        hook.answer = lambda _: None
        with asking(world.app, token=hook.url):
            assert notes.exchange(code).error == "invalid_grant"
        assert hook.questions == []
        assert mongo.sessions.find_one({"app": notes.id, "endReason": "token_reuse"}) is not None

    def test_a_code_with_another_verifier_is_used_up_as_ever(self, world: World, hook: HookServer) -> None:
        notes = new_app(world.app, world.client)
        code = notes.authorize(world.alice.tokens["accessToken"])
        with asking(world.app, token=hook.url):
            assert notes.token({**code.form, "code_verifier": "x" * 43}).error == "invalid_grant"
            assert notes.exchange(code).error == "invalid_grant"
        assert hook.questions == []

    def test_who_is_disabled(self, world: World, hook: HookServer, mongo: Mongo) -> None:
        mongo.users.update_one({"email": world.alice.email}, {"$set": {"disabledAt": clock.now()}})
        with asking(world.app, token=hook.url):
            problem(login(world.client), 403, "account_disabled")
            problem(world.alice.refresh(), 401, "session_ended")
        assert hook.questions == []

    @pytest.mark.parametrize("path", [exchanges_a_code, polls_a_device])
    def test_r124_whom_an_app_s_code_can_let_in_no_longer(
        self, world: World, hook: HookServer, mongo: Mongo, path: Path
    ) -> None:
        """A hook that fails makes no difference: the code is refused, not kept."""
        exchange = path(world)
        mongo.users.update_one({"email": world.alice.email}, {"$set": {"disabledAt": clock.now()}})
        hook.answer = lambda _: None
        with asking(world.app, token=hook.url):
            assert exchange().json["error"] in ("invalid_grant", "access_denied")
        assert hook.questions == []

    def test_r124_who_has_signed_out_before_the_code_of_an_app_is_shown(self, world: World, hook: HookServer) -> None:
        notes = new_app(world.app, world.client)
        code = notes.authorize(world.alice.tokens["accessToken"])
        assert post(world.alice, "/auth/logout").status_code == 204
        with asking(world.app, token=hook.url):
            assert notes.exchange(code).error == "invalid_grant"
        assert hook.questions == []


class TestLimits:
    @pytest.mark.parametrize("path", [refreshes, refreshes_an_app])
    def test_r124_a_hook_that_fails_uses_up_no_refresh(self, world: World, hook: HookServer, path: Path) -> None:
        refresh = path(world)
        hook.answer = lambda _: None
        with throttled(world.app, refresh_session=2, refresh_address=2), asking(world.app, token=hook.url):
            assert [status_of(refresh()) for _ in range(4)] == [503] * 4
            hook.answer = lambda _: {}
            assert status_of(refresh()) == 200


class TestMeanwhile:
    """What changes while the hook thinks."""

    def test_a_password_that_changes_lets_nobody_in(self, world: World, hook: HookServer, mongo: Mongo) -> None:
        def answer(_: Any) -> Any:
            mongo.users.update_one({"email": world.alice.email}, {"$set": {"password": "$2b$04$" + "." * 53}})
            return {}

        hook.answer = answer
        with asking(world.app, token=hook.url):
            problem(login(world.client), 401, "invalid_credentials")

    def test_a_role_that_changes_is_in_the_token(self, world: World, hook: HookServer, mongo: Mongo) -> None:
        def answer(_: Any) -> Any:
            mongo.users.update_one({"email": world.alice.email}, {"$set": {"role": "admin"}})
            return {}

        hook.answer = answer
        with asking(world.app, token=hook.url):
            assert claims_of(body_of(world.alice.refresh())["accessToken"])["role"] == "admin"

    def test_a_session_that_ends_is_not_refreshed(self, world: World, hook: HookServer, mongo: Mongo) -> None:
        def answer(_: Any) -> Any:
            mongo.sessions.update_many({}, {"$set": {"endedAt": clock.now(), "endReason": "logout"}})
            return {}

        hook.answer = answer
        with asking(world.app, token=hook.url):
            assert problem(world.alice.refresh(), 401, "session_ended")["reason"] == "logout"

    @pytest.mark.parametrize("path", [refreshes, refreshes_an_app], ids=lambda path: path.__name__)
    def test_r56_a_refresh_that_came_within_the_grace_is_no_theft_after_it(
        self, world: World, hook: HookServer, mongo: Mongo, path: Path
    ) -> None:
        refresh = path(world)
        body_of(refresh())
        almost = clock.now() + timedelta(seconds=world.app.config["REFRESH_REUSE_GRACE"] - 1)
        with time_machine.travel(almost, tick=True) as travel, asking(world.app, token=hook.url):
            hook.answer = lambda _: (travel.shift(2), {})[1]
            body_of(refresh())
            assert mongo.sessions.find_one({"endReason": "token_reuse"}) is None
            assert len(hook.about("token")) == 1
            check_theft(refresh())  # that came after it
            assert len(hook.about("token")) == 1

    def test_r58_a_refresh_token_that_grew_old_meanwhile_is_theft(
        self, world: World, hook: HookServer, mongo: Mongo
    ) -> None:
        first = world.alice.tokens["refreshToken"]
        second = body_of(world.alice.refresh(first))["refreshToken"]

        def answer(_: Any) -> Any:
            hook.answer = lambda _: {}
            body_of(world.alice.refresh(second))
            return {}

        hook.answer = answer
        with asking(world.app, token=hook.url):
            assert problem(world.alice.refresh(first), 401, "session_ended")["reason"] == "token_reuse"
        assert mongo.sessions.find_one({"endReason": "token_reuse"}) is not None

    @pytest.mark.race
    def test_of_many_refreshes_at_once_each_is_answered_and_one_rotates(
        self, world: World, hook: HookServer, mongo: Mongo
    ) -> None:
        hook.answer = lambda _: {"claims": CLAIMS}
        with asking(world.app, token=hook.url):
            body = {"refreshToken": world.alice.tokens["refreshToken"]}
            answers = race(*[lambda: world.app.test_client().post("/auth/refresh-token", json=body)] * 8)
        assert {one.status_code for one in answers} == {200}
        assert {claims_of(one.get_json()["accessToken"])["ext"]["plan"] for one in answers} == {"pro"}
        assert [one["generation"] for one in mongo.sessions.find()] == [2]


class TestOutside:
    def test_who_introspects_sees_them(self, world: World, hook: HookServer) -> None:
        hook.answer = lambda _: {"claims": CLAIMS}
        notes = new_app(world.app, world.client)
        with asking(world.app, token=hook.url):
            tokens = notes.sign_in(world.alice.tokens["accessToken"])
        told = notes.post("/oauth2/introspect", {"token": tokens["access_token"]}).json
        assert (told["active"], told["ext"]) == (True, CLAIMS)
        assert "ext" not in notes.post("/oauth2/introspect", {"token": tokens["refresh_token"]}).json

    def test_who_introspects_a_token_of_ours_sees_them(self, world: World, hook: HookServer) -> None:
        hook.answer = lambda _: {"claims": CLAIMS}
        with asking(world.app, token=hook.url):
            alice = world.alice.login()
        for name, ext in (("accessToken", CLAIMS), ("refreshToken", None)):
            told = world.client.post("/auth/introspect", data={"token": alice.tokens[name]}, headers=alice.headers)
            assert (told.get_json()["active"], told.get_json().get("ext")) == (True, ext)

    def test_whole_characters_and_large_integers_reach_them(self, world: World, hook: HookServer) -> None:
        claims = {"name": "\U0001f600", "most": 2**53 - 1, "least": 1 - 2**53, "large": 1e300, "yes": True}
        hook.answer = lambda _: {"claims": claims}
        with asking(world.app, token=hook.url):
            assert claims_of(world.alice.login().tokens["accessToken"])["ext"] == claims

    def test_what_a_worker_keeps_of_a_token_is_not_large(self, world: World, hook: HookServer) -> None:
        hook.answer = lambda _: {"claims": {"groups": [[] for _ in range(500)]}}
        with asking(world.app, token=hook.url):
            people = [world.alice.login()]
            hook.answer = lambda _: {"claims": {"text": "x" * 4000}}
            people.append(world.alice.login())
        assert [person.home().status_code for person in people * 2] == [200] * 4
        with world.app.app_context():
            verified = signing_keys.snapshot().verified
        kept, forgotten = (person.tokens["accessToken"] for person in people)
        assert "ext" not in verified[kept]
        assert verified[kept]["sid"] == claims_of(kept)["sid"]
        assert forgotten not in verified


class TestOnePlace:
    def test_r124_nobody_mints_an_access_token_without_asking(self) -> None:
        """`mint` wants an `Ext`, and only who asks the hook makes one."""
        places: dict[str, set[str]] = {}
        for module in sorted((ROOT / "authsvc").rglob("*.py")):
            for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                    name = ast.unparse(node.func).rpartition(".")[2]
                    places.setdefault(name, set()).add(str(module.relative_to(ROOT / "authsvc")))
        assert places["Ext"] == {"services/token_claims.py"}
        assert places["create_access_token"] == {"services/tokens.py"}
