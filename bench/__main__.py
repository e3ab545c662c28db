"""Measure the service on this machine: load maker, database and service share its cores.

`python -m bench` runs everything, each figure on a fresh database; `python -m bench flood overload` only those.
"""

import sys
from collections.abc import Callable

from bench import hot_path, moving, scale, under_load
from bench.stage import Row

FIGURES: dict[str, Callable[[], list[Row]]] = {
    "flood": under_load.flood,
    "overload": under_load.overload,
    "half_open": under_load.half_open,
    "verification": hot_path.verification,
    "refreshes": hot_path.refreshes,
    "registrations": hot_path.registrations,
    "cold_start": hot_path.cold_start,
    "moving": moving.moving,
    "scale": scale.scale,
}


def main(chosen: list[str]) -> int:
    """Print the figures as they come; return 1 where a goal is missed."""
    missed = False
    for name in chosen or FIGURES:
        for what, figure, held in FIGURES[name]():
            verdict = "" if held is None else "holds" if held else "MISSED"
            print(f"{what:<46}  {figure:<56}  {verdict}".rstrip(), flush=True)
            missed = missed or held is False
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
