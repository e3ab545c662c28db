"""Running the pages' own modules under node, in one process."""

import base64
import json
import re
import subprocess
from pathlib import Path
from typing import Any

from authsvc.web import pages
from tests.support.programs import require

STATIC = Path(pages.__file__).parent / "static"


_IMPORT = re.compile(r'^(import .* from |import )"(\.[^"]+)";$', re.MULTILINE)


def _as_address(module: Path) -> str:
    """Return a module, with those that it imports, as one address."""
    source = _IMPORT.sub(
        lambda found: f'{found[1]}"{_as_address(module.parent / found[2])}";', module.read_text(encoding="utf-8")
    )
    return f"data:text/javascript;base64,{base64.b64encode(source.encode()).decode()}"


def evaluate(module: str, expression: str, value: Any = None) -> Any:
    """Return what a JavaScript expression gives, in which a `module` of the pages and a `value` are known."""
    (node,) = require("node")
    script = f"""
        const module = await import("{_as_address(STATIC / module)}");
        const value = {json.dumps(value)};
        console.log(JSON.stringify({expression}));
    """
    command = [node, "--input-type=module", "--eval", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
