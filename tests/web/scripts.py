"""Running the pages' own modules under node, in one process."""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

from authsvc.web import account
from tests.support.programs import require

FOLDER = Path(account.__file__).parent / "static" / "account"


def evaluate(module: str, expression: str, value: Any = None) -> Any:
    """Return what a JavaScript expression gives, in which a `module` of the pages and a `value` are known."""
    (node,) = require("node")
    source = base64.b64encode((FOLDER / module).read_bytes()).decode()
    script = f"""
        const module = await import("data:text/javascript;base64,{source}");
        const value = {json.dumps(value)};
        console.log(JSON.stringify({expression}));
    """
    command = [node, "--input-type=module", "--eval", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
