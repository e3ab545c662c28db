"""The console for administrators: one page, and the scripts that it loads.

It is a client of the API, and holds nobody's data: who opens it without the role sees that nothing is here. The server
can't tell them apart, since no cookie is sent to a page; the API can, and gives its data to administrators only.
"""

from flask import Response, current_app

from authsvc.http.blueprint import Blueprint
from authsvc.http.guards import for_people
from authsvc.languages import translatable
from authsvc.web import pages

blp = Blueprint("console", __name__, stateless=True, template_folder="templates", description="The console.")

# The letters that it shows are documents of our own.
_HEADERS = {
    **pages.HEADERS,
    "Content-Security-Policy": f"{pages.POLICY}; frame-src 'self'",
    "X-Robots-Tag": "noindex",
}
_CONSOLE = pages.Page("admin/console", _HEADERS)
_SCREENS = (
    ("overview", translatable("Overview"), "gauge"),
    ("people", translatable("People"), "users"),
    ("events", translatable("What happened"), "clock"),
    ("letters", translatable("Letters"), "mail"),
    ("apps", translatable("Apps"), "apps"),
    ("webhooks", translatable("Webhooks"), "hook"),
    ("settings", translatable("Settings"), "sliders"),
)


@blp.get("/admin/")
@for_people
@blp.response(200, description="A page")
def home() -> Response:
    """Show the console, which is for administrators with a second factor."""
    return _rendered()


@blp.get("/admin")
@for_people
@blp.response(200, description="A page")
def home_by_another_name() -> Response:
    """Show the console without a redirect."""
    # A redirect would lead to whichever host the request names.
    return _rendered()


def _rendered() -> Response:
    return pages.render(
        _CONSOLE,
        "admin/console.html",
        page="console",
        screens=_SCREENS,
        roles=current_app.config["ROLES"],
        is_development=current_app.config["APP_ENV"] == "development",
    )
