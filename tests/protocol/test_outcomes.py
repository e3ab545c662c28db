"""R138: the protocol of kept sessions, in every order in which its steps can come.

What is built holds. What leaves out any part of it breaks, and the model finds out how: by the shortest way there is,
so a run that ends earlier or later is not the one that was thought of. `python -m tests.protocol` prints the ways.
"""

from dataclasses import fields

import pytest

from tests.protocol.rules import Rules
from tests.protocol.runs import RUNS, Run
from tests.protocol.search import explore

LARGE = 50_000
"""States from which on a run takes seconds, and is left to `make soak`."""

WORLD = {"has_lease", "remembered", "lease", "failovers", "crashes", "both_end", "workers"}
"""What is not a part of the protocol that could be left out, but what it must hold in."""


def marked(name: str, run: Run) -> object:
    """Return a run as a parameter, in the ring that has time for it."""
    return pytest.param(run, id=name, marks=[pytest.mark.soak] if run.states > LARGE else [])


class TestModel:
    @pytest.mark.timeout(1800)
    @pytest.mark.parametrize("run", [marked(name, run) for name, run in RUNS.items()])
    def test_r138_it_ends_as_it_should(self, run: Run):
        outcome = explore(run.rules)
        assert (outcome.way and len(outcome.way)) == run.steps, outcome.way
        assert outcome.states == run.states

    def test_r138_each_part_of_the_protocol_is_left_out_in_a_run_that_breaks(self):
        parts = {part.name for part in fields(Rules)} - WORLD
        assert {name for run in RUNS.values() if run.steps for name in run.change} - WORLD == parts
