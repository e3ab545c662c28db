"""What the OpenAPI document says of a route, gathered from the decorators it wears."""

from collections.abc import Callable
from copy import deepcopy
from http import HTTPStatus
from typing import Any, TypeVar

from apispec import APISpec
from flask_smorest import Blueprint as SmorestBlueprint

from authsvc.api.parsing import StrictParser
from authsvc.errors import (
    BodyTooLarge,
    CrossOriginRefused,
    DatabaseUnavailable,
    InternalError,
    MalformedJson,
    NotReady,
    Problem,
    UnsupportedMediaType,
    ValidationFailed,
)

View = TypeVar("View", bound=Callable[..., Any])

_EVERY_ROUTE = (ValidationFailed, InternalError)
_WITH_DATABASE = (DatabaseUnavailable, NotReady)
_WITH_BODY = (MalformedJson, BodyTooLarge, UnsupportedMediaType)
_SAFE = ("get", "head", "options")


_NOTHING: dict[str, Any] = {"login": False, "scope": None, "problems": ()}


def documented(
    view: View, *, login: bool = False, scope: str | None = None, problems: tuple[type[Problem], ...] = ()
) -> View:
    """Note on a view that it needs a login, or a personal access token with a scope ("" for any), and its problems."""
    docs = deepcopy(getattr(view, "_apidoc", {}))
    noted = docs.get("authsvc", _NOTHING)
    docs["authsvc"] = {
        "login": noted["login"] or login,
        "scope": noted["scope"] if scope is None else scope,
        "problems": (*noted["problems"], *problems),
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
        """`stateless` marks routes that answer without the database."""
        super().__init__(*args, **kwargs)
        self._stateless = stateless
        self._prepare_doc_cbks.append(self._prepare_problems_doc)

    def problems(self, *problems: type[Problem]) -> Callable[[View], View]:
        """Declare the problems of its own that a view can answer."""
        return lambda view: documented(view, problems=problems)

    def _prepare_problems_doc(
        self, doc: dict[str, Any], doc_info: dict[str, Any], *, spec: APISpec, method: str, **_: Any
    ) -> dict[str, Any]:
        noted = doc_info.get("authsvc", _NOTHING)
        possible = [*noted["problems"], *_EVERY_ROUTE, *(() if self._stateless else _WITH_DATABASE)]
        possible += () if method in _SAFE else (CrossOriginRefused,)
        possible += _WITH_BODY if "requestBody" in doc else ()
        fine = {status: said for status, said in doc.get("responses", {}).items() if str(status) < "4"}
        doc["responses"] = {**fine, **_problem_responses(possible)}
        if noted["login"]:
            doc["security"] = [{"bearer": []}]
        if noted["scope"] is not None:
            doc["security"].append({"accessToken": [noted["scope"]] if noted["scope"] else []})
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
