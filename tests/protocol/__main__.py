"""Print every run of the model, and how those that break do."""

from tests.protocol.runs import RUNS
from tests.protocol.search import explore

for name, run in RUNS.items():
    outcome = explore(run.rules)
    end = "holds" if outcome.way is None else f"breaks in {len(outcome.way)} steps"
    print(f"{name}: {outcome.states:,} states, {end}", flush=True)
    for number, what in enumerate(outcome.way or [], 1):
        print(f"    {number:2} {what}")
