"""Coverage of the processes that tests start, where a test asks for it: those must end by themselves to report."""

from pathlib import Path

import coverage

from tests.support.forking import ROOT

_CONFIG = Path(__file__).with_name("coverage.toml")


def measured() -> dict[str, str]:
    """Return the environment that has a process measured, if this one is (`make check`); else an empty one."""
    if coverage.Coverage.current() is None:
        return {}
    return {"COVERAGE_PROCESS_START": str(_CONFIG), "COVERAGE_FILE": str(ROOT / ".coverage")}
