"""What is logged, and what never is. R95, R96."""

import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import time_machine
from flask import Flask
from pymongo.database import Database as MongoDatabase

from authsvc import clock, logs
from authsvc.models.apps import AppKind
from tests.conftest import Person, problem, wipe
from tests.support.factors import App
from tests.support.hashes_elsewhere import KNOWN_ELSEWHERE
from tests.support.letters import newest, newest_code
from tests.support.oauth import new_app
from tests.support.service import Service, Visitor
from tests.support.wire import EVIL, exchange

PASSWORD = "CANARY-pw-correct-horse"
WRONG = "CANARY-pw-of-somebody-else"
LATER = "CANARY-pw-that-came-later"
EMAIL = "canary-address@example.com"
NEW_EMAIL = "canary-moved@example.com"
NOBODY = "f" * 24
NAME = "CANARY-name"
SHAPES: dict[str, Callable[[str], Any]] = {
    "text": lambda secret: f"a {secret} b",
    "list": lambda secret: [1, f"a {secret}"],
    "tuple": lambda secret: (secret,),
    "set": lambda secret: {secret},
    "value": lambda secret: {"a": {"b": [secret]}},
    "key": lambda secret: {secret: 1},
    "bytes": lambda secret: secret.encode(),
    "exception": ValueError,
    "path": lambda secret: Path("/") / secret,
    "object": lambda secret: SimpleNamespace(a=secret),
    "deep": lambda secret: [[[[[[[[secret]]]]]]]],
}
FORGING = [
    "a\r\nforged: line",
    "a\nforged line",
    "a\x1b[31mred\x1b[0m",
    "a\u2028forged",
    "a\x85forged",
    "a\x00b",
    "a\x7fb",
]


@pytest.fixture(scope="module")
def service(app: Flask, settings: dict[str, str]) -> Iterator[Service]:
    """Return a running service that logs all it can."""
    with Service(
        **{**settings, "LOG_LEVEL": "DEBUG", "WEB_CONCURRENCY": 1, "REFRESH_REUSE_GRACE": 0, "PASSWORD_GRANT": "on"}
    ) as running:
        yield running


def events(service: Service) -> list[dict[str, Any]]:
    """Return what a service has logged, but for what gunicorn says of itself."""
    return [json.loads(line) for line in service.log().splitlines() if line.startswith("{")]


