"""Mail transports, chosen by `MAIL_URL`: `smtp://`, `smtps://`, `file:` and `console:`."""

import os
import smtplib
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

_SECONDS = 15.0
_CONVERSATION_SECONDS = 90.0
"""Less than the three minutes for which a letter is held by whoever tries it."""
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PORTS = {"smtp": 587, "smtps": 465}


class NotDelivered(Exception):
    """The letter was not taken. `for_good` means that it never will be; the message names no address and no text."""

    def __init__(self, cause: str, *, for_good: bool = False) -> None:
        super().__init__(cause)
        self.for_good = for_good


class Mailer(Protocol):
    """Delivers letters."""

    def send(self, message: EmailMessage) -> None:
        """Hand a letter over. Raises NotDelivered."""

    def check(self) -> None:
        """Find out whether a letter could be handed over, without one. Raises NotDelivered."""


def from_url(url: str) -> Mailer:
    """Return the transport that a `MAIL_URL` names. Raises ValueError."""
    scheme, _, rest = url.partition(":")
    if scheme == "console":
        return Console()
    if scheme == "file" and rest:
        return Folder(Path(rest.removeprefix("//")))
    parts = urlsplit(url)
    if scheme not in _PORTS or not parts.hostname or parts.path not in ("", "/") or parts.query:
        raise ValueError("not a mail URL")
    user, password = (unquote(part) if part else None for part in (parts.username, parts.password))
    return Smtp(parts.hostname, parts.port or _PORTS[scheme], scheme == "smtps", user, password)


class Console:
    """Prints letters to standard error, links and all: for development."""

    def send(self, message: EmailMessage) -> None:
        """Print the letter's text."""
        body = message.get_body(("plain",))
        text = body.get_content() if body is not None else ""
        print(f"--- to {message['To']}: {message['Subject']}\n{text}---", file=sys.stderr, flush=True)  # noqa: T201

    def check(self) -> None:
        """Find nothing to be wrong."""


@dataclass(frozen=True, slots=True)
class Folder:
    """Writes each letter to a file of its own, `<time>-<id>.eml`, whole or not at all."""

    path: Path

    def send(self, message: EmailMessage) -> None:
        """Write the letter. Raises NotDelivered."""
        name = message["Message-ID"].strip("<>").partition("@")[0]
        draft = self.path / f".{name}.{os.getpid()}"
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.touch(mode=0o600)
            draft.write_bytes(message.as_bytes())
            draft.rename(self.path / f"{name}.eml")
        except OSError as error:
            raise NotDelivered(type(error).__name__) from error

    def check(self) -> None:
        """Find out whether the folder can be written to. Raises NotDelivered."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise NotDelivered(type(error).__name__) from error
        if not os.access(self.path, os.W_OK):
            raise NotDelivered("PermissionError")


@dataclass(frozen=True, slots=True)
class Smtp:
    """Submits letters (RFC 6409), under TLS from the start (`implicit`) or by STARTTLS where it is offered (RFC 3207).

    Certificates are verified. A password is sent under TLS only, but to this machine itself.
    """

    host: str
    port: int
    implicit: bool
    user: str | None
    password: str | None

    def send(self, message: EmailMessage) -> None:
        """Submit the letter. Raises NotDelivered."""
        try:
            with self._conversation() as server:
                server.send_message(message)
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError) as error:
            raise NotDelivered(_told(error), for_good=_is_final(error)) from error
        except (OSError, smtplib.SMTPException) as error:
            raise NotDelivered(_told(error)) from error

    def check(self) -> None:
        """Connect and sign in. Raises NotDelivered."""
        try:
            with self._conversation() as server:
                server.noop()
        except (OSError, smtplib.SMTPException) as error:
            raise NotDelivered(_told(error)) from error

    @contextmanager
    def _conversation(self) -> Iterator[smtplib.SMTP]:
        """Connect and sign in; whatever the server does, the line is cut after `_CONVERSATION_SECONDS`.

        Each step has a time of its own, but a server that sends a byte now and then begins that anew every time.
        """
        context = ssl.create_default_context()
        server = (
            smtplib.SMTP_SSL(timeout=_SECONDS, context=context) if self.implicit else smtplib.SMTP(timeout=_SECONDS)
        )
        vars(server)["_host"] = (
            self.host
        )  # the name that the certificate must have; only a constructor that connects sets it
        cut = threading.Timer(_CONVERSATION_SECONDS, _hang_up, [server])
        cut.daemon = True
        cut.start()
        try:
            server.connect(self.host, self.port)
            with server:
                self._greet(server, context)
                yield server
        finally:
            cut.cancel()
            server.close()

    def _greet(self, server: smtplib.SMTP, context: ssl.SSLContext) -> None:
        server.ehlo()
        private = self.implicit or self.host in _LOOPBACK
        if not self.implicit and server.has_extn("starttls"):
            server.starttls(context=context)
            private = True
        if self.user is None:
            return
        if not private:
            raise NotDelivered("the server offers no TLS to send the password under")
        server.login(self.user, self.password or "")


def _hang_up(server: smtplib.SMTP) -> None:
    """End a connection from another thread: who waits for the server finds that it is gone."""
    if server.sock is not None:
        with suppress(OSError):
            socket.socket.shutdown(server.sock, socket.SHUT_RDWR)


def _is_final(error: Exception) -> bool:
    """Tell whether a server said 5xx of the letter itself: it would again (RFC 5321 section 4.2.1)."""
    return all(code >= 500 for code in _codes(error))


def _codes(error: Exception) -> list[int]:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return [code for code, _ in error.recipients.values()]
    return [error.smtp_code] if isinstance(error, smtplib.SMTPResponseException) else []


def _told(error: Exception) -> str:
    """Name a failure without what the server said, which may quote the letter."""
    return " ".join([type(error).__name__, *map(str, _codes(error))])
