"""A real SMTP server (aiosmtpd), which can be told to misbehave."""

import asyncio
import ssl
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any, Self

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.support.service import free_port

USER, PASSWORD = "authsvc", "a mail password"


class MailServer:
    """Listens on a port of a host between `start` and `stop`, as often as one likes; keeps what it took.

    `behaviour` is `take`, `refuse` (no such mailbox), `busy` (451), `drop` (hang up in the middle of the letter) or
    `hang` (answer nothing for a minute). `envelopes` holds, for each letter taken, the sender and the recipients that
    the envelope named, and `greetings` what EHLO named.
    """

    def __init__(
        self, *, tls: str = "", login: bool = False, folder: Path | None = None, host: str = "127.0.0.1"
    ) -> None:
        """`tls` is empty, `starttls` or `implicit`; `folder` gets the authority's certificate, `authority.pem`."""
        self.port = free_port()
        self._host = host
        self.behaviour = "take"
        self.letters: list[EmailMessage] = []
        self.private: list[bool] = []
        self.envelopes: list[tuple[str | None, list[str]]] = []
        self.greetings: list[str | None] = []
        self._controller: Controller | None = None
        self._login = login
        self._tls = tls
        self._context: ssl.SSLContext | None = None
        if tls and folder is not None:
            authority = trustme.CA()
            authority.cert_pem.write_to_path(str(folder / "authority.pem"))
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert("localhost").configure_cert(self._context)

    @property
    def url(self) -> str:
        """Return the MAIL_URL of it."""
        user = f"{USER}:{PASSWORD.replace(' ', '%20')}@" if self._login else ""
        host = "localhost" if self._tls else self._host
        return f"{'smtps' if self._tls == 'implicit' else 'smtp'}://{user}{host}:{self.port}"

    def start(self) -> Self:
        """Begin to listen."""
        options: dict[str, Any] = {"hostname": self._host, "port": self.port}
        if self._tls == "implicit":
            options["ssl_context"] = self._context
        elif self._tls:
            options.update(tls_context=self._context, require_starttls=True)
        if self._login:
            options.update(auth_required=True, authenticator=_check, auth_require_tls=self._tls == "starttls")
        self._controller = Controller(self, **options)
        self._controller.start()
        return self

    def stop(self) -> None:
        """Stop listening: connections are refused."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def to(self, address: str) -> list[EmailMessage]:
        """Return the letters to an address."""
        return [letter for letter in self.letters if letter["To"] == address]

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a letter, or what `behaviour` says."""
        if self.behaviour == "refuse":
            return "550 5.1.1 no thank you"
        if self.behaviour == "busy":
            return "451 4.3.0 later"
        if self.behaviour == "hang":
            await asyncio.sleep(60)
        if self.behaviour == "drop":
            assert server.transport is not None
            server.transport.abort()
            return "421 gone"
        self.private.append(session.ssl is not None or self._tls == "implicit")
        self.envelopes.append((envelope.mail_from, list(envelope.rcpt_tos)))
        self.greetings.append(session.host_name)
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        self.letters.append(message_from_bytes(content, policy=default))  # type: ignore[arg-type]
        return "250 OK"


def _check(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: LoginPassword) -> AuthResult:
    return AuthResult(success=data.login == USER.encode() and data.password == PASSWORD.encode())