class Journeys:
    """Somebody who does everything, right and wrong, and remembers each secret that was shown."""

    def __init__(self, service: Service, app: Flask, mongo: MongoDatabase[dict[str, Any]]) -> None:
        self.service = service
        self.app = app
        self.mongo = mongo
        self.secrets = {PASSWORD, WRONG, LATER, EMAIL, NEW_EMAIL, NAME}
        self.record = self.dump = ""

    def send(self, method: str, path: str, token: str | None = None, **options: Any) -> requests.Response:
        """Send a request and remember the tokens in the answer."""
        headers = options.pop("headers", {})
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        answer = requests.request(method, self.service.url + path, headers=headers, timeout=20, **options)
        told = answer.text + answer.headers.get("Set-Cookie", "")
        self.secrets |= set(re.findall(r"eyJ[\w-]+\.[\w-]+\.[\w-]+", told))
        self.secrets |= set(re.findall(r"asv_\w+|(?<=device=)\w+", told))
        return answer

    def everywhere(self) -> "Journeys":
        """Walk all ways, and keep what is stored on the way, before accounts are broken and deleted."""
        self.sign_in()
        self.follow_links()
        self.type_codes()
        self.go_to_providers()
        self.add_factors()
        self.use_an_app()
        self.use_a_device()
        self.speak_oauth()
        self.record = repr(list(self.mongo.audit.find()))
        self.dump = repr([list(self.mongo[name].find()) for name in self.mongo.list_collection_names()])
        self.leave()
        self.crash()
        self.babble()
        return self

    def sign_in(self) -> None:
        """Sign in and out by all ways."""
        account = {"email": EMAIL, "password": PASSWORD}
        first = self.send("POST", "/auth/register", json={**account, "name": NAME}).json()
        self.send("POST", "/auth/register", json={**account, "name": NAME})
        self.send("POST", "/auth/register", json={**account, "name": NAME, PASSWORD: PASSWORD})
        self.send("POST", "/auth/login", json={**account, "password": WRONG})
        self.send("POST", "/auth/login", json={**account, "password": [WRONG]})
        self.send("POST", "/auth/login", data=json.dumps(account)[:-3], headers={"Content-Type": "application/json"})
        self.send("POST", "/auth/login", data=json.dumps(account), headers={"Content-Type": "text/plain"})
        self.send("POST", "/auth/login", json=account, headers={"Origin": EVIL})
        self.send("POST", f"/auth/login?password={PASSWORD}&email={EMAIL}", json=account)
        self.send("GET", f"/{PASSWORD}?password={PASSWORD}")
        made = {"name": NAME, "scopes": ["account:read"], "expiresInDays": 1}
        script = self.send("POST", "/auth/access-tokens", first["accessToken"], json=made).json()["token"]
        self.send("GET", "/auth/me", script)
        self.send("GET", "/auth/me", script[:-1])
        second = self.send("POST", "/auth/login", json={**account, "transport": "cookie"})
        cookie = second.headers["Set-Cookie"].partition(";")[0]
        self.send("POST", "/auth/refresh-token", headers={"Cookie": cookie})
        self.send("POST", "/auth/refresh-token", headers={"Cookie": cookie})
        for _ in range(2):
            assert self.send("POST", "/auth/refresh-token", json={"refreshToken": first["refreshToken"]}).status_code
        self.send("GET", "/", first["accessToken"])
        self.send("GET", f"/?access_token={first['accessToken']}")
        self.send("GET", "/", first["accessToken"] + PASSWORD)
        self.send("GET", "/", headers={"Authorization": f"Basic {PASSWORD}"})
        third = self.send("POST", "/auth/login", json=account).json()
        self.send("PATCH", "/auth/me", third["accessToken"], json={"name": NAME + " again"})
        self.send("GET", "/auth/sessions", third["accessToken"], headers={"User-Agent": PASSWORD})
        self.send("DELETE", f"/auth/sessions/{PASSWORD}", third["accessToken"])
        self.send("DELETE", f"/auth/sessions/{NOBODY}", third["accessToken"])
        self.send("DELETE", "/auth/logout", third["accessToken"])

    def link(self, kind: str, to: str) -> str:
        """Return the secret of the link in the newest letter of a kind, remembered."""
        found = newest(self.app, kind, to)
        self.secrets.add(found)
        return found

    def follow_links(self) -> None:
        """Ask for each link, and use it wrong, right and once more; prove who one is, and be asked about."""
        account = {"email": EMAIL, "password": PASSWORD}
        token = self.send("POST", "/auth/login", json=account).json()["accessToken"]
        for password in (WRONG, PASSWORD):
            self.send("POST", "/auth/reauthenticate", token, json={"password": password})
        for body in ({"currentPassword": WRONG}, {}, {"newPassword": [LATER]}, {"newPassword": EMAIL}):
            changed = {"currentPassword": PASSWORD, "newPassword": LATER, **body}
            self.send("POST", "/auth/me/password", token, json=changed)
        self.send("POST", "/auth/email/resend", json={"email": EMAIL})
        self.use("/auth/email/verify", self.link("verify", EMAIL), good=200)
        self.use("/auth/password/reset", self.link("verify", EMAIL), good=204, newPassword=LATER)
        token = self.send("POST", "/auth/login", json={**account, "password": LATER}).json()["accessToken"]
        self.send("POST", "/auth/me/email", token, json={"email": NEW_EMAIL})
        self.use("/auth/email/verify", self.link("change", NEW_EMAIL), good=200)
        self.use("/auth/email/revert", self.link("email_changed", EMAIL), good=200)
        for email in (EMAIL, "nobody@example.com"):
            self.send("POST", "/auth/password/forgot", json={"email": email})
        self.use("/auth/password/reset", self.link("reset", EMAIL), good=204, newPassword=PASSWORD)
        script = {"name": NAME, "scopes": ["tokens:introspect"]}
        signed_in = self.send("POST", "/auth/login", json=account).json()
        asking = self.send("POST", "/auth/access-tokens", signed_in["accessToken"], json=script).json()["token"]
        for asked in (signed_in["accessToken"], signed_in["refreshToken"], asking, asking[:-1], PASSWORD):
            self.send("POST", "/auth/introspect", asking, data={"token": asked})
            self.send("GET", "/auth/verify", asked)
        self.send("GET", f"/auth/verify?role={PASSWORD}", asking)

    def use(self, path: str, secret: str, *, good: int, **members: str) -> None:
        """Look at a link; use it wrong, with too little, right, and once more."""
        assert self.send("POST", "/auth/links/inspect", json={"token": secret}).status_code == 200
        for token, status in ((secret[:-1], 400), ([secret], 422), (secret, good), (secret, 400)):
            assert self.send("POST", path, json={"token": token, **members}).status_code == status
        self.send("POST", f"{path}?token={secret}", json={"token": secret, **members})
        self.send("GET", f"/account/verify-email/{secret}")

    def type_codes(self) -> None:
        """Sign in by a code from a letter and by its link, wrong, right and once more."""
        for path in ("/auth/login/email/code", "/auth/login/email/link"):
            asked = self.send("POST", "/auth/login/email", json={"email": EMAIL, "name": NAME})
            challenge = asked.json()["challengeId"]
            self.secrets |= {challenge, asked.cookies["email_code"]}
            code, link = newest_code(self.app, "sign_in", EMAIL), self.link("sign_in", EMAIL)
            right = (
                {"challengeId": challenge, "code": code} if path.endswith("code") else {"token": link, "confirm": True}
            )
            for body in ({**right, "code": PASSWORD}, {**right, "token": PASSWORD}, dict.fromkeys(right, PASSWORD)):
                assert self.send("POST", path, json=body).status_code >= 400
            assert [self.send("POST", path, json=right).ok for _ in "12"] == [True, False]
            self.send("GET", f"{path}?token={link}")
        self.send("POST", "/auth/password/forgot", json={"email": EMAIL, "challenge": True})

    def go_to_providers(self) -> None:
        """Send what a browser may bring back from a provider, and what it may be asked for: no provider is set up."""
        token = self.send("POST", "/auth/login", json={"email": EMAIL, "password": PASSWORD}).json()["accessToken"]
        self.send("GET", "/auth/providers")
        self.send("POST", f"/auth/federation/{PASSWORD}", json={"intent": "sign_in", "returnTo": WRONG})
        back = {"provider": PASSWORD, "state": WRONG, "code": PASSWORD, "iss": WRONG, "user": NAME}
        self.send("POST", "/auth/federation/complete", json=back, headers={"Cookie": f"federation={WRONG}"})
        self.send("POST", "/auth/federation/confirm", token, json={"token": PASSWORD})
        self.send("GET", "/auth/identities", token)
        for identity in (PASSWORD, NOBODY):
            self.send("DELETE", f"/auth/identities/{identity}", token)
        asked = self.send("POST", "/auth/reauthenticate/email", token).json()
        self.secrets.add(asked["challengeId"])
        self.send("POST", "/auth/reauthenticate", token, json={**asked, "code": "000000"})

    def add_factors(self) -> None:
        """Enrol an app, use its codes and the recovery codes, wrong and right, and remove it."""
        account = {"email": EMAIL, "password": PASSWORD}
        token = self.send("POST", "/auth/login", json=account).json()["accessToken"]
        secret = self.send("POST", "/auth/mfa/totp", token).json()["secret"]
        self.secrets.add(secret)
        app = App(secret)
        confirm = {"code": app.code(clock.now() - timedelta(seconds=30))}
        codes = self.send("POST", "/auth/mfa/totp/confirm", token, json=confirm).json()["recoveryCodes"]
        self.secrets |= set(codes)
        for proof in ({"code": PASSWORD}, {"recoveryCode": PASSWORD}, {"code": app.code()}, {"recoveryCode": codes[0]}):
            ticket = self.send("POST", "/auth/login", json=account).json()["mfaToken"]
            self.secrets.add(ticket)
            answer = self.send("POST", "/auth/login/mfa", json={"mfaToken": ticket, **proof})
            self.send("GET", "/", ticket)
        assert answer.status_code == 200
        self.secrets |= set(self.send("POST", "/auth/mfa/recovery-codes", token).json()["recoveryCodes"])
        self.send("POST", "/auth/mfa/require", token)
        for path in ("/auth/mfa", "/auth/passkeys"):
            self.send("GET", path, token)
        for path in ("/auth/passkeys/options", "/auth/reauthenticate/options", "/auth/login/passkey/options"):
            self.send("POST", path, token, json={})
        made = {"challengeId": PASSWORD, "name": NAME, "credential": {PASSWORD: PASSWORD}}
        self.send("POST", "/auth/passkeys", token, json=made)
        for passkey in (PASSWORD, NOBODY):
            self.send("PATCH", f"/auth/passkeys/{passkey}", token, json={"name": NAME})
        self.send("POST", "/auth/login/passkey", json={"challengeId": PASSWORD, "credential": {"id": PASSWORD}})
        assert self.send("DELETE", "/auth/mfa/totp", answer.json()["accessToken"]).status_code == 204

    def use_an_app(self) -> None:
        """O63: sign in to an app, and use what it gets, right, wrong and once more; and disconnect it."""
        account = {"email": EMAIL, "password": PASSWORD}
        token = self.send("POST", "/auth/login", json=account).json()["accessToken"]
        notes = new_app(self.app, Visitor(self.service.url))
        request, cookie, _ = notes.begin(state=WRONG)
        self.secrets |= {notes.secret or "", request, cookie["Cookie"].partition("=")[2]}
        for secret in (request, request[:-1], PASSWORD):
            self.send("POST", "/auth/authorizations/advance", token, json={"request": secret}, headers={**cookie})
            self.send("POST", "/auth/sign-outs/advance", token, json={"request": secret}, headers={**cookie})
        code = notes.authorize(token)
        for form in (code.form, code.form):  # the second use ends what the first one gave
            told = notes.token(form)
            self.secrets |= set(re.findall(r"eyJ[\w-]+\.[\w-]+\.[\w-]+", told.text))
        tokens = notes.sign_in(token)
        self.secrets |= {code.code, code.verifier, tokens["refresh_token"], tokens["access_token"], tokens["id_token"]}
        notes.begin(login_hint=EMAIL, id_token_hint=tokens["id_token"])
        for text in (tokens["access_token"], tokens["access_token"][:-1], PASSWORD):
            notes.userinfo(text)
            notes.refresh(text)
        for _ in range(3):
            notes.refresh(tokens["refresh_token"])
        (grant,) = self.send("GET", "/auth/grants", token).json()["items"]
        assert self.send("DELETE", f"/auth/grants/{grant['id']}", token).status_code == 204

    def use_a_device(self) -> None:
        """O63: sign in on a device, by wrong codes and the right one."""
        token = self.send("POST", "/auth/login", json={"email": EMAIL, "password": PASSWORD}).json()["accessToken"]
        television = new_app(self.app, Visitor(self.service.url), AppKind.DEVICE, uris=())
        begun = television.post("/oauth2/device", {"scope": "openid offline_access", "state": WRONG}).json
        codes = {"device_code": begun["device_code"], "user_code": begun["user_code"]}
        for typed in (WRONG, begun["device_code"], codes["user_code"]):
            self.send("POST", "/auth/devices/advance", token, json={"userCode": typed})
        allowed = {"userCode": codes["user_code"], "decision": "allow"}
        assert self.send("POST", "/auth/devices/advance", token, json=allowed).json()["step"] == "allowed"
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": codes["device_code"]}
        told = [television.token({**form, "device_code": code}) for code in (*codes.values(), codes["device_code"])]
        tokens = re.findall(r"eyJ[\w-]+\.[\w-]+\.[\w-]+", "".join(answer.text for answer in told))
        assert len(tokens) == 3
        self.secrets |= {*codes.values(), codes["user_code"].replace("-", ""), *tokens}
        self.send("GET", f"/account/device?user_code={codes['user_code']}")

    def speak_oauth(self) -> None:
        """O63: send each route of OAuth all that an app or a person may hold, in whatever parameter it could be."""
        token = self.send("POST", "/auth/login", json={"email": EMAIL, "password": PASSWORD}).json()["accessToken"]
        notes = new_app(self.app, Visitor(self.service.url))
        tokens, code = notes.sign_in(token), notes.authorize(token)
        held = {
            **dict.fromkeys(("token", "access_token", "subject_token", "assertion"), tokens["access_token"]),
            **dict.fromkeys(("code", "device_code", "user_code", "request"), code.code),
            **dict.fromkeys(("state", "nonce", "login_hint", "redirect_uri", "post_logout_redirect_uri"), WRONG),
            "refresh_token": tokens["refresh_token"],
            "code_verifier": code.verifier,
            "username": EMAIL,
            **dict.fromkeys(("id_token_hint", "client_assertion"), tokens["id_token"]),
        }
        proofs = {"client_id": notes.id, "client_secret": notes.secret or ""}
        self.secrets |= {*held.values(), *proofs.values()} - {notes.id}
        grants = ("authorization_code", "refresh_token", "client_credentials", "password", PASSWORD)
        for rule in self.app.url_map.iter_rules():
            for method in {*(rule.methods or ())} & {"GET", "POST"} if rule.rule.startswith("/oauth2/") else ():
                for grant, password in product(grants, (PASSWORD, WRONG)):
                    form = {"grant_type": grant, "password": password, **held}
                    for data, query in ((form, {}), ({**form, **proofs}, {}), ({}, {**form, **proofs})):
                        options: dict[str, Any] = {"data": data, "params": query, "allow_redirects": False}
                        self.send(method, rule.rule, **options)
                self.send(method, rule.rule, tokens["access_token"], allow_redirects=False)

    def leave(self) -> None:
        """Take the account's data, and delete it."""
        account = {"email": EMAIL, "password": PASSWORD}
        token = self.send("POST", "/auth/login", json=account).json()["accessToken"]
        assert self.send("GET", "/auth/me/export", token).status_code == 200
        assert self.send("GET", "/auth/me/activity", token).status_code == 200
        assert self.send("DELETE", "/auth/me", token).status_code == 204

    def crash(self) -> None:
        """Make the service fail where secrets are at hand: documents that it never wrote itself."""
        account = {"email": EMAIL, "password": PASSWORD}
        signed_in = self.send("POST", "/auth/register", json={**account, "name": NAME}).json()
        held = self.mongo.users.find_one({"email": EMAIL})
        assert held is not None
        self.secrets.add(held["password"])
        for broken in (
            {"createdAt": PASSWORD},
            {"name": [PASSWORD]},
            {"role": {PASSWORD: PASSWORD}},
            {"disabledAt": PASSWORD},
        ):
            self.mongo.users.update_one({"_id": held["_id"]}, {"$set": broken})
            self.send("POST", "/auth/login", json=account)
            self.send("GET", "/auth/me", signed_in["accessToken"])
            self.send("POST", "/auth/refresh-token", json={"refreshToken": signed_in["refreshToken"]})
            self.mongo.users.replace_one({"_id": held["_id"]}, held)
        signed_in = self.send("POST", "/auth/login", json=account).json()
        self.mongo.sessions.update_many({}, {"$set": {"expiresAt": PASSWORD}})
        assert self.send("GET", "/", signed_in["accessToken"]).status_code == 500

    def babble(self) -> None:
        """Send what is no HTTP, as a client does that counts the bytes of its body wrong."""
        body = json.dumps({"email": EMAIL, "password": PASSWORD})
        lines = ["POST /auth/login HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
        for length in (1, 10, len(body) - len(PASSWORD) - 4, len(body) - len(PASSWORD) - 2, len(body) - 4):
            framed = "\r\n".join([*lines, f"Content-Length: {length}", "", body, "", ""])
            exchange(self.service.port, framed.encode(), seconds=1)
        for request in (
            f"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization Bearer {PASSWORD}\r\n\r\n",
            f"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: {PASSWORD}\0\r\n\r\n",
            f"GET / HTTP/1.1\r\nHost: localhost\r\nX {PASSWORD}: a\r\n\r\n",
            f"GET / HTTP/1.1\r\nHost: localhost\r\nExpect: {PASSWORD}\r\n\r\n",
            f"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: {PASSWORD}\r\n\r\n",
            f"GET / {PASSWORD}\r\nHost: localhost\r\n\r\n",
            f"GET /?password={PASSWORD}\r\n\r\n",
            f"{PASSWORD}\r\n\r\n",
            f"{PASSWORD.lower()} / HTTP/1.1\r\n\r\n",
            "\r\n".join([*lines, "Transfer-Encoding: chunked", "", PASSWORD, ""]),
        ):
            exchange(self.service.port, request.encode(), seconds=1)


@pytest.fixture(scope="module")
def journeys(service: Service, app: Flask, mongo: MongoDatabase[dict[str, Any]]) -> Journeys:
    """Return somebody who went everywhere."""
    wipe(mongo)
    return Journeys(service, app, mongo).everywhere()


class TestSecrets:
    """R95: password, token, address, hash: in no line, at any level, on any path."""

    @pytest.mark.slow
    def test_none_is_logged(self, journeys: Journeys):
        assert sum(secret.startswith("asl_") for secret in journeys.secrets) == 6
        assert sum(secret.startswith("eyJ") for secret in journeys.secrets) > 10
        log = journeys.service.log().lower()
        assert log
        for secret in journeys.secrets:
            assert secret.lower() not in log, secret
        for part in ("canary", "$2b$", "eyj", "asl_", "asv_", "refresh_token=", "bearer "):
            assert part not in log

    def test_every_route_was_walked(self, journeys: Journeys, app: Flask):
        """Or a route could leak unseen."""
        walked = {event["route"] for event in events(journeys.service) if event["event"] == "request"}
        taking_secrets = {
            rule.rule for rule in app.url_map.iter_rules() if rule.rule.startswith(("/auth/", "/oauth2/"))
        }
        assert {route for route in taking_secrets if not route.startswith("/auth/access-tokens/")} <= walked

    def test_a_failure_is_logged_with_its_request_id_and_place(self, journeys: Journeys):
        """Or nobody can mend it."""
        failed = [event for event in events(journeys.service) if event["event"] == "request.failed"]
        assert failed
        for event in failed:
            assert re.fullmatch("[0-9a-f]{32}", event["request_id"])
            assert re.search(r"\S+ at .*\.py:\d+ ", event["cause"])

    def test_theft_is_logged(self, journeys: Journeys):
        """R54, R96"""
        assert any(event["event"] == "refresh_token.reused" for event in events(journeys.service))

    def test_each_request_has_one_line_by_its_route(self, journeys: Journeys):
        """And none by its path, which may hold what a client should not have put there."""
        told = [event for event in events(journeys.service) if event["event"] == "request"]
        assert {"GET", "POST", "DELETE"} <= {event["method"] for event in told}
        assert {"/auth/login", "/", "unmatched"} <= {event["route"] for event in told}
        assert all(event["ip"] == "127.0.0.1" and event["milliseconds"] > 0 and event["time"] for event in told)
        assert len({event["request_id"] for event in told}) == len(told)
        assert {"invalid_credentials", "token_missing", None} <= {event.get("problem") for event in told}

    def test_none_is_counted(self, journeys: Journeys):
        text = requests.get(f"{journeys.service.url}/metrics", timeout=5).text
        assert "authsvc_requests_total" in text
        for secret in journeys.secrets:
            assert secret not in text

    def test_none_is_put_on_record(self, journeys: Journeys):
        """R96: not the address that was tried either."""
        for action in ("login.failed", "login.succeeded", "password.reset", "email.changed"):
            assert f"'action': '{action}'" in journeys.record
        for secret in journeys.secrets:
            assert secret not in journeys.record

    def test_no_secret_is_stored_in_the_open(self, journeys: Journeys):
        """R60: tokens and passwords are in no document; of the password there is a hash."""
        assert EMAIL in journeys.dump
        for secret in journeys.secrets - {EMAIL, NEW_EMAIL, NAME}:
            assert secret not in journeys.dump


class TestLines:
    """R95: one event, one line, whatever a client put into it."""

    @pytest.fixture
    def written(self, app: Flask, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], list[str]]]:
        """Return a way to read the lines logged since, at WARNING, as text."""
        logs.configure("WARNING", as_json=False)

        def lines() -> list[str]:
            return capsys.readouterr().err.splitlines()

        yield lines
        logs.configure("INFO", as_json=True)

    @pytest.mark.parametrize("text", FORGING, ids=ascii)
    def test_a_message_stays_on_its_line(self, written: Callable[[], list[str]], text: str):
        logs.get("test").warning(f"seen {text}", what=text, key=text)
        (line,) = written()
        assert line.isprintable()

    @pytest.mark.parametrize("text", FORGING, ids=ascii)
    def test_so_does_an_exception(self, written: Callable[[], list[str]], text: str):
        try:
            raise ValueError(text)
        except ValueError as error:
            logs.get("test").error("failed", cause=logs.where(error))
        (line,) = written()
        assert "ValueError" in line
        assert "forged" not in line

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    @pytest.mark.parametrize(
        "secret", [EMAIL, "asv_0123456789", "eyJhbGciOi.eyJzdWIi.c2ln", "$2b$04$abcdefghij", "pbkdf2:sha256:9$salt$ab"]
    )
    @pytest.mark.parametrize("as_json", [True, False])
    def test_a_secret_of_any_shape_is_taken_out(
        self, written: Callable[[], list[str]], shape: str, secret: str, as_json: bool
    ):
        logs.configure("WARNING", as_json=as_json)
        logs.get("test").warning("seen", what=SHAPES[shape](secret))
        (line,) = written()
        assert secret not in line
        assert line.isprintable()

    @pytest.mark.parametrize(
        "secret",
        [
            *(text for _, _, text in KNOWN_ELSEWHERE),
            "$pbkdf2-sha512$i=27500,l=24$c2Fs$Zm9v",
            "$H$6jL1YtDwIbl/GuLqecYZ84pl9uJ1Nc.",
            "$wp$2y$10$abcdefghijabcdefghijab",
            "$6$salt$abcdefgh",
            "$argon2d$v=19$m=65536$c29tZXNhbHQ$RdescudvJCsg",
            "md5$salt$5f4dcc3b5aa765d61d8327deb882cf99",
            "{SSHA}AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "{SSHA256}AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "{pbkdf2}aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "{scrypt@SpringSecurity_v5_8}$100801$aaaaaaaaaaaaaaaa",
        ],
    )
    def test_r2_13_u34_every_kind_of_hash_that_an_import_knows_is_taken_out(
        self, written: Callable[[], list[str]], secret: str
    ):
        logs.get("test").warning(f"seen {secret}", what=f"a {secret}, b")
        (line,) = written()
        assert not any(part in line for part in secret.split("$") if len(part) > 7 and part[-1] != "}")

    @pytest.mark.parametrize(
        "name",
        ["passphrase", "kennwort", "mot_de_passe", "passcode", "recoveryCode", "credential", "hash", "pin", "Heslo"],
    )
    def test_r2_13_u34_one_list_says_what_sounds_like_a_secret(self, written: Callable[[], list[str]], name: str):
        logs.get("test").warning("seen", **{name: PASSWORD}, what={name: PASSWORD})
        assert PASSWORD not in written()[0]

    @pytest.mark.parametrize("name", ["session", "passkey", "token_id", "letter", "kid", "reason", "problem"])
    def test_r2_13_what_the_service_itself_calls_by_its_id_stays(self, written: Callable[[], list[str]], name: str):
        logs.get("test").warning("seen", **{name: "65f0aaaaaaaaaaaaaaaaaaaa"})
        assert "65f0aaaaaaaaaaaaaaaaaaaa" in written()[0]

    @pytest.mark.parametrize("name", ["password", "new_password", "Cookie", "refreshToken", "otp"])
    def test_so_is_what_has_the_name_of_one(self, written: Callable[[], list[str]], name: str):
        logs.get("test").warning("seen", **{name: [PASSWORD]}, what={"deep": [{name: PASSWORD}]})
        assert PASSWORD not in written()[0]

    def test_plain_values_stay(self, written: Callable[[], list[str]]):
        """An id is no secret, whatever it is the id of."""
        logs.configure("WARNING", as_json=True)
        said = {"token_id": "65f0", "count": 3, "share": 0.5, "yes": True, "scopes": ["a", "b"], "of": {"x": [1, None]}}
        logs.get("test").warning("seen", **said, since=timedelta(seconds=1), failed=ValueError(PASSWORD), raw=b"x")
        event = json.loads(written()[0])
        assert said.items() <= event.items()
        assert (event["since"], event["failed"], event["raw"]) == ("0:00:01", "[ValueError]", "[bytes]")

    def test_what_contains_itself_ends(self, written: Callable[[], list[str]]):
        circle: list[Any] = []
        circle.append(circle)
        logs.get("test").warning("seen", what=circle)
        assert "[list]" in written()[0]

    def test_the_chain_of_causes_is_named(self, written: Callable[[], list[str]]):
        try:
            try:
                raise KeyError(PASSWORD)
            except KeyError as error:
                raise RuntimeError(PASSWORD) from error
        except RuntimeError as error:
            said = logs.where(error)
        assert re.search(r"RuntimeError at .* because of builtins\.KeyError at ", said)
        assert PASSWORD not in said

    @pytest.mark.parametrize("text", FORGING, ids=ascii)
    def test_a_client_can_not_forge_one(self, written: Callable[[], list[str]], alice: Person, text: str):
        """By its User-Agent, request id or address, where a session ends by theft."""
        sent = text.encode().decode("latin-1")
        raw = {"HTTP_USER_AGENT": sent, "HTTP_X_REQUEST_ID": sent}
        alice.client.post("/auth/login", json={"email": text, "password": text}, environ_overrides=raw)
        assert alice.refresh().status_code == 200
        with time_machine.travel(time.time() + 60, tick=True):
            stolen = {"refreshToken": alice.tokens["refreshToken"]}
            answer = alice.client.post("/auth/refresh-token", json=stolen, environ_overrides=raw)
        assert problem(answer, 401, "session_ended")["reason"] == "token_reuse"
        lines = written()
        assert any("refresh_token.reused" in line for line in lines)
        assert all(line.startswith("time=") and line.isprintable() for line in lines)

    def test_the_user_agent_is_kept_as_it_came_and_cut(self, alice: Person):
        """It is shown in the list of sessions, as JSON."""
        headers = {"User-Agent": "x" * 5000}
        body = {"email": alice.email, "password": alice.password}
        signed_in = alice.client.post("/auth/login", json=body, headers=headers).get_json()
        shown = {"Authorization": f"Bearer {signed_in['accessToken']}"}
        (current,) = (
            each for each in alice.client.get("/auth/sessions", headers=shown).get_json()["items"] if each["current"]
        )
        assert current["userAgent"] == "x" * 512
