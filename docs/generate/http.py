"""`reference/http.md`: every route and object of the OpenAPI document."""

from collections.abc import Iterator
from inspect import cleandoc
from typing import Any

from flask import Flask

from docs.generate import markdown

INTRODUCTION = """
Bodies are JSON in UTF-8. The same description is served at `/openapi.json` for programs, and at `/docs` for people.
Errors are listed by code and explained in [Errors](errors.md); `internal_error`, `not_ready`, `request_malformed` and
`database_unavailable` can come from nearly every route, and are not repeated below.
"""
FOR_APPS = """
## For apps

These speak OAuth 2.1 and OpenID Connect, so they are described by those, and by `/.well-known/openid-configuration`.
Bodies are forms, names are `snake_case`, and errors are `{error, error_description}` (RFC 6749 section 5.2).
[Let an app sign in](../guides/apps.md) has a table of what is supported.
"""
METHODS = ("get", "post", "patch", "put", "delete")
EVERYWHERE = {"internal_error", "not_ready", "request_malformed", "database_unavailable"}
SHOWN_LIMITS = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
}


def text(app: Flask) -> str:
    """Return the page."""
    document = app.extensions["authsvc.api"].spec.to_dict()
    routes = [
        (path, method, operations[method])
        for path, operations in sorted(document["paths"].items())
        for method in METHODS
        if method in operations
    ]
    sections = [chapter(tag, [one for one in routes if tag["name"] in one[2]["tags"]]) for tag in document["tags"]]
    objects = [described(name, schema) for name, schema in sorted(document["components"]["schemas"].items())]
    return markdown.page("HTTP", INTRODUCTION, *sections, *for_apps(app), "## Objects", *objects)


def for_apps(app: Flask) -> Iterator[str]:
    """Yield the section of what speaks OAuth, and no JSON API of ours: by its views' docstrings."""
    yield FOR_APPS
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        if rule.endpoint.startswith("oauth_"):
            methods = "|".join(sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}))
            yield f"### `{methods} {rule.rule}`\n\n{cleandoc(app.view_functions[rule.endpoint].__doc__ or '')}"


def chapter(tag: dict[str, str], routes: list[tuple[str, str, dict[str, Any]]]) -> str:
    """Return the section of one tag."""
    title = tag["name"].replace("_", " ").capitalize()
    return f"## {title}\n\n{tag['description']}\n\n" + "\n\n".join(route(*one) for one in routes)


def route(path: str, method: str, operation: dict[str, Any]) -> str:
    """Return the section of one route."""
    facts = [("Who may call", callers(path, operation)), *inputs(operation), *answers(operation)]
    lines = "\n".join(f"- {name}: {said}" for name, said in facts if said)
    return f"### `{method.upper()} {path}`\n\n{operation.get('summary', '')}\n\n{lines}"


def callers(path: str, operation: dict[str, Any]) -> str:
    """Return who may call a route, by what its document says."""
    asked = operation.get("security", [])
    if not asked:
        return "anyone"
    if {} in asked and "link" in operation["summary"]:
        return "anyone with the link; a session of the account, if one is presented, is kept"
    if any("refreshCookie" in scheme for scheme in asked):
        access = "an access token, or of " if any("bearer" in scheme for scheme in asked) else ""
        return f"the holder of {access}a refresh token, in the body or in the cookie"
    who = "an administrator" if path.startswith("/admin/") else "anyone signed in"
    scopes = next((scheme["accessToken"] for scheme in asked if "accessToken" in scheme), None)
    if scopes is None:
        return who
    return f"{who}, or a personal access token with `{scopes[0]}`" if scopes else f"{who}, or any personal access token"


def inputs(operation: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a route takes: query parameters, then the body."""
    query = [one for one in operation.get("parameters", []) if one["in"] == "query"]
    if query:
        yield (
            "Query",
            "; ".join(f"`{one['name']}` ({kind(one['schema'], required=one.get('required', False))})" for one in query),
        )
    body = operation.get("requestBody", {})
    for media, content in body.get("content", {}).items():
        form = "" if media == "application/json" else f" as `{media}`"
        left_out = "" if body.get("required") else ", which may be left out"
        yield "Body", f"{link(content['schema'])}{form}{left_out}"


def answers(operation: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a route answers: success, then the codes of its errors."""
    codes: list[str] = []
    for status, answer in sorted(operation["responses"].items()):
        content = answer.get("content", {})
        if "application/problem+json" in content:
            listed = answer["description"].partition(": ")[2].split(", ")
            codes += [f"`{status} {code}`" for code in listed if code and code not in EVERYWHERE]
            continue
        schemas = [link(media["schema"]) for media in content.values() if "schema" in media]
        said = answer["description"] if answer["description"] not in ("OK", "No Content", "Created", "Accepted") else ""
        headers = ", ".join(f"`{name}`" for name in answer.get("headers", {}))
        parts = [", ".join(schemas), said, headers and f"with the headers {headers}"]
        yield f"Answers `{status}`", "; ".join(part for part in parts if part) or "nothing"
    yield "Errors", ", ".join(codes)


def link(schema: dict[str, Any]) -> str:
    """Return the name of an object, leading to its section; else what kind of thing it is."""
    name = schema.get("$ref", "").rpartition("/")[2]
    return f"[{name}](#{name.lower()})" if name else kind(schema)


def kind(schema: dict[str, Any], *, required: bool | None = None) -> str:
    """Return the type of a value and its bounds, in words."""
    if "$ref" in schema:
        return link(schema)
    if "anyOf" in schema:  # an object, or null
        return " or ".join(map(kind, schema["anyOf"]))
    types = schema.get("type", "any")
    words = [" or ".join(types) if isinstance(types, list) else types]
    if "items" in schema:
        words[0] = f"{words[0]} of {kind(schema['items'])}"
    if schema.get("format"):
        words.append(schema["format"])
    if schema.get("enum"):
        words.append("one of " + ", ".join(f"`{one}`" for one in schema["enum"]))
    words += [phrase.format(f"{schema[name]:,}") for name, phrase in SHOWN_LIMITS.items() if name in schema]
    if schema.get("default") is not None:
        default = schema["default"]
        words.append(f"default `{str(default).lower() if isinstance(default, bool) else default}`")
    return ", ".join([*words, "required"] if required else words)


def described(name: str, schema: dict[str, Any]) -> str:
    """Return the section of one object: a row for each member."""
    required = schema.get("required", [])
    rows = (
        (f"`{member}`", kind(value), "yes" if member in required else "", value.get("description", ""))
        for member, value in schema.get("properties", {}).items()
    )
    return f"### {name}\n\n" + markdown.table(("member", "type", "always there", "what it is"), rows)
