"""What all letters say alike, in the language of the letter: device, place and time of an act, help, links."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from gettext import NullTranslations

from markupsafe import Markup, escape

from authsvc.languages import direction
from authsvc.services.letter_blocks import anchor

AT = "%Y-%m-%d %H:%M UTC"
"""How a letter that waits keeps the time."""

_ISOLATE, _POP = "\u2068", "\u2069"
"""What stands between them keeps its own direction (Unicode bidirectional algorithm, FSI and PDI)."""


@dataclass(frozen=True, slots=True)
class Foot:
    """What stands below a letter: why it came, where to get help, and links with their titles."""

    about: str
    help: Markup
    links: list[tuple[str, str]]
    lines: list[str]


def isolated(text: str, language: str) -> str:
    """Return a name or an address so that it doesn't disturb a sentence that is written from right to left."""
    return f"{_ISOLATE}{text}{_POP}" if text and direction(language) == "rtl" else text


def time_in_words(at: str, words: NullTranslations) -> str:
    """Return a time as people read it, with its zone."""
    _ = words.gettext
    try:
        time = datetime.strptime(at, AT)  # noqa: DTZ007 - only to be written again
    except ValueError:
        return at
    months = (
        *(_("January"), _("February"), _("March"), _("April"), _("May"), _("June"), _("July"), _("August")),
        *(_("September"), _("October"), _("November"), _("December")),
    )
    date = {"day": time.day, "month": months[time.month - 1], "year": time.year, "time": f"{time:%H:%M}"}
    return _("%(day)s %(month)s %(year)s, %(time)s UTC") % date


def device_in_words(facts: Mapping[str, str], words: NullTranslations) -> str:
    """Return the name of a device: “Firefox on Windows”; of an unknown one, a little of what it says of itself."""
    _ = words.gettext
    browser, system = facts.get("browser", ""), facts.get("system", "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    agent = facts.get("agent", "")
    return browser or system or (_("Unknown device") if agent in ("", "unknown") else agent)


def factor_in_words(factor: str, words: NullTranslations) -> str:
    """Return what a second factor is called: the app, or a passkey by the name that its owner gave it."""
    _ = words.gettext
    if factor == "an authenticator app":
        return _("an authenticator app")
    head, __, name = factor.partition("the passkey ")
    return _("the passkey %(name)s") % {"name": name} if name and not head else factor


def place_in_words(ip: str, words: NullTranslations) -> str:
    """Return where a request came from: its IP address."""
    _ = words.gettext
    return _("Unknown") if ip in ("", "unknown") else _("IP address %(ip)s") % {"ip": ip}


def details(facts: Mapping[str, str], words: NullTranslations, language: str) -> list[tuple[str, str]]:
    """Return device, place and time of what a letter tells of, as far as they are known, each with its label."""
    _ = words.gettext
    rows = []
    if "ip" in facts:
        device = isolated(device_in_words(facts, words), language)
        rows = [(_("Device"), device), (_("Place"), place_in_words(isolated(facts["ip"], language), words))]
    return [*rows, (_("When"), time_in_words(facts["at"], words))]


def details_in_lines(rows: list[tuple[str, str]], words: NullTranslations) -> str:
    """Return details as a text has them, a line for each."""
    _ = words.gettext
    return "\n".join(_("%(label)s: %(value)s") % {"label": label, "value": value} for label, value in rows)


def greeting(name: str, words: NullTranslations) -> str:
    """Return how a letter addresses somebody; nothing if their name is not known."""
    _ = words.gettext
    return _("Hello %(name)s,") % {"name": name} if name else ""


def foot(
    about: str, *, support: tuple[str, str] | None, links: Mapping[str, str], colour: str, words: NullTranslations
) -> Foot:
    """Return what stands below a letter; `support` is where to get help, and the link that leads there."""
    _ = words.gettext
    titles = {"terms": _("Terms of service"), "privacy": _("Privacy"), "imprint": _("Imprint")}
    titled = [(titles[name], address) for name, address in links.items()]
    in_lines = [details_in_lines(titled, words)] if titled else []
    if support is None:
        return Foot(about, Markup(), titled, [about, *in_lines])
    text, href = support
    to_page, to_address = _("Questions? Get help at %(address)s."), _("Questions? Write to %(address)s.")
    sentence = to_address if href.startswith("mailto:") else to_page
    written = sentence % {"address": href.removeprefix("mailto:")}
    return Foot(
        about, escape(sentence) % {"address": anchor(href, text, colour)}, titled, [f"{written}\n{about}", *in_lines]
    )


def sender(service: str, to: str, words: NullTranslations) -> str:
    """Return the sentence that says who sent a letter to whom."""
    _ = words.gettext
    return _("%(service)s sent this email to %(to)s.") % {"service": service, "to": to}


def button_titles(words: NullTranslations) -> dict[str, str]:
    """Return what buttons say that lead to a page, by its path below `pages`."""
    _ = words.gettext
    return {"/forgot-password": _("Set a new password"), "/": _("Look at your account")}
