"""What `make run` says: where to look first."""

import re

import pytest
import requests

from tests.support.service import Service, free_port

pytestmark = pytest.mark.slow


def links(service: Service) -> list[str]:
    """Return the addresses that the service has written below its own."""
    return re.findall(r"^  (http://\S+) +\w", service.log(), re.MULTILINE)


class TestDevelopment:
    def test_it_links_the_account_the_letters_and_the_routes(self, settings: dict[str, str]) -> None:
        port = free_port()
        own = {"APP_ENV": "development", "PORT": port, "PUBLIC_URL": f"http://localhost:{port}"}
        with Service(**{**settings, **own}) as service:
            home = f"http://localhost:{port}"
            assert links(service) == [f"{home}/account/", f"{home}/dev/outbox", f"{home}/docs"]
            answers = [requests.get(link, headers={"Accept": "text/html"}, timeout=10) for link in links(service)]
        assert [answer.status_code for answer in answers] == [200, 200, 200]

    def test_without_account_pages_it_links_none(self, settings: dict[str, str]) -> None:
        own = {"APP_ENV": "development", "ACCOUNT_PAGES": "off", "LINK_URL": "http://localhost:3000"}
        with Service(**{**settings, **own}) as service:
            assert [link.rpartition("/")[2] for link in links(service)] == ["outbox", "docs"]


def test_elsewhere_it_says_nothing_of_them(settings: dict[str, str]) -> None:
    with Service(**settings) as service:
        assert "serves on" in service.log()
        assert links(service) == []
