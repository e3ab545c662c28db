"""Every state that can be reached, breadth first: the first that is broken comes by the shortest way."""

from collections import deque
from dataclasses import dataclass

from tests.protocol.rules import Rules
from tests.protocol.states import World
from tests.protocol.steps import Steps


@dataclass(frozen=True)
class Outcome:
    """How many states were met, and the steps to one that is broken, if there is one."""

    states: int
    way: list[str] | None

    @property
    def holds(self) -> bool:
        """Tell whether no state is broken."""
        return self.way is None


def explore(rules: Rules) -> Outcome:
    """Go through all states under some rules, up to the first that is broken."""
    steps = Steps(rules)
    start = steps.start()
    came_from: dict[World, World | None] = {start: None}
    to_do = deque([start])
    while to_do:
        world = to_do.popleft()
        if steps.is_broken(world):
            return Outcome(len(came_from), _way_to(world, came_from, steps))
        for _, following in steps.after(world):
            if following not in came_from:
                came_from[following] = world
                to_do.append(following)
    return Outcome(len(came_from), None)


def _way_to(world: World, came_from: dict[World, World | None], steps: Steps) -> list[str]:
    way: list[str] = []
    before = came_from[world]
    while before is not None:
        way.append(next(what for what, following in steps.after(before) if following == world))
        world, before = before, came_from[before]
    return way[::-1]
