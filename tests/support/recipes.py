"""The programs and commands of the guide with recipes, as they stand there."""

import re
import shlex

from tests.support.service import ROOT

_GUIDE = (ROOT / "docs/guides/sign-in-recipes.md").read_text()


def program(name: str) -> str:
    """Return the block of the guide that begins with this name, as a comment."""
    pattern = rf"^```\w+\n((?:# |<!-- |// ){re.escape(name)}.*?)^```$"
    (text,) = re.findall(pattern, _GUIDE, re.MULTILINE | re.DOTALL)
    return str(text)


def commands() -> list[list[str]]:
    """Return the commands that register apps, without the `flask` that they begin with."""
    joined = _GUIDE.replace("\\\n", " ")
    lines = re.findall(r'^(?:make cli c="|flask )(apps create .+?)(?<=[^"])"?$', joined, re.MULTILINE)
    return [shlex.split(line) for line in lines]


def link(begin: str) -> str:
    """Return the line of the guide that begins like this."""
    (text,) = re.findall(rf"^{re.escape(begin)}.+$", _GUIDE, re.MULTILINE)
    return str(text)
