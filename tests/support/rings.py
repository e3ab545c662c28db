"""Which tests `make test` leaves to `make check`: those that take long, or need real programs around them."""

import pytest

SLOW = (
    "tests/api/test_friends_and_strangers.py",
    "tests/api/test_known_places.py",
    "tests/api/test_routing.py",
    "tests/api/test_throttles.py",
    "tests/api/test_token_kinds.py",
    "tests/browser/",
    "tests/cli/test_doctor.py",
    "tests/cli/test_encodings.py",
    "tests/cli/test_exports.py",
    "tests/cli/test_lost_secret.py",
    "tests/cli/test_user_transfer.py",
    "tests/clients/",
    "tests/conformance/",
    "tests/deploy/",
    "tests/devdb/test_owner.py",
    "tests/devdb/test_production.py",
    "tests/examples/",
    "tests/faults/",
    "tests/federation/test_races.py",
    "tests/machines/",
    "tests/oauth/test_app_documents.py",
    "tests/oauth/test_app_endings.py",
    "tests/oauth/test_authorize.py",
    "tests/oauth/test_backchannel.py",
    "tests/oauth/test_device.py",
    "tests/oauth/test_endings.py",
    "tests/oauth/test_every_end.py",
    "tests/oauth/test_hints.py",
    "tests/oauth/test_metadata.py",
    "tests/oauth/test_password_grant.py",
    "tests/oauth/test_without_pages.py",
    "tests/protocol/",
    "tests/proxies/",
    "tests/replica_set/",
    "tests/security/test_foreign_hashes.py",
    "tests/services/",
    "tests/test_framing.py",
    "tests/test_hostile_bytes.py",
    "tests/test_logs.py::TestSecrets",
    "tests/test_mongoose.py",
    "tests/test_support.py::TestService",
    "tests/test_tour.py",
)
"""What begins with one of these is slow; tests elsewhere that take seconds are marked where they stand."""


def mark_slow(items: list[pytest.Item]) -> None:
    """Mark the tests of what is slow as a whole."""
    for item in items:
        if item.nodeid.startswith(SLOW):
            item.add_marker(pytest.mark.slow)
