"""`authsvc.js` in real tabs, with access tokens that last for a few seconds."""

import json
import secrets

import pytest
from playwright.sync_api import Route

from tests.browser.conftest import LIFE, registered
from tests.browser.tabs import KEEP_CALLING, Browsing
from tests.conftest import PASSWORD
from tests.support.accounts import Database
from tests.support.ci import in_ci
from tests.support.service import Service, Visitor

pytestmark = pytest.mark.browser

LONG, SHORT = 60 if in_ci() else 24, 8
"""Seconds for which tabs are watched: once for as long as a doubt would take, else for a few tokens."""
OFTEN = 0.6 * LIFE
"""Seconds after which a tab refreshes at the earliest: a token is due when five eighths of its life are over."""
TOGETHER = 5

Account = dict[str, str]


@pytest.fixture
def another(short_lived: Service, clean: None) -> Account:
    """Return somebody else's."""
    return registered(short_lived)


def ended(mongo: Database) -> list[str]:
    """Return why sessions have ended."""
    return [session["endReason"] for session in mongo.sessions.find({"endedAt": {"$ne": None}})]


class TestTabs:
    @pytest.mark.parametrize("count", [2, pytest.param(3, marks=pytest.mark.soak)])
    def test_they_stay_signed_in_through_many_tokens(
        self, browsing: Browsing, account: Account, mongo: Database, count: int
    ) -> None:
        """One of them refreshes for all; a refresh token shown late would be taken for theft (R58)."""
        tabs = [browsing.open().login(account), *(browsing.open() for _ in range(count - 1))]
        for tab in tabs:
            tab.start(KEEP_CALLING, [LONG, 700])
        for tab in tabs:
            seen = tab.result()
            assert set(seen) == {"200"}
            assert seen["200"] > LONG / 2
        for tab in tabs:
            assert [email for email in tab.told() if email is not None] == [account["email"]]
            assert tab.user() == account["email"]
        assert ended(mongo) == []
        refreshed = browsing.refreshes().count(200)
        assert LONG / LIFE <= refreshed <= LONG / OFTEN + 5, "one tab for all, and each once when it was loaded"

    def test_they_stay_signed_in_without_web_locks(self, browsing: Browsing, account: Account, mongo: Database) -> None:
        """As on a plain `http://` in a house: there are no Web Locks in insecure contexts."""
        browsing.context.add_init_script("Object.defineProperty(navigator, 'locks', {value: undefined})")
        tabs = [browsing.open().login(account), browsing.open(), browsing.open()]
        for tab in tabs:
            tab.start(KEEP_CALLING, [SHORT, 300])
        assert all(set(tab.result()) == {"200"} for tab in tabs)
        assert ended(mongo) == []
        assert browsing.refreshes().count(200) <= len(tabs) * SHORT / OFTEN + 3

    def test_one_refresh_is_enough_for_all(self, browsing: Browsing, account: Account) -> None:
        tabs = [browsing.open().login(account), browsing.open(), browsing.open()]
        before = len(browsing.refreshes())
        for _ in range(TOGETHER):
            for tab in tabs:
                tab.start("() => authsvc.refresh().then((user) => user.email)")
            assert [tab.result() for tab in tabs] == [account["email"]] * 3
        assert len(browsing.refreshes()) - before <= TOGETHER * 2, "where each did its own it would be three times"

    def test_a_reload_keeps_the_session(self, browsing: Browsing, account: Account, mongo: Database) -> None:
        tab = browsing.open().login(account)
        for _ in range(TOGETHER):
            tab.page.reload()
            assert tab.loaded().user() == account["email"]
            assert tab.told() == [account["email"]], "nobody was shown as signed out meanwhile"
        assert mongo.sessions.count_documents({}) == 2, "one of the account's registration"

    def test_several_reload_at_the_same_moment(self, browsing: Browsing, account: Account, mongo: Database) -> None:
        tabs = [browsing.open().login(account), *(browsing.open() for _ in range(3))]
        for _ in range(TOGETHER):
            for tab in tabs:
                tab.page.evaluate("window.before = true; setTimeout(() => location.reload(), 20)")
            for tab in tabs:
                tab.page.wait_for_function("!window.before")
                assert tab.loaded().user() == account["email"]
        assert ended(mongo) == []

    def test_signing_out_in_one_is_seen_in_the_others(self, browsing: Browsing, account: Account) -> None:
        tabs = [browsing.open().login(account), browsing.open(), browsing.open()]
        for tab in tabs:
            tab.hears(account["email"])
        assert tabs[1].attempt("logout") == {"value": None}
        for tab in tabs:
            tab.hears(None)
            assert tab.user() is None
            assert tab.status() == 401
        tabs[0].page.reload()
        assert tabs[0].loaded().user() is None

    def test_signing_in_is_seen_too_and_as_somebody_else(
        self, browsing: Browsing, account: Account, another: Account
    ) -> None:
        here, there = browsing.open(), browsing.open()
        there.hears(None)
        here.login(account)
        there.hears(account["email"])
        here.login(another)
        there.hears(another["email"])
        mine = there.page.evaluate("authsvc.call('GET', '/auth/me')")
        assert mine["email"] == another["email"]

    def test_what_ends_a_session_elsewhere_is_told_to_all(
        self, browsing: Browsing, account: Account, short_lived: Service
    ) -> None:
        tabs = [browsing.open().login(account), browsing.open()]
        elsewhere = Visitor(short_lived.url)
        token = elsewhere.login(**account).json()["accessToken"]
        bearer = {"Authorization": f"Bearer {token}"}
        assert elsewhere.request("DELETE", "/auth/sessions?scope=others", headers=bearer).status_code == 204
        assert tabs[1].status() == 401
        for tab in tabs:
            tab.hears(None)

    def test_a_refresh_in_flight_brings_nobody_back(self, browsing: Browsing, account: Account) -> None:
        here, there = browsing.open().login(account), browsing.open()
        there.hears(account["email"])
        held: list[Route] = []

        def hold(route: Route) -> None:
            held.append(route)

        browsing.context.route("**/auth/refresh-token", hold, times=1)
        here.start("() => authsvc.refresh()")
        while not held:
            here.page.wait_for_timeout(20)
        there.start("() => authsvc.logout()")
        there.page.wait_for_timeout(300)
        held[0].continue_()
        there.result()
        for tab in (here, there):
            tab.hears(None)
        here.page.wait_for_timeout(500)
        for tab in (here, there):
            assert tab.user() is None
            tab.page.reload()
            assert tab.loaded().user() is None

    def test_a_tab_that_is_seen_refreshes_ahead_and_one_that_is_not_when_it_is(
        self, browsing: Browsing, account: Account
    ) -> None:
        browsing.context.add_init_script(
            """Object.defineProperty(document, "hidden", {get: () => globalThis.away || false});
               globalThis.turn = (away) => {
                 globalThis.away = away;
                 document.dispatchEvent(new Event("visibilitychange", {bubbles: true}));
               };"""
        )
        tab = browsing.open().login(account)
        tab.page.wait_for_timeout(LIFE * 1000)
        assert browsing.refreshes() == [401, 200], "before the token expired, and unasked"
        tab.page.evaluate("turn(true)")
        tab.page.wait_for_timeout(LIFE * 1000)
        assert browsing.refreshes() == [401, 200], "nobody looks"
        tab.page.evaluate("turn(false)")
        tab.page.wait_for_timeout(500)
        assert browsing.refreshes() == [401, 200, 200]
        assert tab.told() == [None, account["email"]]

    def test_a_page_that_comes_back_asks_anew(self, browsing: Browsing, account: Account) -> None:
        """From the back-forward cache: it heard nothing while it was there."""
        tab = browsing.open().login(account)
        tab.page.evaluate("fetch(authsvc.service + '/auth/logout', {method: 'POST', credentials: 'include'})")
        assert tab.user() == account["email"]
        tab.page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
        assert tab.user() is None
        tab.hears(None)

    def test_a_visitor_is_asked_for_once(self, browsing: Browsing) -> None:
        tab = browsing.open()
        assert tab.user() is None
        assert tab.status() == 401
        tab.page.wait_for_timeout(1000)
        assert browsing.refreshes() == [401]


