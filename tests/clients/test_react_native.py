"""The example for React Native in jsdom: the storage adapter, with the real service. No phone takes part."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from tests.support.npm import add_package, installed
from tests.support.service import ROOT, Service, Visitor

pytestmark = pytest.mark.external

SOURCE = Path(__file__).parent / "react_native"


@pytest.fixture
def service(app: Flask, settings: dict[str, str]) -> Iterator[Service]:
    """Return the service, which forgives no refresh token that comes twice."""
    with Service(**{**settings, "REFRESH_REUSE_GRACE": 0, "WEB_CONCURRENCY": 1}) as running:
        yield running


def test_the_app_stays_signed_in_when_it_is_started_again(service: Service, tmp_path: Path, clean: None) -> None:
    """Also after a start without a network; and after a sign-out nothing is left in the storage."""
    folder = installed(SOURCE, tmp_path / "app")
    add_package(folder)
    shutil.copytree(ROOT / "examples/react-native", folder / "example")
    command = ["node", "run.mjs", str(folder / "example"), service.url]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    (name,) = seen["afterSignUp"]
    assert name == f"authsvc.{service.url.replace('://', '_').replace(':', '_')}"
    assert seen["offline"] == seen["afterSignUp"]
    assert seen["afterRestart"][name] != seen["afterSignUp"][name], "each token is shown once"
    assert seen["afterSignOut"] == {}
    assert Visitor(service.url).refresh(seen["afterRestart"][name]).json()["code"] == "session_ended"
