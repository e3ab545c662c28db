"""`authsvc.js` where others come in: foreign hosts, pages that are not listed, a network that fails, authenticators."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Route

from authsvc import clock
from tests.browser.conftest import LIFE, registered
from tests.browser.tabs import Browsing, Tab
from tests.browser.windows import plug_in
from tests.support.accounts import Database
from tests.support.fault_proxy import FaultProxy
from tests.support.races import eventually
from tests.support.service import Service, Visitor

pytestmark = pytest.mark.browser

Account = dict[str, str]


class Host:
    """A web server that allows every page everything, and notes what it is shown; `/to/<url>` leads on."""

    def __init__(self) -> None:
        shown: list[tuple[str, str | None]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_OPTIONS(self) -> None:
                self.respond(204)

            def do_GET(self) -> None:
                shown.append((self.path, self.headers.get("Authorization")))
                onward = self.path.removeprefix("/to/")
                self.respond(200 if onward == self.path else 307, onward)

            def respond(self, status: int, onward: str = "") -> None:
                self.send_response(status)
                self.send_header("Access-Control-Allow-Origin", "*")
                self.send_header("Access-Control-Allow-Headers", "Authorization")
                self.send_header("Location", onward)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.shown = shown
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://localhost:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def hosts() -> Iterator[tuple[Host, Host]]:
    """Return two servers that are not the service."""
    found = Host(), Host()
    yield found
    for host in found:
        host.stop()


def get(tab: Tab, url: str) -> Any:
    """Return the status of a call, or the code of the error."""
    return tab.page.evaluate("(url) => authsvc.fetch(url).then(({status}) => status, (error) => error.code)", url)


class TestToken:
    """It goes to the service and to whom the page names, and to nobody else."""

    def test_a_foreign_host_does_not_get_it(
        self, browsing: Browsing, account: Account, hosts: tuple[Host, Host], pages: dict[str, int]
    ) -> None:
        tab, (foreign, _) = browsing.open().login(account), hosts
        assert get(tab, foreign.url + "/") == 200
        assert get(tab, foreign.url.replace("localhost", "127.0.0.1") + "/") == 200
        assert foreign.shown == [("/", None), ("/", None)]

    def test_an_audience_gets_it(self, browsing: Browsing, account: Account, hosts: tuple[Host, Host]) -> None:
        tab, (api, _) = browsing.open().login(account), hosts
        tab.page.evaluate("(api) => authsvc.configure({audiences: [api + '/any/path']})", api.url)
        assert get(tab, api.url + "/things") == 200
        ((path, shown),) = api.shown
        assert path == "/things"
        assert (shown or "").startswith("Bearer eyJ")

    def test_a_redirect_does_not_take_it_elsewhere(
        self, browsing: Browsing, account: Account, hosts: tuple[Host, Host]
    ) -> None:
        tab, (api, foreign) = browsing.open().login(account), hosts
        tab.page.evaluate("(api) => authsvc.configure({audiences: [api]})", api.url)
        assert get(tab, f"{api.url}/to/{foreign.url}/") == "redirect_refused"
        assert (len(api.shown), foreign.shown) == (1, [])

    def test_it_is_in_no_storage(self, browsing: Browsing, account: Account) -> None:
        tab = browsing.open().login(account)
        kept = tab.page.evaluate(
            "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, history.state, location.href])"
        )
        assert "eyJ" not in kept


class TestStrangers:
    """R73, R76: a page that is not listed can load the module, and that is all."""

    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1"], ids=["another-origin", "another-site"])
    def test_they_can_neither_sign_in_nor_refresh_nor_sign_out(
        self, browsing: Browsing, account: Account, short_lived: Service, mongo: Database, host: str
    ) -> None:
        victim = browsing.open().login(account)
        mallory = registered(short_lived)
        before = [(one["_id"], one.get("endedAt")) for one in mongo.sessions.find()]
        stranger = browsing.open("strange", host=host)
        for attempt in (("login", mallory), ("refresh",), ("logout",), ("register", {**mallory, "name": "M"})):
            assert stranger.attempt(*attempt)["code"] == "offline", attempt
        assert stranger.told() == []
        after = [(one["_id"], one.get("endedAt")) for one in mongo.sessions.find()]
        assert after == before, "nobody signed in or out"
        assert victim.page.evaluate("authsvc.refresh().then((user) => user.email)") == account["email"]
        assert victim.status() == 200

    def test_a_listed_page_of_the_other_site_is_a_stranger_too(self, browsing: Browsing, account: Account) -> None:
        browsing.open().login(account)
        assert browsing.open(host="127.0.0.1").attempt("user")["code"] == "offline"


class TestMistakes:
    """P19: what a developer gets wrong first is told where developers look, and nobody is signed in for a moment."""

    def test_p19_a_browser_that_keeps_no_cookie_is_told_apart(
        self, browsing: Browsing, account: Account, mongo: Database
    ) -> None:
        """As from another site: the sign-in is correct, and after a reload it would have been forgotten."""
        tab = browsing.open()
        tab.page.evaluate("Object.defineProperty(navigator, 'cookieEnabled', {value: false})")
        said: list[str] = []
        tab.page.on("console", lambda message: said.append(message.text) if message.type == "warning" else None)
        browsing.context.route("**/auth/refresh-token", self.without_cookie)
        assert tab.attempt("login", account)["code"] == "cookie_refused"
        assert tab.user() is None
        assert tab.told() == [None]
        assert mongo.sessions.count_documents({"endReason": "logout"}) == 1
        assert any("CORS_ORIGINS" in text for text in said)

    @staticmethod
    def without_cookie(route: Route) -> None:
        """Send it on as a browser does that keeps none."""
        headers = {name: value for name, value in route.request.all_headers().items() if name != "cookie"}
        answer = route.fetch(headers={**headers, "cookie": "none=1"})
        route.fulfill(response=answer)

    def test_p19_an_origin_that_is_not_listed_is_named(self, browsing: Browsing) -> None:
        said: list[str] = []
        page = browsing.context.new_page()
        page.on("console", lambda message: said.append(message.text) if message.type == "warning" else None)
        stranger = browsing.open("strange", page=page)
        assert stranger.attempt("user")["code"] == "offline"
        origin = stranger.page.evaluate("location.origin")
        eventually(lambda: any("CORS_ORIGINS" in text and origin in text for text in told(stranger, said)), 20)

    def test_p19_why_somebody_was_signed_out_and_a_token_for_others(
        self, browsing: Browsing, account: Account, short_lived: Service
    ) -> None:
        here, there = browsing.open().login(account), browsing.open()
        there.hears(account["email"])
        there.page.evaluate(
            "globalThis.changes = []; authsvc.subscribe((user, {event, reason}) => changes.push([event, reason])); 0"
        )
        token = there.page.evaluate("authsvc.getAccessToken()")
        bearer = {"Authorization": f"Bearer {token}"}
        assert Visitor(short_lived.url).request("GET", "/auth/me", headers=bearer).json()["email"] == account["email"]
        assert here.attempt("logout") == {"value": None}
        there.hears(None)
        assert there.page.evaluate("changes") == [["restored", None], ["signed_out", "logout"]]
        assert there.page.evaluate("authsvc.getAccessToken()") is None


def told(tab: Tab, said: list[str]) -> list[str]:
    """Return what the console said, once the page was given the time to say it."""
    tab.page.evaluate("0")
    return said


class TestTrouble:
    """What can't be told signs nobody out."""

    def test_offline(self, browsing: Browsing, account: Account) -> None:
        tab, idle = browsing.open().login(account), browsing.open()
        idle.hears(account["email"])
        browsing.context.set_offline(True)
        tab.page.wait_for_timeout(LIFE * 1000 + 500)
        assert tab.status() == "offline"
        assert tab.attempt("logout")["code"] == "offline"
        assert tab.attempt("refresh")["code"] == "offline"
        assert (tab.user(), idle.user()) == (account["email"], account["email"])
        before = len(browsing.refreshes())
        browsing.context.set_offline(False)
        idle.page.wait_for_timeout(1500)
        assert len(browsing.refreshes()) > before, "it did not wait to be asked"
        assert (tab.status(), idle.status()) == (200, 200)
        assert tab.told() == [None, account["email"]]
        assert tab.attempt("logout") == {"value": None}
        idle.hears(None)

    def test_loaded_while_nobody_answers(self, browsing: Browsing, account: Account, network: FaultProxy) -> None:
        """It is not known who is signed in: the page is told neither that somebody is nor that nobody is."""
        tab = browsing.open().login(account)
        network.refuse()
        try:
            tab.page.reload()
            assert tab.loaded().attempt("user")["status"] == 503
            assert tab.told() == []
        finally:
            network.heal()
        eventually(lambda: tab.attempt("user").get("value") is not None, 20)
        tab.hears(account["email"])

    def test_the_database_is_away(self, browsing: Browsing, account: Account, network: FaultProxy) -> None:
        tab = browsing.open().login(account)
        network.refuse()
        try:
            tab.page.wait_for_timeout(LIFE * 1000)
            assert tab.status() == "database_unavailable"
            assert tab.attempt("refresh")["code"] == "database_unavailable"
            assert tab.user() == account["email"]
        finally:
            network.heal()
        eventually(lambda: tab.status() == 200, 20)
        assert tab.told() == [None, account["email"]]

    @pytest.mark.parametrize(
        ("status", "body"),
        [(429, '{"code": "too_many_attempts"}'), (500, "oops"), (401, "<h1>Pay for this network</h1>"), (200, "<p>")],
    )
    def test_what_is_no_answer_about_the_session(
        self, browsing: Browsing, account: Account, status: int, body: str
    ) -> None:
        tab = browsing.open().login(account)

        def answer(route: Route) -> None:
            headers = {
                "Access-Control-Allow-Origin": route.request.headers["origin"],
                "Access-Control-Allow-Credentials": "true",
                "Access-Control-Expose-Headers": "Retry-After",
                "Retry-After": "7",
            }
            route.fulfill(status=status, headers=headers, body=body)

        browsing.context.route("**/auth/refresh-token", answer)
        failed = tab.attempt("refresh")
        assert failed["code"] == ("too_many_attempts" if status == 429 else "unexpected")
        assert (failed["status"], failed["retryAfter"]) == (status, 7)
        browsing.context.unroute("**/auth/refresh-token")
        assert tab.user() == account["email"]
        assert tab.attempt("refresh")["value"]["email"] == account["email"]

    def test_a_cookie_that_is_gone_does_not_keep_from_signing_out(
        self, browsing: Browsing, account: Account, mongo: Database
    ) -> None:
        tab = browsing.open().login(account)
        browsing.context.clear_cookies()
        assert tab.attempt("logout") == {"value": None}
        assert mongo.sessions.count_documents({"endReason": "logout"}) == 1


