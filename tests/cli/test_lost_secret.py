"""A SECRET_KEY that is lost: the way out, over a running service. U11."""

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bson import ObjectId
from flask import Flask
from flask.testing import FlaskClient

from authsvc import clock
from authsvc.models.signing_keys import Ring
from authsvc.services import mail, signing_keys
from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import Database, login
from tests.support.commands import flask
from tests.support.factors import App, Protected, complete, enrol, post, ticket, verified, with_passkey, with_totp
from tests.support.races import eventually
from tests.support.service import Service, Visitor


@pytest.fixture
def changed(settings: dict[str, str]) -> dict[str, str]:
    """Return the settings of a service whose operator has lost SECRET_KEY and made another."""
    return {**settings, "SECRET_KEY": secrets.token_urlsafe(48), "WEB_CONCURRENCY": "2"}


@pytest.fixture
def waiting(changed: dict[str, str], app: Flask, own_ring: None) -> Iterator[Service]:
    """Return that service, which is not ready and waits."""
    service = Service(**changed)
    try:
        yield service.start(ready=False)
    finally:
        service.stop()


@pytest.fixture
def people(client: FlaskClient, mongo: Database) -> dict[str, Any]:
    """Return people with an app: one with recovery codes, one with a passkey too, one with nothing else."""
    with_codes, with_key, with_nothing, begun = (
        Person(client, f"{name}@example.com", PASSWORD, name).register()
        for name in ("codes", "key", "nothing", "begun")
    )
    protected = with_totp(with_codes, mongo)
    with_totp(with_key, mongo)
    device = with_passkey(with_key, mongo)
    lonely = with_totp(with_nothing, mongo)
    mongo.users.update_one({"_id": ObjectId(with_nothing.id)}, {"$set": {"recoveryCodeHashes": []}})
    enrol(verified(mongo, begun))
    return {"codes": protected, "device": device, "lonely": lonely, "begun": begun}


def sign_in(visitor: Visitor, email: str) -> dict[str, Any]:
    """Show the right password; return the answer that asks for a second factor."""
    answer = visitor.login(email, PASSWORD)
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def second(visitor: Visitor, asked: dict[str, Any], **proof: Any) -> Any:
    return visitor.request("POST", "/auth/login/mfa", json={"mfaToken": asked["mfaToken"], **proof})


