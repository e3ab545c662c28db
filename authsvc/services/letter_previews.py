"""Letters with sample data: to look at, and to send to oneself."""

from typing import Literal

from flask import current_app

from authsvc import clock, languages
from authsvc.errors import NotFound
from authsvc.models.letters import LetterKind
from authsvc.models.users import User
from authsvc.services import letter_words, letters, mail, throttles
from authsvc.services.letters import Wording

Scheme = Literal["", "light", "dark"]

_BY_SCHEME = "@media (prefers-color-scheme: dark)"
_FORCED = {"light": "@media not all", "dark": "@media all"}
_SAMPLES = {
    "ip": "203.0.113.7",
    "agent": "“Mozilla/5.0”",
    "browser": "Firefox",
    "system": "Windows",
    "code": "406182",
    "remaining": "7",
    "app": "",
    "provider": "Google",
    "target": "shop.example.com/hear",
    "reason": "failed",
}
_PATHS = {"email_changed": "undo-email", "verify": "verify-email", "change": "verify-email"}
_BY_CODE = ("sign_in", "sign_up")
_BESIDE_LINKS = ("verify", "reset")
"""Letters that may be without a code."""
_TO_AN_UNPROVED_ADDRESS = ("verify", "sign_up", "invitation", "change", "email_changed", "email_taken_back")
"""Letters that call nobody by name, and so does one about an account that is gone."""
_WITHOUT_ACT = ("factors_reset", "email_taken_back")
"""What an administrator does, or a link of ours: nobody's device is named."""


def index() -> dict[str, list[str]]:
    """Return all kinds of letter, and the languages in which there are letters."""
    return {"items": letters.kinds(), "languages": list(languages.known())}


def preview(kind: str, *, language: str = "", scheme: Scheme = "") -> Wording:
    """Return a letter with sample data, in a scheme of colours whatever the system says. Raises NotFound."""
    name = "" if kind in (*_TO_AN_UNPROVED_ADDRESS, "account_deleted") else "Ada Lovelace"
    facts = {**_facts(kind), "to": "ada@example.com", "name": name, "at": f"{clock.now():{letter_words.AT}}"}
    written = letters.word(kind, facts, language=language or current_app.config["MAIL_LANGUAGE"])
    return Wording(written.subject, written.text, framed(written.html, scheme))


def framed(html: str, scheme: Scheme) -> str:
    """Return the HTML of a letter to be shown in a frame: nothing that its links lead to may be framed."""
    forced = html.replace(_BY_SCHEME, _FORCED.get(scheme, _BY_SCHEME))
    return forced.replace("<head>", '<head>\n<base target="_blank">', 1)


def send_sample(user: User, kind: str, *, language: str = "") -> None:
    """Send a user a letter with sample data, to their own address. Raises NotFound, TooManyAttempts."""
    facts = _facts(kind)
    throttles.count(throttles.to_address(user.email))
    mail.post_sample(LetterKind(kind), user.id, to=user.email, language=language, **facts)


def _facts(kind: str) -> dict[str, str]:
    if kind not in letters.kinds():
        raise NotFound(f"There is no letter {kind}.")
    pages = current_app.config["LINK_URL"]
    path = "email-code" if kind in _BY_CODE else _PATHS.get(kind, "reset-password")
    facts = {**_SAMPLES, "link": f"{pages}/{path}#token=asl_sample", "factor": "the passkey Laptop"}
    if kind in _BESIDE_LINKS and not current_app.config["EMAIL_CODES"]:
        del facts["code"]
    if kind in _WITHOUT_ACT:
        del facts["ip"]
    return facts
