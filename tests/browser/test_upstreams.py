"""Signing in with providers that have pages of their own: oidc-provider of npm, and Apple with its form. O54, O58."""

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from tests.browser.windows import at_home, window
from tests.support.accounts import Database
from tests.support.oidc_provider import NpmUpstream, npm_upstreams
from tests.support.service import Service, free_port
from tests.support.upstreams import Apple, providers_file

pytestmark = [pytest.mark.browser, pytest.mark.external, pytest.mark.timeout(180)]

FONTS = "https://fonts.googleapis.com/"
"""What the pages of oidc-provider ask for."""


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[list[NpmUpstream]]:
    uris = [f"http://localhost:{port}/account/federation/{name}" for name in ("first", "second")]
    with npm_upstreams(tmp_path_factory.mktemp("npm"), uris, ring="browser") as both:
        yield both


@pytest.fixture(scope="module")
def apple() -> Iterator[Apple]:
    with Apple() as apple:
        yield apple


@pytest.fixture(scope="module")
def federated(
    app: Flask,
    settings: dict[str, str],
    both: list[NpmUpstream],
    apple: Apple,
    port: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    """Return a running service with both, and with Apple: each on another site."""
    first, second = both
    tables = [first.toml("first", label="First"), second.toml("second", label="Second"), apple.toml()]
    own = {
        **providers_file(tmp_path_factory.mktemp("providers"), *tables),
        "PUBLIC_URL": f"http://localhost:{port}",
        "PORT": port,
        "WEB_CONCURRENCY": 1,
    }
    with Service(**{**settings, **own}) as service:
        yield service


@pytest.fixture
def page(browser: Browser, federated: Service, both: list[NpmUpstream], apple: Apple, clean: None) -> Iterator[Page]:
    others = (*(one.issuer for one in both), apple.issuer, FONTS)
    with window(browser, federated, others) as page:
        page.route(f"{FONTS}**", lambda route: route.fulfill(content_type="text/css", body=""))
        yield page


def sign_in(page: Page, label: str, who: str) -> None:
    """Sign in with a provider, on its own pages."""
    page.goto("/account/sign-in")
    page.get_by_role("button", name=f"Continue with {label}", exact=True).click()
    page.locator('input[name="login"]').fill(who)
    page.locator('input[name="password"]').fill("any")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()


class TestOidcProvider:
    def test_o58_somebody_new_comes_from_one_and_what_the_other_says_of_them_is_not_enough(
        self, page: Page, mongo: Database
    ) -> None:
        """The second issuer is hostile, as far as anybody knows: it calls an address verified that is Alice's."""
        sign_in(page, "First", "alice")
        at_home(page)
        (user,) = mongo.users.find({})
        assert (user["email"], user["name"], len(user["linkedIdentities"])) == ("alice@example.com", "Name of alice", 1)
        page.context.clear_cookies()
        sign_in(page, "Second", "alice")
        expect(page.get_by_role("heading", level=1, name="You already have an account")).to_be_visible()
        assert mongo.sessions.count_documents({}) == 1
        assert len(mongo.users.find_one({})["linkedIdentities"]) == 1

    def test_somebody_without_a_proved_address_is_asked_for_one(self, page: Page, mongo: Database) -> None:
        sign_in(page, "Second", "unproved.bob")
        expect(page.get_by_role("heading", level=1, name="Which email address is yours?")).to_be_visible()
        assert mongo.users.count_documents({}) == 0


class TestApple:
    def test_its_form_comes_from_another_site_and_finds_the_browser_that_began(
        self, page: Page, apple: Apple, mongo: Database
    ) -> None:
        """It brings no cookie; the page behind it, in our own site, has them."""
        apple.reset()
        page.goto("/account/sign-in")
        page.get_by_role("button", name="Continue with Apple", exact=True).click()
        at_home(page)
        (user,) = mongo.users.find({})
        assert (user["email"], user["name"]) == ("x@privaterelay.appleid.com", "Ada Lovelace")
        assert user["emailVerifiedAt"] is not None
