"""Mail: letters are put into the outbox in the step that they belong to, and delivered beside the requests."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from bson import ObjectId
from flask import Flask, current_app
from jinja2 import TemplateError

from authsvc import clock, metrics, origin, settings
from authsvc.clients import mailer
from authsvc.clients.mailer import Mailer
from authsvc.errors import NotFound
from authsvc.errors.not_delivered import NotDelivered
from authsvc.events import happened, happening
from authsvc.events.catalogue import LetterDropped, LetterRetried
from authsvc.models.deliveries import NOBODY, DeliveryState
from authsvc.models.driver_errors import UNKNOWN_OUTCOMES
from authsvc.models.evidence import Evidence
from authsvc.models.ids import new_id
from authsvc.models.letters import Letter, LetterKind
from authsvc.models.users import User
from authsvc.outbox import Outbox
from authsvc.security import names, stored_addresses, user_agents
from authsvc.security.quoting import sanitize
from authsvc.services import letter_limits, letter_words, letters, throttles
from authsvc.services.letters import Wording
from authsvc.services.paging import Page
from authsvc.services.vaults import vault

_HANDS = 4
"""How many letters a process tries at a time: a mail server that takes its time over one does not hold up all."""
_PURPOSE = "letter"

_outbox = Outbox(Letter, "letter", lambda outcome: metrics.LETTERS.labels(outcome).inc())


def post(kind: LetterKind, owner: ObjectId, *, to: str, **facts: str) -> None:
    """Put a letter to a user into the outbox, due at once; a notice only if there is room for one more."""
    going, _ = letter_limits.admits(kind, owner, to)
    if going:
        _outbox.put(_new_letter(kind, owner, to, facts, due_at=clock.now()))


def post_counted(kind: LetterKind, owner: ObjectId, *, to: str, **facts: str) -> None:
    """Put a letter to a user into the outbox, due at once; whoever asks has counted it among those to its address."""
    _outbox.put(_new_letter(kind, owner, to, facts, due_at=clock.now()))


def post_sample(kind: LetterKind, owner: ObjectId, *, to: str, language: str, **facts: str) -> None:
    """Put a letter to a user into the outbox that says of itself that it is a sample."""
    _outbox.put(_new_letter(kind, owner, to, {**facts, "sample": language or "-"}, due_at=clock.now()))


def post_without_waking(kind: LetterKind, owner: ObjectId, *, to: str, **facts: str) -> None:
    """Put a letter to a user into the outbox, for when that is looked through anyway; a decoy if there is no room.

    Nobody who asked learns from the work that follows whether there is a letter (ASVS 6.3.8).
    """
    if throttles.has_room(throttles.to_address(to, to_sign_in=kind in letter_limits.TO_SIGN_IN)):
        _outbox.put(_new_letter(kind, owner, to, facts, due_at=clock.now()), wake=False)
    else:
        post_decoy(kind, to=None, **facts)


def post_decoy(kind: LetterKind, *, to: str | None, **facts: str) -> None:
    """Do the work of posting a letter that is never sent; `to` is who would get it, None if there was no room."""
    if to is not None:
        throttles.has_room(throttles.to_address(to, decoy=True, to_sign_in=kind in letter_limits.TO_SIGN_IN))
    letter = _new_letter(kind, new_id(), NOBODY, facts, due_at=None)
    letter.expires_at = clock.now()
    _outbox.put(letter, wake=False)


@contextmanager
def notify_on_success(
    kind: LetterKind,
    owner: ObjectId,
    *,
    to: str,
    evidence: Callable[[], Evidence | None],
    verified: bool = False,
    **facts: str,
) -> Iterator[None]:
    """Notify a user of what is done inside: the letter is stored first and goes out once it is done.

    If the process dies in between, or the outcome is unknown, it goes out after a minute, unless `evidence` shows that
    nothing was done. If what is inside is refused, the letter is dropped. It is done even if there is no room for a
    letter. `verified` says that the user has just followed a link that was mailed to this address, and so owns it.
    Raises DatabaseUnavailable, before anything is done, if the letter can't be stored.
    """
    going, counted = letter_limits.admits(kind, owner, to, verified=verified)
    if not going:
        yield
        return
    letter = _new_letter(kind, owner, to, facts, due_at=None)
    try:
        with _outbox.put_on_success(letter, evidence):
            yield
    except UNKNOWN_OUTCOMES:
        raise
    except Exception:
        if counted is not None:
            throttles.give_back(counted)
        raise


def drop_others(owner: ObjectId, kind: LetterKind) -> None:
    """Delete the letters to a user that are still to go, but those of this kind."""
    Letter.drop_due(owner, but=kind)


def reseal() -> int:
    """Seal with SECRET_KEY what one of SECRET_KEY_FALLBACKS sealed of the letters still to go; return how many."""
    letters_vault, count = vault(_PURPOSE), 0
    for letter in Letter.due():
        if letters_vault.is_outdated(letter.sealed, str(letter.id)):
            count += letter.reseal(letters_vault.reseal(letter.sealed, str(letter.id)))
    return count


def unreadable() -> list[Letter]:
    """Return the letters still to go that neither SECRET_KEY nor one of SECRET_KEY_FALLBACKS opens."""
    letters_vault = vault(_PURPOSE)
    return [letter for letter in Letter.due() if not letters_vault.opens(letter.sealed, str(letter.id))]


def give_up_unreadable() -> None:
    """Give up the letters that can't be opened."""
    for letter in unreadable():
        _outbox.abandon(letter, "SECRET_KEY was lost")


