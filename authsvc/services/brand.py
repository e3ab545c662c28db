"""The operator's brand: what account pages and letters show of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flask import current_app

from authsvc.services import colours
from authsvc.services.colours import Accent
from authsvc.settings.brand import support_link, support_name

OWN_ACCENT = Accent(light="#2b59d1", on_light="#ffffff", dark="#8fb1ff", on_dark="#0b1530")
"""The colours of the account pages, as their style sheet has them."""

_IN_LETTERS = (".png", ".jpg", ".webp")
"""Mail programs show no SVG."""


@dataclass(frozen=True, slots=True)
class Support:
    """Where people get help: what it is called, and the link that leads there."""

    text: str
    href: str


@dataclass(frozen=True, slots=True)
class Brand:
    """Names, pictures, colours and links. `logo` and the like are paths, empty if there is no such picture."""

    name: str
    shows_name: bool
    logo: str
    logo_dark: str
    icon: str
    letter_logo: str
    letter_logo_dark: str
    accent: Accent
    support: Support | None
    links: Mapping[str, str]


def brand() -> Brand:
    """Return the brand as the settings say."""
    config = current_app.config
    logo, dark = config["ACCOUNT_LOGO"], config["ACCOUNT_LOGO_DARK"]
    light_path, dark_path = "/account/logo" if logo else "", "/account/logo-dark" if logo and dark else ""
    letter_logo = light_path if Path(logo).suffix in _IN_LETTERS else ""
    return Brand(
        name=config["ACCOUNT_NAME"],
        shows_name=config["ACCOUNT_LOGO_NAME"] or not logo,
        logo=light_path,
        logo_dark=dark_path,
        icon="/account/icon" if config["ACCOUNT_ICON"] else "",
        letter_logo=letter_logo,
        letter_logo_dark=dark_path if letter_logo and Path(dark).suffix in _IN_LETTERS else "",
        accent=colours.accent(config["ACCOUNT_ACCENT"]) if config["ACCOUNT_ACCENT"] else OWN_ACCENT,
        support=_support(config["ACCOUNT_SUPPORT"]),
        links=config["ACCOUNT_LINKS"],
    )


def style_sheet() -> str:
    """Return the accent of ACCOUNT_ACCENT as a style sheet of the account pages."""
    accent = brand().accent
    ground, text = f"light-dark({accent.light}, {accent.dark})", f"light-dark({accent.on_light}, {accent.on_dark})"
    return f":root {{ --accent: {ground}; --on-accent: {text}; }}\n"


def _support(text: str) -> Support | None:
    return Support(support_name(text), support_link(text)) if text else None
