"""Answers to an app by way of the browser: a redirect, or a form that a page submits."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from flask import current_app


@dataclass(frozen=True, slots=True)
class Redirection:
    """Where an answer goes: to the address `url`, by GET with all in it, or by POST with `fields`."""

    url: str
    fields: Mapping[str, str] | None = None


def to_app(redirect_uri: str, response_mode: str, answer: Mapping[str, str]) -> Redirection:
    """Return how an authorization response goes to an app; every one names who answers (`iss`, RFC 9207)."""
    fields = {**answer, "iss": current_app.config["TOKEN_ISSUER"]}
    if response_mode == "form_post":
        return Redirection(redirect_uri, fields)
    glue = "&" if "?" in redirect_uri else "?"
    return Redirection(f"{redirect_uri}{glue}{urlencode(fields, quote_via=quote)}")


def with_state(uri: str, state: str | None) -> str:
    """Return an app's address with its `state`, if it wants one back."""
    if state is None:
        return uri
    glue = "&" if "?" in uri else "?"
    return f"{uri}{glue}{urlencode({'state': state}, quote_via=quote)}"
