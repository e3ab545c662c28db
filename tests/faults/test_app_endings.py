"""What ends for apps, on every worker with the next request. O50."""

import threading
from collections.abc import Callable

import pytest
from flask import Flask

from authsvc.services import apps
from tests.conftest import PASSWORD
from tests.support.accounts import Database
from tests.support.oauth import AppClient, new_app
from tests.support.races import rounds
from tests.support.service import Service, Visitor

pytestmark = pytest.mark.race

EMAIL = "alice@example.com"


def signed_in(app: Flask, service: Service) -> tuple[Visitor, dict[str, str], AppClient]:
    """Return somebody with an account, their header, and an app of theirs."""
    visitor = Visitor(service.url)
    visitor.register(EMAIL)
    token = visitor.login(EMAIL).json()["accessToken"]
    return visitor, {"Authorization": f"Bearer {token}"}, new_app(app, visitor)


def by_logout(app: Flask, visitor: Visitor, headers: dict[str, str], notes: AppClient, tokens: dict[str, str]) -> None:
    """Sign out of the browser in which the app was allowed."""
    assert visitor.request("DELETE", "/auth/logout", headers=headers).status_code == 204


def by_all(app: Flask, visitor: Visitor, headers: dict[str, str], notes: AppClient, tokens: dict[str, str]) -> None:
    """Sign out everywhere."""
    assert visitor.request("DELETE", "/auth/sessions?scope=all", headers=headers).status_code == 204


def by_grant(app: Flask, visitor: Visitor, headers: dict[str, str], notes: AppClient, tokens: dict[str, str]) -> None:
    """Disconnect the app."""
    (grant,) = visitor.request("GET", "/auth/grants", headers=headers).json()["items"]
    assert visitor.request("DELETE", f"/auth/grants/{grant['id']}", headers=headers).status_code == 204


def by_password(
    app: Flask, visitor: Visitor, headers: dict[str, str], notes: AppClient, tokens: dict[str, str]
) -> None:
    """Change the password."""
    body = {"currentPassword": PASSWORD, "newPassword": f"{PASSWORD} 2"}
    assert visitor.request("POST", "/auth/me/password", json=body, headers=headers).status_code == 204


def by_app(app: Flask, visitor: Visitor, headers: dict[str, str], notes: AppClient, tokens: dict[str, str]) -> None:
    """Let the app give back what it has."""
    assert notes.post("/oauth2/revoke", {"token": tokens["access_token"]}).status == 200


def by_operator(
    app: Flask, visitor: Visitor, headers: dict[str, str], notes: AppClient, tokens: dict[str, str]
) -> None:
    """Delete the app."""
    with app.test_request_context():
        apps.delete(notes.id)


End = Callable[[Flask, Visitor, dict[str, str], AppClient, dict[str, str]], None]
ENDS: tuple[End, ...] = (by_logout, by_all, by_grant, by_password, by_app, by_operator)


class TestEveryWorker:
    @rounds
    @pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
    def test_o50_what_has_ended_works_nowhere(
        self, app: Flask, service: Service, clean: None, mongo: Database, end: End, turn: int
    ) -> None:
        visitor, headers, notes = signed_in(app, service)
        tokens = notes.sign_in(headers["Authorization"].partition(" ")[2])
        latest, over = [tokens["refresh_token"]], threading.Event()

        def use() -> None:
            own = AppClient(Visitor(service.url), notes.id, notes.secret)
            while not over.is_set():
                answer = own.refresh(latest[0])
                if answer.status == 200:
                    latest[0] = answer.json["refresh_token"]
                own.userinfo(tokens["access_token"])

        threads = [threading.Thread(target=use) for _ in range(3)]
        for thread in threads:
            thread.start()
        end(app, visitor, headers, notes, tokens)
        answers = [AppClient(Visitor(service.url), notes.id).userinfo(tokens["access_token"]).status for _ in range(20)]
        over.set()
        for thread in threads:
            thread.join()
        assert set(answers) == {401}
        assert notes.refresh(latest[0]).error in ("invalid_grant", "invalid_client")
        assert mongo.sessions.count_documents({"app": notes.id, "endedAt": None}) == 0
