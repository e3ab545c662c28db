"""What every page is made of: its policy, its files under one versioned address, and the brand of the operator."""

import hashlib
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from flask import Response, current_app, render_template

from authsvc import languages
from authsvc.errors import NotFound
from authsvc.http import language
from authsvc.settings.brand import support_link, support_name
from authsvc.web import files

_STATIC = Path(__file__).parent / "static"
_ASSETS = {path.relative_to(_STATIC).as_posix(): path for path in sorted(_STATIC.glob("*/*"))}
# Modules import each other by relative addresses, also from one folder to another. So all folders stand below one name,
# which changes with what is in any file.
_VERSION = hashlib.sha256(b"".join(path.read_bytes() for path in _ASSETS.values())).hexdigest()[:12]
_ADDRESS = f"/account/assets/{_VERSION}"
_YEAR = 31_536_000

# A page may run and show what comes from here, and talk only to us. Scripts send its forms.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""The Content-Security-Policy of a page."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""The headers of a page."""

_IMPORT = re.compile(r'(?:\bfrom|^import) "(\.[^"]+)";$', re.MULTILINE)


@cache
def _modules_of(script: str) -> tuple[str, ...]:
    """Return the modules that a script imports, and those that they import: browsers load all of them at once."""
    modules: set[str] = set()
    rest = [script]
    while rest:
        name = rest.pop()
        folder = PurePosixPath(name).parent
        imports = _IMPORT.findall(_ASSETS[f"{name}.js"].read_text(encoding="utf-8"))
        names = [posixpath.normpath(folder / address).removesuffix(".js") for address in imports]
        rest += [one for one in names if one not in modules]
        modules |= set(names)
    return tuple(sorted(modules))


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its script, and its headers."""

    script: str
    headers: Mapping[str, str] = field(default_factory=lambda: HEADERS)

    @property
    def modules(self) -> tuple[str, ...]:
        """Return the modules that its script loads."""
        return _modules_of(self.script)

    def texts(self, spoken: str) -> str:
        """Return the module with the texts of its scripts in a language, "" if they are in it as they stand."""
        name = f"{spoken}-{PurePosixPath(self.script).parent}"
        return f"texts/{name}" if f"texts/{name}.js" in _ASSETS else ""


def render(page: Page, template: str, /, **context: Any) -> Response:
    """Return a page, with the brand of the operator."""
    config, spoken = current_app.config, language.current()
    html = render_template(
        template,
        language=spoken,
        direction=languages.direction(spoken),
        languages=languages.names(),
        texts=page.texts(spoken),
        script=page.script,
        modules=page.modules,
        assets=_ADDRESS,
        **_brand(config),
        returns=config["CORS_ORIGINS"],
        verification=config["EMAIL_VERIFICATION"],
        least=config["PASSWORD_MIN_LENGTH"],
        codes=config["EMAIL_CODES"],
        providers=[
            {
                "name": one.name,
                "label": one.label,
                "icon": one.kind,
                "reauthenticates": one.preset.reauthenticates,
            }
            for one in config.get("IDENTITY_PROVIDERS", ())
            if one.enabled
        ],
        **context,
    )
    return language.keep(Response(html, headers=dict(page.headers), mimetype="text/html"))


def _brand(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what pages show of the operator."""
    has_logo, support = bool(config["ACCOUNT_LOGO"]), config["ACCOUNT_SUPPORT"]
    logo = "/account/logo" if has_logo else f"{_ADDRESS}/ui/logo.svg"
    return {
        "name": config["ACCOUNT_NAME"],
        "logo": logo,
        "logo_dark": "/account/logo-dark" if has_logo and config["ACCOUNT_LOGO_DARK"] else "",
        "shows_name": config["ACCOUNT_LOGO_NAME"] or not has_logo,
        "icon": "/account/icon" if config["ACCOUNT_ICON"] else logo,
        "accent": config["ACCOUNT_ACCENT"],
        "theme": "/account/theme.css" if config["ACCOUNT_THEME"] else "",
        "support": (support_name(support), support_link(support)) if support else None,
        "links": config["ACCOUNT_LINKS"],
    }


def send_asset(version: str, name: str) -> Response:
    """Return a file that pages load: `ui/dom.js`. Under the current version it never changes. Raises NotFound."""
    if name not in _ASSETS:
        raise NotFound
    response = files.send(_ASSETS[name], max_age=_YEAR if version == _VERSION else None)
    response.cache_control.immutable = version == _VERSION
    return response
