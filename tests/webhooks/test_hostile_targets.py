"""R120: where a webhook leads is looked at when it is connected to, each time; inside nobody is reached."""

from collections.abc import Callable, Sequence

import pytest

from authsvc.clients.connector import Connector
from authsvc.services import webhook_deliveries
from tests.conftest import Person
from tests.support.accounts import Database
from tests.support.hearers import Hearer
from tests.support.outside import Server, saying

NOT_PUBLIC = "the host has no public address"


def tell(hearer: Hearer, mongo: Database, url: str, connector: Connector) -> str:
    """Tell a webhook at this address, as in production; return why it was not told."""
    mongo.webhooks.update_many({}, {"$set": {"url": url}})
    with hearer.app.app_context():
        webhook_deliveries.post_test(None, hearer.made["id"])
        assert webhook_deliveries.deliver(connector)
    return str(hearer.deliveries()[0]["error"])


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "127.0.0.1", "127.1", "0x7f.1", "0177.0.0.1", "2130706433", "0.0.0.0"),
        *("[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[::]"),
        *("10.0.0.1", "192.168.1.1", "169.254.169.254", "[fe80::1]", "[fd00:ec2::254]", "224.0.0.1", "[ff02::1]"),
    ],
)
@pytest.mark.parametrize("scheme", ["https", "http"])
def test_r120_what_is_inside_is_refused_by_name(
    hearer: Hearer, mongo: Database, server: Server, host: str, scheme: str
) -> None:
    """Also where it was added in development, or by whoever can write to the database."""
    why = tell(hearer, mongo, f"{scheme}://{host}:{server.port}/hear", Connector(seconds=2))
    assert why == (NOT_PUBLIC if scheme == "https" else "the address is not https")
    assert server.connections == 0


def test_r120_a_name_is_looked_up_at_each_attempt(hearer: Hearer, mongo: Database, server: Server) -> None:
    """A name that led where it may leads where it may not the next time (rebinding): to 0.0.0.0, the same server."""
    answers = [["127.0.0.1"], ["0.0.0.0"]]
    looked_up: list[str] = []

    def resolve(host: str, _: int) -> Sequence[str]:
        looked_up.append(host)
        return answers[len(looked_up) - 1]

    connector = Connector(local=True, seconds=1, resolve=resolve)
    url = f"http://rebinding.example:{server.port}/"
    assert tell(hearer, mongo, url, connector) == "None"
    assert server.connections == 1
    assert tell(hearer, mongo, url, connector) == NOT_PUBLIC
    assert looked_up == ["rebinding.example"] * 2
    assert server.connections == 1


@pytest.mark.parametrize("code", ["301 Moved Permanently", "307 Temporary Redirect", "308 Permanent Redirect"])
def test_r120_a_redirect_is_followed_nowhere(hearer: Hearer, alice: Person, code: str) -> None:
    with Server() as inside:
        hearer.server.behaviour = saying(code, Location=inside.url("/latest/meta-data"))
        assert alice.client.patch("/auth/me", json={"name": "Al"}, headers=alice.headers).status_code == 200
        hearer.deliver()
        assert inside.connections == 0
    assert hearer.deliveries()[0]["error"] == f"the webhook answered {code[:3]}"


def test_r120_no_proxy_of_the_environment_is_asked(
    hearer: Hearer, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server() as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url(host="127.0.0.1"))
        assert alice.client.patch("/auth/me", json={"name": "Al"}, headers=alice.headers).status_code == 200
        assert hearer.deliver() == 1
        assert proxy.connections == 0
    assert len(hearer.heard()) == 1


def test_outside_production_this_machine_may_be_told_and_that_is_said(
    new_hearer: Callable[..., Hearer], capsys: pytest.CaptureFixture[str]
) -> None:
    hearer = new_hearer("*")
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "webhook.on_this_machine" in line]
    assert hearer.made["id"] in line