class TestSigningIn:
    def test_errors_are_told_by_code(self, browsing: Browsing, account: Account) -> None:
        tab = browsing.open()
        wrong = tab.attempt("login", {**account, "password": "wrong"})
        assert (wrong["name"], wrong["code"], wrong["status"]) == ("AuthError", "invalid_credentials", 401)
        taken = tab.attempt("register", {**account, "name": "A"})
        assert (taken["code"], taken["status"]) == ("email_taken", 409)
        pointers = tab.page.evaluate(
            "authsvc.register({name: '', email: 'x', password: 'y'}).catch((e) => e.errors.map((one) => one.pointer))"
        )
        assert "/email" in pointers
        assert tab.told() == [None]

    def test_whoever_registers_is_signed_in(self, browsing: Browsing, clean: None) -> None:
        tab = browsing.open()
        fields = {"name": "Ada", "email": f"{secrets.token_hex(6)}@example.com", "password": PASSWORD}
        assert tab.attempt("register", fields)["value"]["user"]["name"] == "Ada"
        assert tab.status() == 200
        tab.page.evaluate("authsvc.call('PATCH', '/auth/me', {name: 'Countess'})")
        assert tab.page.evaluate("authsvc.refresh().then((user) => user.name)") == "Countess"

    def test_a_retry_is_never_in_another_s_name(
        self, browsing: Browsing, account: Account, another: Account, mongo: Database
    ) -> None:
        """The cookie is somebody else's by now, which this tab was not told: so on another origin of the site."""
        tab = browsing.open().login(account)
        tab.page.evaluate(
            """(account) => fetch(authsvc.service + "/auth/login", {method: "POST", credentials: "include",
                 headers: {"Content-Type": "application/json"}, body: JSON.stringify(account)})""",
            {**another, "transport": "cookie"},
        )
        refused = tab.page.evaluate("authsvc.call('PATCH', '/auth/me', {name: 'Mine'}).catch(({reason}) => reason)")
        assert refused == "replaced"
        tab.hears(another["email"])
        assert mongo.users.count_documents({"name": "Mine"}) == 0