class TestU11LostSecretKey:
    def test_reset_lets_everybody_in_again(
        self, waiting: Service, changed: dict[str, str], people: dict[str, Any], mongo: Database, app: Flask
    ) -> None:
        visitor = Visitor(waiting.url)
        protected: Protected = people["codes"]
        with app.app_context():
            mail.post("verify", ObjectId(), to="ada@example.com", link="https://x")
        eventually(lambda: "flask keys reset" in visitor.request("GET", "/readyz").text)
        assert visitor.login("codes@example.com", PASSWORD).status_code == 503

        listed = flask(changed, "keys", "list")
        assert (listed.returncode, "flask keys reset" in listed.stderr, "Traceback" in listed.stderr) == (
            1,
            True,
            False,
        )
        retired = flask(changed, "keys", "retire", "1", "--yes")
        assert (retired.returncode, "flask keys reset" in retired.stderr, "Traceback" in retired.stderr) == (
            1,
            True,
            False,
        )

        refused = flask(changed, "keys", "reset", typed="n\n")
        assert (refused.returncode, "SECRET_KEY_FALLBACKS instead" in refused.stdout) == (1, True)
        assert visitor.request("GET", "/readyz").status_code == 503

        done = flask(changed, "keys", "reset", typed="y\n")
        assert done.returncode == 0, done.stderr
        listed_apps = {line.split()[1]: line.split()[2:] for line in done.stdout.splitlines() if "@example.com" in line}
        assert listed_apps == {
            "codes@example.com": ["10", "0"],
            "key@example.com": ["10", "1"],
            "nothing@example.com": ["0", "0", "flask", "users", "reset-factors", people["lonely"].person.id],
        }
        waiting.wait_ready()

        asked = sign_in(visitor, "codes@example.com")
        assert asked["methods"] == ["recovery_code"]
        refusal = second(visitor, asked, code=protected.app.code())
        assert (refusal.status_code, refusal.json()["code"]) == (403, "mfa_code_invalid")
        assert "recovery code" in refusal.json()["detail"]
        entered = second(visitor, asked, recoveryCode=protected.recovery_codes[0])
        assert entered.status_code == 200, entered.text
        self.replace_app(visitor, entered.json()["accessToken"])

        asked = sign_in(visitor, "key@example.com")
        assert asked["methods"] == ["recovery_code", "passkey"]
        options = visitor.request("POST", "/auth/login/passkey/options", json={"mfaToken": asked["mfaToken"]}).json()
        shown = people["device"].get(options["publicKey"])
        entered = second(visitor, asked, challengeId=options["challengeId"], credential=shown)
        assert entered.status_code == 200, entered.text

        asked = sign_in(visitor, "nothing@example.com")
        assert "administrator" in second(visitor, asked, code="000000").json()["detail"]
        mended = flask(changed, "users", "reset-factors", "nothing@example.com", "--yes")
        assert mended.returncode == 0, mended.stderr
        assert visitor.login("nothing@example.com", PASSWORD).status_code == 200

        assert mongo.users.find_one({"email": "begun@example.com"}).get("totp") is None
        assert mongo.letters.find_one({"to": "ada@example.com"})["error"] == "SECRET_KEY was lost"
        assert mongo.audit.find_one({"action": "signing_keys.reset"})["details"]["apps"] == 3
        assert "does not open" not in flask(changed, "doctor").stdout
        again = flask(changed, "keys", "reset", "--yes")
        assert (again.returncode, "Nothing to do" in again.stdout) == (0, True)
        assert flask(changed, "keys", "list").returncode == 0

    def replace_app(self, visitor: Visitor, access_token: str) -> None:
        """Remove the app that is lost, and enrol another."""
        headers = {"Authorization": f"Bearer {access_token}"}
        assert visitor.request("DELETE", "/auth/mfa/totp", headers=headers).status_code == 204
        begun = visitor.request("POST", "/auth/mfa/totp", headers=headers)
        assert begun.status_code == 200, begun.text
        code = App(begun.json()["secret"]).code()
        made = visitor.request("POST", "/auth/mfa/totp/confirm", headers=headers, json={"code": code})
        assert made.status_code == 200, made.text

    def test_old_tokens_are_refused_and_access_tokens_stay(
        self, waiting: Service, changed: dict[str, str], alice: Person
    ) -> None:
        wanted = {"name": "a script", "scopes": ["account:read"]}
        script = post(alice, "/auth/access-tokens", **wanted).get_json()["token"]
        assert flask(changed, "keys", "reset", "--yes").returncode == 0
        waiting.wait_ready()
        visitor = Visitor(waiting.url)
        assert visitor.refresh(alice.tokens["refreshToken"]).status_code == 401
        assert visitor.home(alice.tokens["accessToken"]).status_code == 401
        assert visitor.me(script).status_code == 200
        fresh = visitor.login(alice.email).json()
        assert visitor.home(fresh["accessToken"]).status_code == 200
        assert visitor.refresh(fresh["refreshToken"]).status_code == 200


class TestU11Commands:
    @pytest.mark.parametrize("fallback", [False, True])
    def test_nothing_is_reset_while_the_keys_can_be_opened(
        self,
        settings: dict[str, str],
        changed: dict[str, str],
        app: Flask,
        mongo: Database,
        clean: None,
        fallback: bool,
    ) -> None:
        before = list(mongo.signing_keys.find())
        given = {**changed, "SECRET_KEY_FALLBACKS": settings["SECRET_KEY"]} if fallback else settings
        done = flask(given, "keys", "reset", "--yes")
        assert (done.returncode, "Nothing to do" in done.stdout) == (0, True), done.stderr
        assert list(mongo.signing_keys.find()) == before
        assert mongo.audit.count_documents({"action": "signing_keys.reset"}) == 0

    def test_keys_that_can_be_opened_stay(
        self, app: Flask, own_ring: None, mongo: Database, make_app: Callable[..., Flask]
    ) -> None:
        """Half of a reseal was done when the former secret was lost."""
        with app.app_context():
            signing_keys.rotate()
        secret = secrets.token_urlsafe(48)
        newest = mongo.signing_keys.find_one(sort=[("_id", -1)])
        with app.app_context(), pytest.MonkeyPatch.context() as patch:
            patch.setitem(app.config, "SECRET_KEY_FALLBACKS", [app.config["SECRET_KEY"]])
            patch.setitem(app.config, "SECRET_KEY", secret)
            signing_keys.reseal()
        other = {**newest, "_id": newest["_id"] + 1, "sealed": newest["sealed"]}
        mongo.signing_keys.insert_one(other)
        changed = make_app(SECRET_KEY=secret, ready=False)
        done = changed.test_cli_runner().invoke(args=["keys", "reset", "--yes"])
        assert done.exit_code == 0, done.output
        assert newest["_id"] in [key["_id"] for key in mongo.signing_keys.find()]
        assert other["_id"] not in [key["_id"] for key in mongo.signing_keys.find()]

    def test_of_keys_of_id_tokens_alone_nobody_is_signed_out(
        self, app: Flask, own_ring: None, mongo: Database, alice: Person
    ) -> None:
        with app.app_context():
            signing_keys.reload(Ring.IDS)
        before = list(mongo.signing_keys.find())
        mongo.id_signing_keys.update_many({}, {"$set": {"sealed": before[0]["sealed"]}})
        done = app.test_cli_runner().invoke(args=["keys", "reset", "--yes"])
        assert (done.exit_code, "Nobody is signed out" in done.output) == (0, True), done.output
        assert "sign in again" not in done.output
        assert list(mongo.signing_keys.find()) == before
        assert alice.home().status_code == 200
        assert app.test_client().get("/.well-known/jwks.json").status_code == 200

    def test_an_interrupted_one_is_finished_by_another(
        self, app: Flask, own_ring: None, people: dict[str, Any], mongo: Database, make_app: Callable[..., Flask]
    ) -> None:
        changed = make_app(SECRET_KEY=secrets.token_urlsafe(48), ready=False)
        run = changed.test_cli_runner().invoke

        def die() -> None:
            raise KeyboardInterrupt

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(signing_keys, "reset", die)
            assert run(args=["keys", "reset", "--yes"]).exit_code != 0
        done = run(args=["keys", "reset", "--yes"])
        assert done.exit_code == 0
        assert done.output.count("@example.com") == 3


