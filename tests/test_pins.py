"""What is installed is pinned, by its hashes too. R99."""

import re

import pytest

from tests.support.service import ROOT


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_r99_requirements_are_pinned_with_hashes(name: str) -> None:
    """`make audit` looks for known vulnerabilities in them, and `make sbom` lists them."""
    text = re.sub(r"^\s*#.*\n?", "", (ROOT / name).read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    lines = text.splitlines()
    assert len(lines) > 30
    pinned = re.compile(r"[a-z0-9._-]+(\[[a-z,_-]+\])?==\S+( ; [^#]+?)?(\s+--hash=sha256:[0-9a-f]{64})+\s*")
    assert [line[:60] for line in lines if not pinned.fullmatch(line)] == []
