"""What docs/operate/growing.md says of sharding agrees with the indexes that there are."""

import re

from authsvc.models import readiness
from tests.conftest import COLLECTIONS, COLLECTIONS_OF_KEYS
from tests.support.service import ROOT


def sharding() -> tuple[str, str]:
    """Return what is said of collections that stay whole, and of those that are spread."""
    part = (ROOT / "docs/operate/growing.md").read_text().partition("\n## Sharding\n")[2]
    whole, _, spread = part.partition("- By `")
    return whole, spread


class TestM8Sharding:
    def test_every_collection_is_mentioned_once(self) -> None:
        whole, spread = sharding()
        for name in {*COLLECTIONS, *COLLECTIONS_OF_KEYS}:
            assert len(re.findall(f"`{name}`", whole + spread)) == 1, name

    def test_whatever_has_a_unique_index_stays_whole(self) -> None:
        """None of them begins with a shard key that would do."""
        whole, _ = sharding()
        for index in readiness.declarations():
            assert not index.options.get("unique") or f"`{index.collection}`" in whole