class TestU11OneSecret:
    """A single app's secret that can't be opened, in a service that is well."""

    @pytest.fixture
    def broken(self, client: FlaskClient, alice: Person, mongo: Database) -> Protected:
        protected = with_totp(alice, mongo)
        sealed = mongo.users.find_one()["totp"]["sealed"]
        mongo.users.update_one({}, {"$set": {"totp.sealed": sealed[:-8] + "AAAAAAA="}})
        return protected

    def test_its_codes_are_wrong_and_the_rest_works(self, client: FlaskClient, broken: Protected) -> None:
        asked = login(client, broken.person.email).get_json()
        assert asked["methods"] == ["recovery_code"]
        refused = problem(complete(client, asked["mfaToken"], code=broken.app.code()), 403, "mfa_code_invalid")
        assert "recovery code" in refused["detail"]
        entered = complete(client, asked["mfaToken"], recoveryCode=broken.recovery_codes[0])
        assert entered.status_code == 200

    def test_the_password_alone_is_not_enough(self, client: FlaskClient, broken: Protected) -> None:
        assert login(client, broken.person.email).status_code == 202

    def test_nothing_is_forgotten_by_itself(
        self, app: Flask, client: FlaskClient, alice: Person, mongo: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The former secret may come back, into SECRET_KEY_FALLBACKS."""
        protected = with_totp(alice, mongo)
        secret = app.config["SECRET_KEY"]
        monkeypatch.setitem(app.config, "SECRET_KEY", secrets.token_urlsafe(48))
        token = ticket(client, alice)
        problem(complete(client, token, code=protected.app.code()), 403, "mfa_code_invalid")
        monkeypatch.setitem(app.config, "SECRET_KEY_FALLBACKS", [secret])
        assert complete(client, token, code=protected.app.code()).status_code == 200

    def test_it_can_be_removed_and_an_enrolment_begun_anew(
        self, client: FlaskClient, alice: Person, mongo: Database, broken: Protected
    ) -> None:
        assert client.delete("/auth/mfa/totp", headers=alice.headers).status_code == 204
        app = enrol(alice)
        mongo.users.update_one({}, {"$set": {"totp.sealed": "AAAA"}})
        problem(post(alice, "/auth/mfa/totp/confirm", code=app.code()), 409, "mfa_not_enabled")
        assert post(alice, "/auth/mfa/totp/confirm", code=enrol(alice).code(clock.now())).status_code == 200

    def test_a_letter_that_can_t_be_opened_stops_no_reseal(self, app: Flask, clean: None, mongo: Database) -> None:
        with app.app_context(), pytest.MonkeyPatch.context() as patch:
            for to in ("ada@example.com", "bob@example.com"):
                mail.post("verify", ObjectId(), to=to, link="https://x")
            mongo.letters.update_one({"to": "ada@example.com"}, {"$set": {"sealed": "AAAA"}})
            patch.setitem(app.config, "SECRET_KEY_FALLBACKS", [app.config["SECRET_KEY"]])
            patch.setitem(app.config, "SECRET_KEY", secrets.token_urlsafe(48))
            assert mail.reseal() == 1
