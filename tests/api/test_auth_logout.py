"""Logout: by whatever names the session (section 1.5)."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from authsvc.security import jwk
from tests.api.forging import altered, claims_of, header_of, sign
from tests.conftest import Person, problem


class TestLogout:
    @pytest.mark.parametrize("method", ["DELETE", "POST"])
    def test_it_ends_both_tokens_at_once(self, alice: Person, method: str) -> None:
        """R64"""
        answer = alice.client.open("/auth/logout", method=method, headers=alice.headers)
        assert (answer.status_code, answer.data) == (204, b"")
        assert problem(alice.home(), 401, "session_ended")["reason"] == "logout"
        assert problem(alice.refresh(), 401, "session_ended")["reason"] == "logout"

    def test_logging_out_twice_succeeds(self, alice: Person) -> None:
        """R65"""
        for _ in range(2):
            assert alice.client.delete("/auth/logout", headers=alice.headers).status_code == 204

    def test_by_refresh_token_of_any_age(self, alice: Person) -> None:
        """R66: the one that was used up names its session too."""
        used = alice.tokens["refreshToken"]
        alice.refresh()
        assert alice.client.post("/auth/logout", json={"refreshToken": used}).status_code == 204
        assert problem(alice.home(), 401, "session_ended")["reason"] == "logout"

    def test_by_expired_access_token(self, alice: Person) -> None:
        """R66"""
        with time_machine.travel(datetime.now(UTC) + timedelta(hours=2), tick=True):
            assert alice.client.delete("/auth/logout", headers=alice.headers).status_code == 204
            assert problem(alice.refresh(), 401, "session_ended")["reason"] == "logout"

    def test_the_access_token_decides(self, alice: Person, bob: Person) -> None:
        """R49"""
        body = {"refreshToken": bob.tokens["refreshToken"]}
        assert alice.client.post("/auth/logout", headers=alice.headers, json=body).status_code == 204
        assert problem(alice.home(), 401, "session_ended")
        assert bob.home().status_code == 200

    def test_a_forged_access_token_is_refused_whatever_else_is_there(self, alice: Person) -> None:
        """R49: an invalid header does not fall back."""
        token = alice.tokens["accessToken"]
        forged = sign(header_of(token), claims_of(token), jwk.generate().private)
        body = {"refreshToken": alice.tokens["refreshToken"]}
        for header in (f"Bearer {forged}", "Basic x", "Bearer"):
            answer = alice.client.post("/auth/logout", headers={"Authorization": header}, json=body)
            problem(answer, 401, "token_invalid")
        assert alice.home().status_code == 200

    def test_a_session_that_never_was(self, alice: Person, app: Flask) -> None:
        """R65: RFC 7009 2.2, nothing is revealed"""
        token = altered(app, alice.tokens["accessToken"], sid="f" * 24)
        answer = alice.client.delete("/auth/logout", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 204
        assert alice.home().status_code == 200

    def test_without_a_token(self, client: FlaskClient) -> None:
        problem(client.delete("/auth/logout"), 401, "token_missing")