def request_facts() -> dict[str, str]:
    """Return what a letter tells of where a request came from; a thief writes the agent, so little of that is told."""
    asked = origin.current()
    agent = sanitize(asked.user_agent or "")
    browser, system = user_agents.recognise(asked.user_agent or "")
    known = {"browser": browser, "system": system} if browser or system else {}
    return {"ip": asked.ip or "unknown", "agent": f"“{agent}”" if agent else "unknown", **known}


def latest(most: int, *, to: str = "") -> list[dict[str, Any]]:
    """Return the newest letters with what they say, or those to addresses that contain `to`: for development."""
    return [{**summary_of(letter), **_text_of(letter)} for letter in Letter.latest(most, to=to)]


def html_of(letter_id: str) -> str:
    """Return what a letter looks like: for development. Raises NotFound."""
    letter = Letter.find(letter_id)
    if letter is None or letter.to == NOBODY:
        raise NotFound(f"There is no letter {letter_id}.")
    return _wording(letter).html


def summary_of(letter: Letter) -> dict[str, Any]:
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


def undelivered(most: int) -> list[Letter]:
    """Return the letters that wait or were given up, the oldest first."""
    return Letter.undelivered(most)


def list_letters(state: DeliveryState, limit: int, cursor: str | None) -> Page:
    """Return a page of the letters in a state, newest first, without what they say."""
    return Page.of(Letter.in_state(state, limit + 1, before=cursor), limit, lambda letter: letter)


def retry(letter_id: str, *, by: str | None = None) -> Letter:
    """Let a letter be tried at once, and for another 48 hours; `by` is None for a command. Raises NotFound."""
    letter = _find_undelivered(letter_id)
    if not letter.retry(clock.now()):
        raise NotFound(f"The letter {letter_id} has already been delivered.")
    happened(LetterRetried(actor=by, target=letter.user, letter=str(letter.id), kind=letter.kind))
    return letter


def retry_all() -> int:
    """Let every letter that waits or was given up be tried at once; return how many there are."""
    with happening(LetterRetried(letters="all")):
        return Letter.retry_all(clock.now())


def drop(letter_id: str, *, by: str | None = None) -> Letter:
    """Delete a letter that was not delivered; `by` is None for a command. Raises NotFound."""
    letter = _find_undelivered(letter_id)
    with happening(LetterDropped(actor=by, target=letter.user, letter=str(letter.id), kind=letter.kind)):
        Letter.drop(letter.id)
    return letter


def _find_undelivered(letter_id: str) -> Letter:
    letter = Letter.find(letter_id)
    if letter is None or letter.delivered_at is not None:
        raise NotFound(f"There is no undelivered letter {letter_id}.")
    return letter


