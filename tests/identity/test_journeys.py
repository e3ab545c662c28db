"""Signing in with Apple and GitHub over HTTP, and with a provider that lies. O56, O57, O60."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask import Flask
from pymongo.database import Database as MongoDatabase

from tests.conftest import problem
from tests.support.federation import Traveller
from tests.support.upstreams import Apple, GitHub, Upstream, signing_in_with

Database = MongoDatabase[dict[str, Any]]


@pytest.fixture
def apple(app: Flask, clean: None) -> Iterator[Apple]:
    with Apple() as apple, signing_in_with(app, apple.settings()):
        yield apple


@pytest.fixture
def github(app: Flask, clean: None) -> Iterator[GitHub]:
    with GitHub() as github, signing_in_with(app, github.settings()):
        yield github


def by_form(traveller: Traveller, apple: Apple) -> Any:
    """Sign in with Apple, whose form a browser posts without our cookies; return the answer."""
    location = traveller.begin().get_json()["location"]
    assert dict(parse_qsl(urlsplit(location).query))["response_mode"] == "form_post"
    stranger = traveller.client.application.test_client(use_cookies=False)
    posted = stranger.post("/federation/apple", data=apple.approve(location), headers={"Origin": apple.issuer})
    assert posted.status_code == 303
    assert "Set-Cookie" not in posted.headers
    page, _, fragment = posted.headers["Location"].partition("#")
    assert page == "/account/federation/apple"
    return traveller.complete(dict(parse_qsl(fragment)))


class TestApple:
    def test_somebody_new_has_the_name_that_is_said_once(self, app: Flask, apple: Apple, mongo: Database):
        traveller = Traveller(app.test_client(use_cookies=True), apple, "apple")
        first = traveller.signed_in(by_form(traveller, apple))
        assert (first["name"], first["email"], first["emailVerified"]) == (
            "Ada Lovelace",
            "x@privaterelay.appleid.com",
            True,
        )
        again = Traveller(app.test_client(use_cookies=True), apple, "apple")
        assert again.signed_in(by_form(again, apple))["id"] == first["id"]
        assert mongo.users.count_documents({}) == 1

    def test_o57_text_that_is_not_true_proves_nothing(self, app: Flask, apple: Apple):
        apple.bent = {"email_verified": "false"}
        answer = by_form(traveller := Traveller(app.test_client(use_cookies=True), apple, "apple"), apple)
        assert answer.status_code == 202
        assert answer.get_json()["emailRequired"]["token"]
        assert traveller.headers == {}


class TestGitHub:
    def test_o60_somebody_who_renames_comes_back_to_the_same_account(self, app: Flask, github: GitHub):
        traveller = Traveller(app.test_client(use_cookies=True), github, "github")
        first = traveller.signed_in(traveller.arrive(github.user))
        assert (first["email"], first["emailVerified"]) == ("octocat@example.com", True)
        again = Traveller(app.test_client(use_cookies=True), github, "github")
        github.emails = []
        assert again.signed_in(again.arrive({**github.user, "login": "hubot"}))["id"] == first["id"]

    def test_o60_without_a_proved_address_one_is_asked_for(self, app: Flask, github: GitHub, mongo: Database):
        github.emails[1]["verified"] = False
        traveller = Traveller(app.test_client(use_cookies=True), github, "github")
        answer = traveller.arrive(github.user)
        assert answer.status_code == 202
        assert answer.get_json()["emailRequired"]["token"]
        assert mongo.users.count_documents({}) == 0

    def test_it_can_not_confirm_who_somebody_is(self, app: Flask, github: GitHub):
        traveller = Traveller(app.test_client(use_cookies=True), github, "github")
        traveller.signed_in(traveller.arrive(github.user))
        problem(traveller.begin("reauthenticate"), 422, "validation_failed")


class TestHostile:
    @pytest.mark.parametrize(
        "bent",
        [{"iss": "https://other.example"}, {"aud": []}, {"nonce": 1}, {"exp": "x"}, {"sub": ["a"]}, {"sub": "\ud800"}],
        ids=str,
    )
    def test_o56_a_bent_claim_is_refused_and_leaves_nothing(
        self, app: Flask, clean: None, upstream: Upstream, mongo: Database, bent: dict[str, Any]
    ):
        upstream.bent = bent
        with signing_in_with(app, upstream.settings()):
            traveller = Traveller(app.test_client(use_cookies=True), upstream)
            problem(traveller.arrive(), 403, "provider_refused")
        assert mongo.users.count_documents({}) == mongo.sessions.count_documents({}) == 0

    def test_o55_one_that_breaks_on_the_way_is_unavailable(self, app: Flask, clean: None, upstream: Upstream):
        with signing_in_with(app, upstream.settings()):
            traveller = Traveller(app.test_client(use_cookies=True), upstream)
            brought = traveller.visit()
            upstream.intercept = lambda *_: (302, {"Location": "http://127.0.0.1:1/"}, b"")
            answer = traveller.complete(brought)
        problem(answer, 503, "upstream_unavailable")
        assert answer.headers["Retry-After"]