class TestPasskeys:
    @pytest.fixture
    def tab(self, browsing: Browsing, account: Account, mongo: Database) -> Tab:
        """Return a tab of somebody with a passkey."""
        mongo.users.update_one({"email": account["email"]}, {"$set": {"emailVerifiedAt": clock.now()}})
        tab = browsing.open()
        plug_in(tab.page)
        tab.login(account).page.evaluate(
            """async () => {
                 const {challengeId, publicKey} = await authsvc.call("POST", "/auth/passkeys/options");
                 const credential = await authsvc.createPasskey(publicKey);
                 await authsvc.call("POST", "/auth/passkeys", {challengeId, name: "Mine", credential});
                 await authsvc.logout();
               }"""
        )
        return tab

    def test_one_signs_in_alone(self, tab: Tab, account: Account) -> None:
        assert tab.attempt("loginWithPasskey")["value"]["user"]["email"] == account["email"]
        assert tab.status() == 200

    def test_one_is_a_second_factor(self, tab: Tab, account: Account, mongo: Database) -> None:
        mongo.users.update_many({}, {"$unset": {"passkeysOptional": True}})  # once its owner wants that
        pending = tab.attempt("login", account)["value"]
        assert (pending["mfaRequired"], "passkey" in pending["methods"]) == (True, True)
        assert tab.user() is None
        wrong = tab.attempt("completeMfa", {"code": "000000"})
        assert wrong["status"] == 403
        assert tab.attempt("completeMfa", {"passkey": True})["value"]["user"]["mfaEnabled"] is True
        assert tab.user() == account["email"]

    def test_an_offer_gives_way_to_a_question(self, tab: Tab, account: Account) -> None:
        """Browsers ask one question at a time: the form's offer ends where a button asks."""
        tab.start("() => authsvc.loginWithPasskey({conditional: true}).then(({user}) => user.email, ({code}) => code)")
        tab.page.wait_for_timeout(300)
        assert tab.attempt("loginWithPasskey")["value"]["user"]["email"] == account["email"]
        assert tab.result() in ("aborted", "passkey_unsupported", account["email"])

    def test_who_turns_away_is_told_apart(self, tab: Tab) -> None:
        code = tab.page.evaluate(
            """async () => {
                 const stop = new AbortController();
                 stop.abort();
                 return authsvc.loginWithPasskey({signal: stop.signal}).catch(({code}) => code);
               }"""
        )
        assert code == "aborted"
