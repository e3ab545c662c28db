"""The runs of the model: what is built, and what is built without one of its parts."""

from dataclasses import dataclass, field
from typing import Any

from tests.protocol.rules import Order, Rules

SMALL: dict[str, Any] = {"lease": 1, "failovers": 0, "crashes": False, "workers": 2}
"""A world in which two workers have few enough states."""


@dataclass(frozen=True)
class Run:
    """Rules, and what is known of them: how many states there are, and in how few steps they break, if they do."""

    name: str
    states: int
    steps: int | None = None
    change: dict[str, Any] = field(default_factory=dict)

    @property
    def rules(self) -> Rules:
        """Return the rules of this run."""
        return Rules(**self.change)


LEASES = [
    Run("as it is built", 296_776),
    Run("both end the same session", 173_840, change={"both_end": True}),
    Run("two workers", 2_202_772, change=SMALL),
    Run("no guard of fills", 270_743, 12, {"guards_fills": False, **SMALL}),
    Run("numbers, stored out of order", 1_743_551, 19, {"order": Order.NUMBERS, **SMALL}),
    Run("a version, and a failover", 175_276, 19, {"order": Order.VERSION, "remembered": 2}),
    Run("gaps are not noticed", 123_419, 15, {"forgets_at_gaps": False}),
    Run("announced before it is written", 131_522, 14, {"writes_first": False}),
    Run("who finds it ended answers at once", 3_443, 8, {"both_end": True, "repeats": False}),
    Run("counted from the end of the reading", 74_962, 13, {"lease_from_start": False}),
    Run("the lease is looked at second", 224_323, 17, {"lease_before_lookup": False}),
    Run("no margin for the clocks", 44_951, 12, {"margin": 0}),
    Run("a clock that stops", 114_985, 13, {"missed": 3}),
    Run("no wait", 13_416, 10, {"waits": False}),
]
"""A clock that stops while its machine is frozen is the limit of any lease: the documentation names it."""

SHARED: dict[str, Any] = {"has_lease": False}
SHARED_READINGS = [
    Run("as it is built", 36_406, change=SHARED),
    Run("both end the same session", 24_626, change={"both_end": True, **SHARED}),
    Run("two workers", 408_762, change={**SMALL, **SHARED}),
    Run("no guard of fills", 202_989, 14, {"guards_fills": False, **SMALL, **SHARED}),
    Run("numbers, stored out of order", 373_244, 18, {"order": Order.NUMBERS, **SMALL, **SHARED}),
    Run("a version, and a failover", 23_815, 17, {"order": Order.VERSION, "remembered": 2, **SHARED}),
    Run("gaps are not noticed", 17_917, 13, {"forgets_at_gaps": False, **SHARED}),
    Run("announced before it is written", 18_704, 12, {"writes_first": False, **SHARED}),
    Run("who finds it ended answers at once", 2_445, 9, {"both_end": True, "repeats": False, **SHARED}),
    Run("joins the reading that is under way", 8_087, 11, {"joins_next_reading": False, **SHARED}),
]
"""What a request does whose worker has no lease left: it has no clock, so nothing of clocks can break it."""

RUNS = {
    **{f"leases: {run.name}": run for run in LEASES},
    **{f"shared readings: {run.name}": run for run in SHARED_READINGS},
}
