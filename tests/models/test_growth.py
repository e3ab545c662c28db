"""What a step costs in a small and in a large collection of the embedded database: the same."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
from pymongo import MongoClient

from authsvc.devdb import Database
from tests.support import growth
from tests.support.service import ROOT

FEW, MANY = 50, 3000

BY_OPERATORS = {
    *("Delivery.find", "Delivery.undelivered", "Delivery.retry", "Delivery.abandon", "Delivery.restore"),
    *("Letter.in_state", "Letter.refused", "Listing.search", "Listing.estimated_count", "AuditEvent.restore"),
    "AuditEvent.latest",
    *("App.all", "App.count", "App.is_resource", "App.keep_document", "App.note_allowed", "App.page"),
    *("App.trim_documents", "App.try_document"),
    *("WebhookDelivery.count_dead", "WebhookDelivery.find_of", "WebhookDelivery.page"),
}
"""Lists, what is done to what they show, and steps by apps, of which there are few."""

LIKE_OTHERS = {
    *("Addresses.change_email", "Addresses.change_email_back", "Addresses.revert_email", "Addresses.verify_email"),
    *("Addresses.vouch_for_email", "Factors.add_passkey", "Factors.confirm_totp", "Factors.end_copied"),
    *("Factors.forget_totp", "Factors.remove_factor", "Factors.replace_recovery_codes", "Factors.require_passkeys"),
    *("Factors.reseal_totp", "Listing.remove", "User.set_password"),
}
"""Changes of one account by its id, sent as those that are measured."""


def run(*uris: str) -> list[dict[str, dict[str, float]]]:
    """Run every step of the models on some databases."""
    command = [sys.executable, "-m", "tests.support.growth", *uris]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def fill(uri: str, count: int) -> None:
    """Fill a database, then make its indexes: that is faster than the other way round."""
    with MongoClient[growth.Stored](uri) as client:
        growth.fill(client.get_default_database(), count)
    growth.index(uri)


def slow_steps(few_uri: str, many_uri: str) -> set[str]:
    """Return the steps that take longer in the larger of two databases, as measured once."""
    few, many = (answer["taken"] for answer in run(few_uri, many_uri))
    walk = many.pop("a whole collection")
    assert walk > 10 * few["a whole collection"], "so few that nothing would show"
    return {name for name, seconds in many.items() if seconds > max(3 * few[name], walk / 3)}


@pytest.fixture(scope="module")
def server() -> Iterator[Database]:
    """Return an embedded server with nothing else to do."""
    with Database(None) as running:
        yield running


class TestU39M2CompareAndSet:
    @pytest.mark.slow
    def test_every_step_by_key_costs_the_same_at_every_size(self, server: Database) -> None:
        """Whatever walks through a collection takes as long as reading all of it; nothing here comes near that."""
        uris = [server.uri_of("few"), server.uri_of("many")]
        for uri, count in zip(uris, (FEW, MANY), strict=True):
            fill(uri, count)
        slow = slow_steps(*uris)
        for _ in range(2):
            if slow:  # a busy machine slows another step each time, a walk is slow every time
                slow &= slow_steps(*uris)
        assert slow == set()

    def test_no_step_is_left_out(self, server: Database) -> None:
        uri = server.uri_of("called")
        fill(uri, 3)
        (answer,) = run(uri)
        left_out = growth.bounded_steps() - set(answer["called"])
        assert left_out == BY_OPERATORS | LIKE_OTHERS

    def test_a_compare_and_set_is_one_find_and_modify(self, server: Database) -> None:
        uri = server.uri_of("sent")
        fill(uri, 3)
        (answer,) = run(uri)
        whose = {of for name, of in answer["sent"] if name == "findAndModify"}
        assert whose >= {"sessions", "users", "links", "mfa_tickets", "challenges", "letters", "passkeys"}
