"""Measure the service on this machine: load generator, database and service share its cores.

`python -m bench` runs everything, each figure on a fresh database; `python -m bench flood overload` only those.
"""

import sys
from collections.abc import Callable

from bench import (
    before,
    growth,
    hot_path,
    logins,
    scale,
    session_cache,
    token_endpoint,
    under_load,
    user_transfer,
    webhooks,
)
from bench.harness import Row

FIGURES: dict[str, Callable[[], list[Row]]] = {
    "flood": under_load.flood,
    "overload": under_load.overload,
    "half_open": under_load.half_open,
    "verification": hot_path.verification,
    "before": before.compare,
    "session_cache": session_cache.session_cache,
    "logins": logins.logins,
    "refreshes": hot_path.refreshes,
    "token_endpoint": token_endpoint.token_endpoint,
    "registrations": hot_path.registrations,
    "webhooks": webhooks.webhooks,
    "cold_start": hot_path.cold_start,
    "user_transfer": user_transfer.user_transfer,
    "scale": scale.scale,
    "grown": growth.growth_figures,
}


def main(names: list[str]) -> int:
    """Print the figures as they come; return 1 if a goal is missed."""
    failure = False
    for name in names or FIGURES:
        for what, figure, goal_met in FIGURES[name]():
            judgement = "" if goal_met is None else "holds" if goal_met else "MISSED"
            print(f"{what:<46}  {figure:<56}  {judgement}".rstrip(), flush=True)
            failure = failure or goal_met is False
    return 1 if failure else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