def transport() -> Mailer:
    """Return what delivers letters: MAIL_URL, with EHLO by the name that the service has."""
    return mailer.from_url(current_app.config["MAIL_URL"], settings.host_of(current_app.config["PUBLIC_URL"]))


def unwritable() -> list[tuple[str, str]]:
    """Return the kinds of letter whose template is broken, and how."""
    broken = []
    facts = dict.fromkeys(letters.FACTS, "x")
    for kind in letters.kinds():
        try:
            letters.word(kind, facts, language=current_app.config["MAIL_LANGUAGE"])
        except (TemplateError, ValueError, TypeError, OSError) as error:
            broken.append((kind, type(error).__name__))
    return broken


def start_delivery(app: Flask, stop: threading.Event) -> None:
    """Deliver in the background until `stop` is set, several letters at a time."""

    def work() -> None:
        with app.app_context():
            carrier = transport()
            _outbox.work(lambda letter: carrier.send(_message(letter), letter.to), stop)

    for number in range(_HANDS):
        threading.Thread(target=work, name=f"authsvc-mail-{number}", daemon=True).start()


def deliver(carrier: Mailer) -> bool:
    """Try a letter that is due; tell whether there was one."""
    return _outbox.try_next(lambda letter: carrier.send(_message(letter), letter.to))


def _new_letter(
    kind: LetterKind, user_id: ObjectId, to: str, facts: dict[str, str], *, due_at: datetime | None
) -> Letter:
    letter_id = new_id()
    reader = origin.current().language or ""
    contents = json.dumps({"language": reader, **facts, "to": to, "at": f"{clock.now():{letter_words.AT}}"}).encode()
    return Letter(
        id=letter_id,
        kind=kind,
        to=stored_addresses.mailbox(to),
        user=user_id,
        sealed=vault(_PURPOSE).seal(contents, str(letter_id)),
        created_at=clock.now(),
        due_at=due_at,
    )


def _wording(letter: Letter) -> Wording:
    facts = json.loads(vault(_PURPOSE).open(letter.sealed, str(letter.id)))
    owner, sample = User.find(str(letter.user)), facts.pop("sample", "")
    reader = facts.pop("language", "")  # of whoever asked for the letter, to an address that has no account yet
    language = sample.strip("-") or _language_for(owner, reader)
    written = letters.word(letter.kind, {**facts, "name": _name_of(owner, letter.to)}, language=language)
    return letters.as_sample(written, language) if sample else written


def _name_of(owner: User | None, to: str) -> str:
    """Return by which name to address whoever reads a letter.

    That is nobody's but the owner's of the address: whoever registers an account with an address of somebody else
    would otherwise write to them, in our name.
    """
    if owner is None or not owner.is_verified or stored_addresses.mailbox(owner.email or "").lower() != to.lower():
        return ""
    return sanitize(str(owner.name or ""), length=names.MAX_LENGTH)


def _language_for(owner: User | None, reader: str) -> str:
    """Return the owner's language; nobody else decides in which an owner is written to.

    An operator's own templates say more than ours: where there are some, it must be a language of theirs.
    """
    spoken, usual = owner.language if owner is not None else reader, str(current_app.config["MAIL_LANGUAGE"])
    own = current_app.config["MAIL_TEMPLATES"]
    return spoken if spoken and (not own or (Path(own) / spoken).is_dir()) else usual


def _text_of(letter: Letter) -> dict[str, str]:
    wording = _wording(letter)
    return {"subject": wording.subject, "text": wording.text, "html": wording.html}


def _message(letter: Letter) -> EmailMessage:
    wording = _wording(letter)
    message = EmailMessage()
    message["From"] = current_app.config["MAIL_FROM"]
    try:
        message["To"] = letter.to
    except ValueError as error:  # another program stored a line break
        raise NotDelivered("the recipient can't be written into a letter", for_good=True) from error
    message["Subject"] = wording.subject
    message["Date"] = format_datetime(letter.created_at)
    message["Message-ID"] = f"<{letter.id}@{settings.sender_domain(current_app.config['MAIL_FROM'])}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday notice answers
    message.set_content(wording.text, cte="quoted-printable")
    message.add_alternative(wording.html, subtype="html", cte="quoted-printable")
    return message
