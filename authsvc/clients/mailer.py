"""Mail transports, chosen by `MAIL_URL`: `smtp://`, `smtps://`, `file:` and `console:`."""

import os
import re
import smtplib
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email import message_from_string
from email.headerregistry import AddressHeader
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import unquote, urlsplit

from authsvc.errors.not_delivered import NotDelivered

_SECONDS = 15.0
_CONVERSATION_SECONDS = 90.0
"""Less than the three minutes of a letter's lease."""
_FAREWELL_SECONDS = 5.0
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNEXPECTED_MESSAGE", "PACKET_LENGTH_TOO_LONG")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PORTS = {"smtp": 587, "smtps": 465}
_UNFOLDED = SMTP.clone(max_line_length=998)
"""An address is never folded: RFC 5322 section 2.1.1 allows lines of 998 characters, and no address has as many."""
_UNFOLDED_UTF8 = _UNFOLDED.clone(utf8=True)
"""For recipients that are not ASCII before the @ (RFC 6532)."""

_ENHANCED = re.compile(rb"\s*([245]\.\d{1,3}\.\d{1,3})(?=\s|$)")
_NO_SUCH_RECIPIENT = frozenset({"5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})
"""Enhanced codes (RFC 3463, RFC 7505) for a recipient that does not exist or accepts no mail.

All others concern the sender, its quota or the server (5.1.7, 5.1.8, 5.2.2, 5.3.x, 5.4.5, 5.5.x, 5.7.x): somebody can
fix those, so the letter waits."""
_NO_SUCH_RECIPIENT_PLAINLY = frozenset({550, 551, 553})
"""The same without an enhanced code, in the answer to RCPT (RFC 5321 section 4.2.2)."""


class Mailer(Protocol):
    """Delivers letters."""

    def send(self, message: EmailMessage, to: str) -> None:
        """Send a letter to the address `to`, which its header names too. Raises NotDelivered."""

    def check(self) -> None:
        """Check that a letter could be sent, without sending one. Raises NotDelivered."""


def from_url(url: str, greeting: str = "localhost") -> Mailer:
    """Return the transport that a `MAIL_URL` names; `greeting` is the host that EHLO names. Raises ValueError."""
    scheme, _, rest = url.partition(":")
    if scheme == "console":
        return Console()
    if scheme == "file" and rest:
        return Folder(Path(rest.removeprefix("//")))
    parts = urlsplit(url)
    if scheme not in _PORTS or not parts.hostname or parts.path not in ("", "/") or parts.query:
        raise ValueError("not a mail URL")
    user, password = (unquote(part) if part else None for part in (parts.username, parts.password))
    return Smtp(parts.hostname, parts.port or _PORTS[scheme], scheme == "smtps", user, password, _literal(greeting))


def serialise(message: EmailMessage, to: str) -> tuple[str, bytes]:
    """Return the sender's address and the letter as bytes.

    Raises NotDelivered, for good, if the header does not read back as exactly the one recipient: mail servers may go by
    the header.
    """
    policy = _UNFOLDED if to.isascii() else _UNFOLDED_UTF8
    try:
        content = message.as_bytes(policy=policy)
        read = message_from_string(content.decode(), policy=policy)
        recipients, senders = _addresses(read, "To"), _addresses(read, "From")
    except (ValueError, IndexError, AttributeError) as error:  # raised by the library for a text that is no address
        raise NotDelivered("the recipient can't be written into a letter", for_good=True) from error
    if (
        recipients != [to]
        or not to.isprintable()
        or not to.rpartition("@")[2].isascii()
        or "@" not in to
        or any(name in read for name in ("Cc", "Bcc", "Resent-To"))
    ):
        raise NotDelivered("the recipient is not read as it is stored", for_good=True)
    if len(senders) != 1 or not senders[0].isascii():
        raise NotDelivered("MAIL_FROM is not one address")
    return senders[0], content


class Console:
    """Prints letters to standard error, links included, for development."""

    def send(self, message: EmailMessage, to: str) -> None:
        """Print the letter's text. Raises NotDelivered."""
        serialise(message, to)
        body = message.get_body(("plain",))
        text = body.get_content() if body is not None else ""
        print(f"--- to {message['To']}: {message['Subject']}\n{text}---", file=sys.stderr, flush=True)  # noqa: T201

    def check(self) -> None:
        """Do nothing: standard error is always there."""


@dataclass(frozen=True, slots=True)
class Folder:
    """Writes each letter to a file of its own, `<time>-<id>.eml`, whole or not at all."""

    path: Path

    def send(self, message: EmailMessage, to: str) -> None:
        """Write the letter. Raises NotDelivered."""
        _, content = serialise(message, to)
        name = message["Message-ID"].strip("<>").partition("@")[0]
        draft = self.path / f".{name}.{os.getpid()}"
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.touch(mode=0o600)
            draft.write_bytes(content.replace(b"\r\n", b"\n"))
            draft.rename(self.path / f"{name}.eml")
        except OSError as error:
            raise NotDelivered(type(error).__name__) from error

    def check(self) -> None:
        """Check that the folder is writable. Raises NotDelivered."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise NotDelivered(type(error).__name__) from error
        if not os.access(self.path, os.W_OK):
            raise NotDelivered("PermissionError")


@dataclass(frozen=True, slots=True)
class Smtp:
    """Submits letters (RFC 6409), under TLS from the start (`implicit`) or by STARTTLS if it is offered (RFC 3207).

    Certificates are verified. A password is sent only under TLS, or to this machine itself.
    """

    host: str
    port: int
    implicit: bool
    user: str | None
    password: str | None
    greeting: str = "localhost"

    def send(self, message: EmailMessage, to: str) -> None:
        """Submit the letter. Raises NotDelivered, but never after the server has accepted the letter."""
        sender, content = serialise(message, to)
        with self._conversation() as server:
            server.submit(sender, to, content)

    def check(self) -> None:
        """Connect and sign in. Raises NotDelivered."""
        with self._conversation() as server:
            server.noop()

    @contextmanager
    def _conversation(self) -> Iterator["_Connection"]:
        """Connect and sign in; whatever the server does, the connection is closed after `_CONVERSATION_SECONDS`.

        The end of the conversation does not matter: a server that has accepted a letter may hang up (RFC 5321 section
        4.1.1.10).
        """
        context = ssl.create_default_context()
        server = None
        try:
            server = (_Private if self.implicit else _Plain)(self.host, self.port, self.greeting, context)
            self._sign_in(server, context)
            yield server
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise NotDelivered(_describe(error), for_good=_is_final(error)) from error
        finally:
            if server is not None:
                server.leave()

    def _sign_in(self, server: "_Connection", context: ssl.SSLContext) -> None:
        server.ehlo_or_helo_if_needed()
        private = self.implicit or self.host in _LOOPBACK
        if not self.implicit and server.has_extn("starttls"):
            server.starttls(context=context)
            private = True
        if self.user is None:
            return
        if not private:
            raise NotDelivered("the server offers no TLS to send the password under")
        server.login(self.user, self.password or "")


class RecipientRefused(smtplib.SMTPResponseException):
    """The server does not accept letters for this recipient, or not now."""


class _Connection(smtplib.SMTP):
    """An SMTP connection with a time limit, and with an envelope that smtplib does not rewrite.

    Each step has a timeout, but a server that sends a byte now and then restarts it every time, so the whole
    conversation has one too.
    """

    def _bounded(self, connect: Callable[[], None]) -> None:
        """Connect, and close the connection after `_CONVERSATION_SECONDS`."""
        self._cut = threading.Timer(_CONVERSATION_SECONDS, self._hang_up)
        self._cut.daemon = True
        self._cut.start()
        try:
            connect()
        except BaseException:
            self._cut.cancel()
            raise

    def submit(self, sender: str, to: str, content: bytes) -> None:
        """Submit a letter for exactly this address. Raises smtplib.SMTPException, OSError, and NotDelivered."""
        # Not smtplib's `sendmail`: it parses addresses again (`parseaddr`), and resets the connection after a refusal,
        # which can fail and hide it.
        self.ehlo_or_helo_if_needed()  # required again after STARTTLS
        options = ""
        if not to.isascii():
            if not self.has_extn("smtputf8"):
                raise NotDelivered("the server takes only recipients in ASCII (no SMTPUTF8)")
            self.command_encoding, options = "utf-8", " SMTPUTF8 BODY=8BITMIME"
        code, answer = self.docmd(f"MAIL FROM:<{sender}>{options}")
        if not _is_yes(code):
            raise smtplib.SMTPSenderRefused(code, answer, sender)
        code, answer = self.docmd(f"RCPT TO:<{to}>")
        if not _is_yes(code):
            raise RecipientRefused(code, answer)
        code, answer = self.data(content)
        if not _is_yes(code):
            raise smtplib.SMTPDataError(code, answer)

    def leave(self) -> None:
        """Say goodbye and close the connection, whatever the server answers."""
        with suppress(OSError, smtplib.SMTPException):
            if self.sock is not None:
                self.sock.settimeout(_FAREWELL_SECONDS)
                self.docmd("QUIT")
        self._cut.cancel()
        with suppress(OSError):
            self.close()

    def _hang_up(self) -> None:
        """End the connection from another thread: a thread that waits for the server gets an error."""
        if self.sock is not None:
            with suppress(OSError):
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)


class _Plain(_Connection):
    def __init__(self, host: str, port: int, greeting: str, _context: ssl.SSLContext) -> None:
        self._bounded(lambda: smtplib.SMTP.__init__(self, host, port, greeting, _SECONDS))


class _Private(_Connection, smtplib.SMTP_SSL):
    def __init__(self, host: str, port: int, greeting: str, context: ssl.SSLContext) -> None:
        self._bounded(lambda: smtplib.SMTP_SSL.__init__(self, host, port, greeting, timeout=_SECONDS, context=context))


def _is_yes(code: int) -> bool:
    return 200 <= code < 300


def _addresses(message: EmailMessage, name: str) -> list[str]:
    headers = cast(list[AddressHeader], message.get_all(name, []))
    return [address.addr_spec for header in headers for address in header.addresses]


def _literal(host: str) -> str:
    """Return a host as EHLO names it: an IP address as a literal (RFC 5321 section 4.1.3)."""
    if host.startswith("["):
        return f"[IPv6:{host.strip('[]')}]"
    return f"[{host}]" if re.fullmatch(r"[0-9.]+", host) else host


def _is_final(error: Exception) -> bool:
    """Tell whether the answer means that this recipient will never get a letter."""
    if not isinstance(error, RecipientRefused | smtplib.SMTPDataError) or error.smtp_code < 500:
        return False
    enhanced = _enhanced(error)
    if enhanced is not None:
        return enhanced in _NO_SUCH_RECIPIENT
    return isinstance(error, RecipientRefused) and error.smtp_code in _NO_SUCH_RECIPIENT_PLAINLY


def _enhanced(error: smtplib.SMTPResponseException) -> str | None:
    """Return the enhanced status code of an answer (RFC 2034)."""
    text: Any = error.smtp_error
    match = _ENHANCED.match(text if isinstance(text, bytes) else str(text).encode())
    return match[1].decode() if match is not None else None


def _describe(error: Exception) -> str:
    """Return the codes of a failure, without the server's text, which may quote the letter."""
    if isinstance(error, ssl.SSLError) and error.reason in _NO_TLS:
        return "the server speaks no TLS from the start at this port"
    codes: list[object] = []
    if isinstance(error, smtplib.SMTPResponseException):
        codes = [error.smtp_code, *filter(None, [_enhanced(error)])]
    return " ".join([type(error).__name__, *map(str, codes)])
