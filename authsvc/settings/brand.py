"""The settings of the operator's brand: pictures, a colour, where to get help, links below pages and letters."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from marshmallow import Schema, ValidationError

from authsvc.settings import formats
from authsvc.settings.fields import Setting, Switch, must
from authsvc.settings.mail import sender

LINKS = ("terms", "privacy", "imprint")
"""What ACCOUNT_LINKS may lead to, in the order in which it is shown."""

_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")
_ADDRESS = re.compile(r"https?://[!#$%&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~]{1,2000}", re.ASCII)
_BETWEEN = re.compile(rf"\s*,?\s+|,(?=(?:{'|'.join(LINKS)})=)")
"""Between two links: blanks, or a comma before the next name. An address may hold commas."""
_HOST = re.compile(r"[A-Za-z0-9.-]+|[0-9a-fA-F:.]+")
_PICTURES = (".svg", ".png", ".webp", ".jpg")


def is_web_address(text: str) -> bool:
    """Tell whether the text is the address of a page: http or https, a host, and only characters of a URL."""
    if _ADDRESS.fullmatch(text) is None:
        return False
    try:
        parts = urlsplit(text)
        host_fits = _HOST.fullmatch(parts.hostname or "") is not None
        return host_fits and parts.username is None and parts.port != 0
    except ValueError:  # brackets without an address, or a port that is none
        return False


def is_mail_address(text: str) -> bool:
    """Tell whether the text is a bare mail address."""
    return "<" not in text and sender(text) == text


def support_link(text: str) -> str:
    """Return the link that leads to ACCOUNT_SUPPORT."""
    return f"mailto:{text}" if is_mail_address(text) else text


def support_name(text: str) -> str:
    """Return ACCOUNT_SUPPORT as people read it: an address of a page without its scheme."""
    return re.sub(r"\Ahttps?://|/\Z", "", text)


def _is_private(text: str) -> bool:
    """Tell whether nobody in between can change the page: https, or on this machine; a mail address is as good."""
    return is_mail_address(text) or formats.is_secure("://".join(urlsplit(text)[:2]))


def file(*suffixes: str) -> Any:
    """Return the bounds and the rule of a setting that names a file."""
    bounds = ", ".join(suffixes)
    rule = must(lambda name: Path(name).suffix in suffixes and Path(name).is_file(), f"must be a file: {bounds}")
    return {"bounds": bounds, "rules": (rule,)}


class Links(Setting):
    """Addresses by name: `terms=https://example.com/terms imprint=https://example.com/imprint`."""

    def parse(self, text: str) -> dict[str, str]:
        """Return the addresses, in the order in which they are shown. Raises ValidationError."""
        links: dict[str, str] = {}
        for number, part in enumerate(_BETWEEN.split(text.strip(" ,\t")) if text else (), 1):
            name, _, address = part.partition("=")
            if name not in LINKS or name in links or not is_web_address(address):
                raise ValidationError(
                    "must name terms, privacy and imprint, each at most once, with the address of a page:"
                    f" terms=https://example.com/terms (look at entry {number})"
                )
            if self.production and not _is_private(address):
                raise ValidationError(f"must be https (look at entry {number})")
            links[name] = address
        return {name: links[name] for name in LINKS if name in links}


class BrandSettings(Schema):
    """What account pages and letters show of the operator, beside ACCOUNT_NAME."""

    ACCOUNT_LOGO = Setting(
        "a picture of yours for the account pages and, if it is a PNG or JPEG, for letters: mail programs show no SVG",
        **file(*_PICTURES),
    )
    ACCOUNT_LOGO_DARK = Setting("the same for dark backgrounds", **file(*_PICTURES))
    ACCOUNT_LOGO_NAME = Switch(
        "whether `ACCOUNT_NAME` stands beside the logo; `off` for a logo that has the name in its picture", default="on"
    )
    ACCOUNT_ICON = Setting(
        "the icon of the account pages in the browser's tabs; without it, the logo", **file(".svg", ".png", ".ico")
    )
    ACCOUNT_ACCENT = Setting(
        "your colour, for buttons and links of account pages and letters. Where it would be hard to read it is made"
        " darker or lighter",
        bounds="a colour: #2b59d1",
        rules=(must(_COLOUR.fullmatch, "must be a colour: # and six hexadecimal digits, as #2b59d1"),),
    )
    ACCOUNT_THEME = Setting("a style sheet of yours for the account pages", **file(".css"))
    ACCOUNT_SUPPORT = Setting(
        "where people get help: a mail address, or the address of a page. Account pages and letters name it",
        bounds="a mail address, or the address of a page; in production https",
        rules=(
            must(
                lambda text: is_mail_address(text) or is_web_address(text),
                "must be a mail address, or the address of a page: help@example.com, https://example.com/help",
            ),
        ),
        strict=(must(_is_private, "must be https"),),
    )
    ACCOUNT_LINKS = Links(
        "your pages that account pages and letters link to at their foot:"
        " `terms=https://example.com/terms privacy=https://… imprint=https://…`; any of the three, separated by blanks",
        bounds="terms, privacy, imprint, each with the address of a page; in production https",
    )
