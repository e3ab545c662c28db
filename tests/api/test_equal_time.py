"""Letters for known and unknown addresses take the same time: R19, for `make timing`."""

from collections.abc import Iterator

import pytest

from tests.support.accounts import EMAIL, Database
from tests.support.service import Service, Visitor
from tests.support.timing import assert_equal_time


@pytest.fixture(scope="module")
def visitor(settings: dict[str, str], mongo: Database) -> Iterator[Visitor]:
    """Return somebody with one connection to a service where there is one account."""
    mongo.users.delete_many({})
    with Service(**{**settings, "WEB_CONCURRENCY": 1}) as service:
        assert Visitor(service.url).register(EMAIL).status_code == 201
        yield Visitor(service.url, keep_alive=True)


@pytest.mark.timing
class TestEqualTime:
    @pytest.mark.parametrize("path", ["/auth/password/forgot", "/auth/email/resend", "/auth/login/email"])
    def test_an_unknown_address_takes_as_long_as_a_known_one(self, visitor: Visitor, path: str):
        def ask(email: str) -> None:
            assert visitor.request("POST", path, json={"email": email}).status_code == 202

        assert_equal_time(lambda: ask("nobody@example.com"), lambda: ask(EMAIL))
