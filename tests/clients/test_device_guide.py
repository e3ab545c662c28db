"""The device in the guide to apps, pasted into a shell as it stands there. O47."""

import json
import re
import subprocess

import pytest
from flask import Flask

from tests.support.app_devices import new_device_app
from tests.support.app_visits import Somebody
from tests.support.programs import require
from tests.support.service import ROOT, Visitor

pytestmark = pytest.mark.external


@pytest.mark.parametrize(("decision", "told"), [("allow", "access_token"), ("deny", "access_denied")])
def test_o47_the_device_of_the_guide(app: Flask, somebody: Somebody, decision: str, told: str) -> None:
    require("bash", "curl", "jq")
    telly = new_device_app(app, Visitor(somebody.url))
    (script,) = re.findall(r"```bash\n(.*?)```", (ROOT / "docs/guides/apps.md").read_text(), re.DOTALL)
    for name, value in {"authsvc": somebody.url, "client_id": telly.id}.items():
        script, count = re.subn(rf"^{name}=.*$", f"{name}={value}", script, flags=re.MULTILINE)
        assert count == 1
    with subprocess.Popen(["bash", "-euo", "pipefail", "-c", script], stdout=subprocess.PIPE, text=True) as device:
        assert device.stdout is not None
        shown = re.fullmatch(r"Open (\S+) and enter (\S+)\n", device.stdout.readline())
        assert shown is not None
        somebody.visit(f"{shown[1]}?user_code={shown[2]}", decision)
        answer = json.loads(device.stdout.read())
    assert device.returncode == 0
    assert told in (answer.get("error"), *answer)
