"""Reading the letters that a test caused."""

import re
from typing import Any

from flask import Flask

from authsvc.services import mail

_TOKEN = re.compile(r"#token=(asl_[0-9A-Za-z]+)")


def sent(app: Flask, kind: str | None = None, to: str | None = None) -> list[dict[str, Any]]:
    """Return the letters in the outbox, newest first, with what they say."""
    with app.app_context():
        found = mail.latest(200)
    return [one for one in found if kind in (None, one["kind"]) and to in (None, one["to"])]


def token_in(letter: dict[str, Any]) -> str:
    """Return the secret of the link in a letter."""
    (token,) = set(_TOKEN.findall(letter["text"]))
    return token


def newest(app: Flask, kind: str, to: str | None = None) -> str:
    """Return the secret in the newest letter of a kind."""
    return token_in(sent(app, kind, to)[0])


def newest_link(app: Flask, kind: str, to: str | None = None) -> str:
    """Return the path, query and fragment of the link in the newest letter of a kind."""
    (link,) = {word for word in sent(app, kind, to)[0]["text"].split() if "#token=" in word}
    return str(link[link.index("/account/") :])


def code_in(letter: dict[str, Any]) -> str:
    """Return the code in a letter, which stands in a line of its own."""
    (code,) = re.findall(r"^(\d{6})$", letter["text"], re.MULTILINE)
    return str(code)


def newest_code(app: Flask, kind: str, to: str | None = None) -> str:
    """Return the code in the newest letter of a kind."""
    return code_in(sent(app, kind, to)[0])
