"""Findings: what is wrong, as commands tell operators."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong: about what, what it means, and how to mend it."""

    about: str
    what: str
    remedy: str