class TestRetry:
    @pytest.mark.parametrize(
        "call",
        [
            "authsvc.call('PATCH', '/auth/me', {name: 'Once'})",
            """authsvc.fetch(new Request(authsvc.service + '/auth/me', {method: 'PATCH',
                 headers: {'Content-Type': 'application/json'}, body: '{"name": "Once"}'})).then((a) => a.json())""",
        ],
    )
    def test_a_refused_call_is_sent_once_more_with_its_body(
        self, browsing: Browsing, account: Account, call: str
    ) -> None:
        tab = browsing.open().login(account)
        sent: list[tuple[str, str | None]] = []

        def refuse_first(route: Route) -> None:
            request = route.request
            if request.method == "PATCH":
                sent.append((request.headers["authorization"], request.post_data))
            if len(sent) == 1 and request.method == "PATCH":
                headers = {
                    "Access-Control-Allow-Origin": request.headers["origin"],
                    "Access-Control-Allow-Credentials": "true",
                }
                route.fulfill(status=401, headers=headers, json={"code": "token_expired"})
            else:
                route.continue_()

        browsing.context.route("**/auth/me", refuse_first)
        assert tab.page.evaluate(call)["name"] == "Once"
        (first, body), (second, again) = sent
        assert first != second
        assert json.loads(again or "") == json.loads(body or "") == {"name": "Once"}

    def test_a_call_that_stays_refused_is_handed_back(self, browsing: Browsing, account: Account) -> None:
        tab = browsing.open().login(account)
        assert tab.attempt("login", {**account, "password": "wrong"})["code"] == "invalid_credentials"
        before = len(browsing.answers)
        assert (
            tab.page.evaluate(
                """authsvc.fetch(authsvc.service + "/auth/login/mfa", {method: "POST", headers:
                 {"Content-Type": "application/json"}, body: '{"mfaToken": "x", "code": "123456"}'})
                 .then(({status}) => status)"""
            )
            == 401
        )
        asked = [path for path, _ in browsing.answers[before:]]
        assert asked.count("/auth/login/mfa") <= 2, "with its preflight"
        assert tab.user() == account["email"]
