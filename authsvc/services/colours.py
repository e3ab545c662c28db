"""Colours that can be read: contrast as WCAG 2.2 defines it, and the nearest colour that has enough."""

from dataclasses import dataclass

ENOUGH = 4.5
"""The contrast that text needs (WCAG 2.2, success criterion 1.4.3)."""

WHITE, BLACK = "#ffffff", "#0b1220"
_LIGHT_GROUNDS = ("#ffffff", "#f4f5f8", "#e4eaf9")
_DARK_GROUNDS = ("#181c23", "#101318", "#272d38")
"""What stands behind links: cards, pages, and what is marked on either."""
_STEPS = 100

Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Accent:
    """A colour for links and buttons, and the one for text on it: on light ground, and on dark ground."""

    light: str
    on_light: str
    dark: str
    on_dark: str


def accent(colour: str) -> Accent:
    """Return a colour as it can be read on light and on dark ground: itself, or the nearest darker or lighter one."""
    light = _readable(colour, _LIGHT_GROUNDS, towards=BLACK)
    dark = _readable(colour, _DARK_GROUNDS, towards=WHITE)
    return Accent(light, _text_on(light), dark, _text_on(dark))


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, from 1 to 21 (WCAG 2.2, "contrast ratio")."""
    darker, lighter = sorted((_luminance(_rgb(one)), _luminance(_rgb(other))))
    return (lighter + 0.05) / (darker + 0.05)


def _readable(colour: str, grounds: tuple[str, ...], *, towards: str) -> str:
    mixed = (_mixed(colour, towards, step / _STEPS) for step in range(_STEPS + 1))
    return next(one for one in mixed if all(contrast(one, ground) >= ENOUGH for ground in grounds))


def _text_on(colour: str) -> str:
    return WHITE if contrast(WHITE, colour) >= ENOUGH else BLACK


def _mixed(colour: str, other: str, share: float) -> str:
    parts = zip(_rgb(colour), _rgb(other), strict=True)
    return "#" + "".join(f"{round(one + (two - one) * share):02x}" for one, two in parts)


def _rgb(colour: str) -> Rgb:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(rgb: Rgb) -> float:
    shares = [part / 255 for part in rgb]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
