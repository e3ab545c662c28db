"""`reference/errors.md`: every problem that an answer to a client can be."""

from itertools import groupby

from flask import Flask

from authsvc.errors import Problem, all_problems
from docs.generate import markdown

INTRODUCTION = """
Every error is a problem document (RFC 9457), and its `code` never changes. [Handling errors](../guides/errors.md) says
how to read one. A running service explains each code at `/problems/<code>`.
"""


def text(_app: Flask) -> str:
    """Return the page."""
    sections = [
        f"## {status}\n\n" + "\n\n".join(described(problem) for problem in problems)
        for status, problems in groupby(all_problems().values(), lambda problem: problem.status)
    ]
    return markdown.page("Errors", INTRODUCTION, *sections)


def described(problem: type[Problem]) -> str:
    """Return the paragraph of one problem."""
    return f"### `{problem.code}`\n\n*{problem.title}.* {problem.explanation()}"
