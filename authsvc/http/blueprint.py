"""The blueprint of all routes: strict input, and an OpenAPI document that is gathered from their decorators."""

from collections.abc import Callable
from copy import deepcopy
from http import HTTPStatus
from typing import Any, TypeVar

from apispec import APISpec
from flask_smorest import Blueprint as SmorestBlueprint

from authsvc.errors import (
    BodyTooLarge,
    CrossOriginRefused,
    DatabaseUnavailable,
    InternalError,
    MalformedJson,
    NotReady,
    Problem,
    RequestMalformed,
    UnsupportedMediaType,
    ValidationFailed,
)
from authsvc.http.parsing import StrictParser, requires_body
from authsvc.schemas.base import Schema

View = TypeVar("View", bound=Callable[..., Any])

_EVERY_ROUTE = (RequestMalformed, ValidationFailed, InternalError)
_WITH_DATABASE = (DatabaseUnavailable, NotReady)
_WITH_BODY = (MalformedJson, BodyTooLarge, UnsupportedMediaType)
_SAFE = ("get", "head", "options")


_NOTHING: dict[str, Any] = {"login": False, "scope": None, "problems": ()}


def document(
    view: View, *, login: bool = False, scope: str | None = None, problems: tuple[type[Problem], ...] = ()
) -> View:
    """Document that a view needs a login, or a personal access token with a scope ("" for any), and its problems."""
    docs = deepcopy(getattr(view, "_apidoc", {}))
    notes = docs.get("authsvc", _NOTHING)
    docs["authsvc"] = {
        "login": notes["login"] or login,
        "scope": notes["scope"] if scope is None else scope,
        "problems": (*notes["problems"], *problems),
    }
    view._apidoc = docs  # type: ignore[attr-defined]
    return view


def has_query(view: Callable[..., Any]) -> bool:
    """Tell whether a view declares a schema for its query."""
    return any(place["in"] == "query" for place in _parameters(getattr(view, "_apidoc", {})))


class Blueprint(SmorestBlueprint):
    """A blueprint with strict input, whose document lists every problem by its code."""

    ARGUMENTS_PARSER = StrictParser()

    def __init__(self, *args: Any, stateless: bool = False, **kwargs: Any) -> None:
        """Make a blueprint; `stateless` routes answer without the database."""
        super().__init__(*args, **kwargs)
        self._stateless = stateless
        self._prepare_doc_cbks.append(self._prepare_problems_doc)

    def arguments(self, schema: type[Schema], *, location: str = "json", **kwargs: Any) -> Callable[[View], View]:
        """Declare the arguments of a view; a body is required if the schema has a required field."""
        options = {"required": requires_body(schema()), **kwargs} if location == "json" else kwargs
        decorator: Callable[[View], View] = super().arguments(schema, location=location, **options)
        return decorator

    def problems(self, *problems: type[Problem]) -> Callable[[View], View]:
        """Declare the problems that only this view can answer."""
        return lambda view: document(view, problems=problems)

    def _prepare_problems_doc(
        self, doc: dict[str, Any], doc_info: dict[str, Any], *, spec: APISpec, method: str, **_: Any
    ) -> dict[str, Any]:
        notes = doc_info.get("authsvc", _NOTHING)
        possible = [*notes["problems"], *_EVERY_ROUTE, *(() if self._stateless else _WITH_DATABASE)]
        possible += () if method in _SAFE else (CrossOriginRefused,)
        possible += _WITH_BODY if "requestBody" in doc else ()
        successes = {status: answer for status, answer in doc.get("responses", {}).items() if str(status) < "4"}
        doc["responses"] = {**successes, **_problem_responses(possible)}
        if notes["login"]:
            doc["security"] = [{"bearer": []}]
        if notes["scope"] is not None:
            doc["security"].append({"accessToken": [notes["scope"]] if notes["scope"] else []})
        return doc


def _parameters(docs: dict[str, Any]) -> list[dict[str, Any]]:
    return docs.get("arguments", {}).get("parameters", [])  # type: ignore[no-any-return]


def _problem_responses(possible: list[type[Problem]]) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    by_status: dict[int, set[str]] = {}
    for problem in possible:
        by_status.setdefault(problem.status, set()).add(problem.code)
    return {
        str(status): {"description": f"{HTTPStatus(status).phrase}: " + ", ".join(sorted(codes)), "content": content}
        for status, codes in sorted(by_status.items())
    }
