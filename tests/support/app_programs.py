"""Apps that are programs of their own: each prints a line of JSON for each step.

Where one sends a person, the test goes there for them, and tells the program where that led.
"""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.app_visits import Somebody
from tests.support.oauth import CALLBACK


@dataclass(frozen=True)
class Run:
    """What a program told, step by step."""

    told: dict[str, Any]

    def __getitem__(self, step: str) -> Any:
        return self.told[step]


def run(command: Sequence[str], folder: Path, somebody: Somebody, **about: Any) -> Run:
    """Run a program to its end in a folder; `about` is what it is told of the app, as one argument."""
    about = {"issuer": somebody.url, "redirectUri": CALLBACK, **about}
    process = subprocess.Popen(
        [*command, json.dumps(about)],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    told: dict[str, Any] = {}
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            said = json.loads(line)
            told[said["step"]] = said["value"]
            if said["step"] == "visit":
                process.stdin.write(somebody.visit(**said["value"]) + "\n")
                process.stdin.flush()
        complaint = process.stderr.read()
    assert "end" in told, complaint
    return Run(told)
