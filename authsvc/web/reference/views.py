"""The pages at `/docs`: an overview, a page for each group of routes, and one for all objects."""

from pathlib import Path

from flask import Response, current_app, render_template

from authsvc.api import openapi
from authsvc.errors import NotFound
from authsvc.http import pages
from authsvc.http.blueprint import Blueprint
from authsvc.http.guards import for_people
from authsvc.web import files
from authsvc.web.reference.document import Reference

blp = Blueprint(
    "reference", __name__, stateless=True, template_folder="../templates", description="This reference, for people."
)

_EXTENSION = "authsvc.reference"
_SCRIPT = Path(__file__).parents[1] / "static" / "reference" / "reference.js"
_SCRIPT_MAX_AGE = 300
_SIGN_IN = ("post", "/auth/login")


@blp.get("/docs")
@for_people
@blp.response(200, description="A page")
def overview() -> Response:
    """Show the reference as pages: what holds everywhere, and all routes in groups."""
    samples = next(route.samples for route in reference().routes if (route.verb, route.path) == _SIGN_IN)
    return _page("overview", "reference/overview.html", here="", login=samples.curl, page=samples.client)


@blp.get("/docs/<group>")
@for_people
@blp.response(200, description="A page")
@blp.problems(NotFound)
def chapter(group: str) -> Response:
    """Show the routes of a group, or all objects (`objects`)."""
    if group == "objects":
        return _page(group, "reference/objects.html", here=group)
    known = next((pair for pair in reference().groups if pair[0].slug == group), None)
    if known is None:
        raise NotFound
    return _page(group, "reference/group.html", here=group, group=known[0], routes=known[1])


@blp.get("/docs/assets/reference.js")
@for_people
@blp.response(200, description="A script")
def script() -> Response:
    """Return the script of these pages, which filters and copies. All of them can be read without it."""
    return files.send(_SCRIPT, max_age=_SCRIPT_MAX_AGE)


def reference() -> Reference:
    """Return what the pages show: it is the same for the life of the process."""
    made: Reference | None = current_app.extensions.get(_EXTENSION)
    if made is None:
        made = current_app.extensions[_EXTENSION] = Reference(openapi.describe())
    return made


def render(template: str, *, script: bool, **context: object) -> Response:
    """Return a page that shows something of the reference."""
    return pages.in_english(render_template(template, reference=reference(), **context), script=script)


def _page(name: str, template: str, **context: object) -> Response:
    made: dict[str, str] = current_app.extensions.setdefault(f"{_EXTENSION}.pages", {})
    if name not in made:
        made[name] = render_template(template, reference=reference(), **context)
    return pages.in_english(made[name], script=True)
