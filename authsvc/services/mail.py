"""Mail: letters are put into the outbox in the step that they belong to, and delivered beside the requests."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

from bson import ObjectId
from flask import Flask, current_app

from authsvc import clock, logs, metrics, origin
from authsvc.clients import mailer
from authsvc.clients.mailer import Mailer, NotDelivered
from authsvc.models.letters import NOBODY, Letter
from authsvc.models.unavailable import DATABASE_ERRORS
from authsvc.security import envelope
from authsvc.services import letters
from authsvc.services.letters import Wording

KEPT_FOR = timedelta(days=7)
GIVEN_UP_AFTER = timedelta(hours=48)

_HELD = timedelta(seconds=60)
_LEASE = timedelta(minutes=3)
_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(minutes=10)
_POLL_SECONDS = 2.0
_PURPOSE = "letter"
_LENGTH = 60
_LINK = re.compile(r"\S*(?://|www\.|@)\S*|(?:[\w-]+\.)+[a-z]{2,}\b\S*", re.IGNORECASE)

_log = logs.get(__name__)
_news = threading.Event()


def post(kind: str, owner: ObjectId, *, to: str, **facts: str) -> None:
    """Put a letter to a user into the outbox, due at once."""
    _written(kind, owner, to, facts, due_at=clock.now()).insert()
    _news.set()


def post_in_silence(kind: str, owner: ObjectId, *, to: str, **facts: str) -> None:
    """Put a letter to a user into the outbox, for when that is looked through anyway.

    Whoever asked must not find out by the work that follows whether there is a letter (ASVS 6.3.8).
    """
    _written(kind, owner, to, facts, due_at=clock.now()).insert()


def post_in_vain(kind: str, **facts: str) -> None:
    """Do the work of putting a letter into the outbox, for nobody: it is never delivered and soon removed."""
    letter = _written(kind, ObjectId(), NOBODY, facts, due_at=None)
    letter.expires_at = clock.now()
    letter.insert()


@contextmanager
def announcing(kind: str, owner: ObjectId, *, to: str, **facts: str) -> Iterator[None]:
    """Announce to a user what is done inside: the letter is stored first and goes out once it is done.

    Where the process dies in between, or the database does not say what became of it, it goes out after a minute:
    better told of nothing than not told. Where what is inside is refused, the letter is dropped.
    """
    letter = _written(kind, owner, to, facts, due_at=clock.now() + _HELD)
    letter.insert()
    try:
        yield
    except DATABASE_ERRORS:
        raise
    except Exception:
        Letter.drop(letter.id)
        raise
    Letter.release(letter.id, clock.now())
    _news.set()


def drop_others(owner: ObjectId, kind: str) -> None:
    """Delete the letters to a user that are still to go, but those of this kind."""
    Letter.drop_due(owner, but=kind)


def reseal() -> int:
    """Seal with SECRET_KEY what one of SECRET_KEY_FALLBACKS sealed of the letters still to go; return how many."""
    count, secret = 0, current_app.config["SECRET_KEY"]
    for letter in Letter.due():
        if not envelope.opens(letter.sealed, secret, _PURPOSE, str(letter.id)):
            sealed = envelope.seal(_said(letter), secret, _PURPOSE, str(letter.id))
            count += letter.reseal(sealed)
    return count


def place() -> dict[str, str]:
    """Return what a letter tells of where a request came from; a thief writes the agent, so little of that is told."""
    asked = origin.current()
    agent = harmless(asked.user_agent or "")
    return {"ip": asked.ip or "unknown", "agent": f"“{agent}”" if agent else "unknown"}


def harmless(text: str) -> str:
    """Return the beginning of what a stranger wrote, without what mail programs make a link: it reaches the owner."""
    plain = "".join(char if char.isprintable() and char not in "“”" else " " for char in text)
    return " ".join(_LINK.sub(" ", plain).split())[:_LENGTH].strip()


def latest(most: int) -> list[dict[str, Any]]:
    """Return the newest letters with what they say, for the development outbox."""
    return [{**shown(letter), **_worded(letter)} for letter in Letter.latest(most)]


def shown(letter: Letter) -> dict[str, Any]:
    """Return what may be told of a letter: everything but what it says."""
    return {
        "id": str(letter.id),
        "kind": letter.kind,
        "to": letter.to,
        "created_at": letter.created_at,
        "delivered_at": letter.delivered_at,
        "failed_at": letter.failed_at,
        "attempts": letter.attempts,
        "error": letter.error,
    }


def start_delivery(app: Flask) -> None:
    """Deliver in the background for as long as the process lives."""
    stop: threading.Event = app.extensions["authsvc.stop"]

    def work() -> None:
        transport = mailer.from_url(app.config["MAIL_URL"])
        with app.app_context():
            while not stop.is_set():
                if not _deliver_safely(transport):
                    _news.wait(_POLL_SECONDS)
                    _news.clear()

    threading.Thread(target=work, name="authsvc-mail", daemon=True).start()


def deliver(transport: Mailer) -> bool:
    """Try the letter that has been due the longest; tell whether there was one.

    Whoever tries a letter has it for three minutes; one whose worker died is tried again: at least once, that is.
    """
    letter = Letter.lease(clock.now(), _LEASE)
    if letter is None:
        return False
    try:
        transport.send(_message(letter))
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one letter must not hold up the others
        _put_off(letter, error)
    else:
        now = clock.now()
        letter.settle(due_at=None, delivered_at=now, expires_at=now + KEPT_FOR, error=None)
        metrics.LETTERS.labels("delivered").inc()
        _log.info("letter.delivered", kind=letter.kind, letter=str(letter.id), attempts=letter.attempts)
    return True


def _deliver_safely(transport: Mailer) -> bool:
    try:
        return deliver(transport)
    except Exception as error:  # noqa: BLE001 - it is done in a loop that nobody starts again
        metrics.DATABASE_ERRORS.inc(isinstance(error, DATABASE_ERRORS))
        _log.warning("outbox.not_read", cause=logs.where(error))
        return False


def _put_off(letter: Letter, error: Exception) -> None:
    """Try a letter again later, with longer pauses, for 48 hours; one that was refused for good is dead at once."""
    now = clock.now()
    cause = str(error) if isinstance(error, NotDelivered) else type(error).__name__
    final = isinstance(error, NotDelivered) and error.for_good
    if final or now - letter.created_at >= GIVEN_UP_AFTER:
        letter.settle(due_at=None, failed_at=now, expires_at=now + 4 * KEPT_FOR, error=cause)
        metrics.LETTERS.labels("dead").inc()
        _log.error("letter.dead", kind=letter.kind, letter=str(letter.id), attempts=letter.attempts, cause=cause)
        return
    pause = min(_FIRST_PAUSE * 2 ** min(letter.attempts - 1, 10), _LONGEST_PAUSE)
    letter.settle(due_at=now + pause, error=cause)
    metrics.LETTERS.labels("put_off").inc()
    _log.warning("letter.put_off", kind=letter.kind, letter=str(letter.id), attempts=letter.attempts, cause=cause)


def _written(kind: str, user_id: ObjectId, to: str, facts: dict[str, str], *, due_at: datetime | None) -> Letter:
    letter_id = ObjectId()
    said = json.dumps({**facts, "to": to, "at": f"{clock.now():%Y-%m-%d %H:%M} UTC"}).encode()
    return Letter(
        id=letter_id,
        kind=kind,
        to=to,
        user=user_id,
        sealed=envelope.seal(said, current_app.config["SECRET_KEY"], _PURPOSE, str(letter_id)),
        created_at=clock.now(),
        due_at=due_at,
    )


def _wording(letter: Letter) -> Wording:
    config = current_app.config
    facts = json.loads(_said(letter))
    facts["service"] = urlsplit(config["PUBLIC_URL"]).netloc
    facts["url"] = config["PUBLIC_URL"]
    return letters.word(letter.kind, facts, templates=config["MAIL_TEMPLATES"], language=config["MAIL_LANGUAGE"])


def _said(letter: Letter) -> bytes:
    secrets = [current_app.config["SECRET_KEY"], *current_app.config["SECRET_KEY_FALLBACKS"]]
    return envelope.unseal(letter.sealed, secrets, _PURPOSE, str(letter.id))


def _worded(letter: Letter) -> dict[str, str]:
    said = _wording(letter)
    return {"subject": said.subject, "text": said.text, "html": said.html}


def _message(letter: Letter) -> EmailMessage:
    said = _wording(letter)
    message = EmailMessage()
    message["From"] = current_app.config["MAIL_FROM"]
    message["To"] = letter.to
    message["Subject"] = said.subject
    message["Date"] = format_datetime(letter.created_at)
    domain = current_app.config["MAIL_FROM"].rpartition("@")[2].rstrip(">")
    message["Message-ID"] = f"<{letter.id}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday notice answers
    message.set_content(said.text, cte="quoted-printable")
    message.add_alternative(said.html, subtype="html", cte="quoted-printable")
    return message
