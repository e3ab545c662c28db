"""The files of the operator's brand: pictures of pages and letters, and a style sheet."""

from pathlib import Path

from flask import Response, current_app

from authsvc.errors import NotFound
from authsvc.http.blueprint import Blueprint
from authsvc.http.guards import for_people
from authsvc.web import files

blp = Blueprint("brand", __name__, stateless=True, description="The files of the operator's brand.")


@blp.get("/account/theme.css")
@for_people
@blp.response(200, description="A style sheet")
@blp.problems(NotFound)
def theme() -> Response:
    """Return the operator's style sheet, which is loaded after the pages' own."""
    return _file_of_setting("ACCOUNT_THEME")


@blp.get("/account/logo")
@for_people
@blp.response(200, description="A picture")
@blp.problems(NotFound)
def logo() -> Response:
    """Return the operator's logo."""
    return _for_letters("ACCOUNT_LOGO")


@blp.get("/account/logo-dark")
@for_people
@blp.response(200, description="A picture")
@blp.problems(NotFound)
def logo_dark() -> Response:
    """Return the operator's logo for dark ground."""
    return _for_letters("ACCOUNT_LOGO_DARK")


@blp.get("/account/icon")
@for_people
@blp.response(200, description="A picture")
@blp.problems(NotFound)
def icon() -> Response:
    """Return the operator's icon."""
    return _file_of_setting("ACCOUNT_ICON")


def _for_letters(setting: str) -> Response:
    """Return a picture that letters show too: web mail is a page of another origin."""
    response = _file_of_setting(setting)
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def _file_of_setting(setting: str) -> Response:
    """Return the file that a setting names, as it is now. Raises NotFound."""
    if not current_app.config[setting]:
        raise NotFound
    return files.send(Path(current_app.config[setting]).absolute())
