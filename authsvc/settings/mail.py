"""What MAIL_URL and MAIL_FROM may say."""

# The standard library only, as in `formats`.

import re
from email import message_from_bytes
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from urllib.parse import SplitResult, unquote, urlsplit

from authsvc.settings.formats import host_of, is_port

_MOST_LOCAL = 64
_MOST_ADDRESS = 254
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_MAIL_DOMAIN = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
"""What an address may be made of (RFC 5321 sections 4.1.2 and 4.5.3.1), without quotes and literals."""


def mail_url_fault(url: str) -> str | None:
    """Return why a MAIL_URL can't work, without quoting it; None if it can."""
    scheme, _, rest = url.partition(":")
    if url == "console:":
        return None
    if scheme == "file":
        valid = bool(rest) and not re.search(r"\s", rest) and re.match(r"//[^/]", rest) is None
        return None if valid else "must name a folder without blanks: file:/var/mail/out"
    shape = re.fullmatch(r"smtps?://(?:[^\s/@?#]+@)?(?:[^\s/@:?#\[\]]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?/?", url)
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets that hold no address
        shape = None
    if shape is None:
        return (
            "must be smtp://…, smtps://…, file:/… or console:"
            " (in user and password write @ as %40, : as %3A, / as %2F, ? as %3F, # as %23, % as %25, [ as %5B)"
        )
    if shape[1] is not None and (shape[1].startswith("0") or not is_port(shape[1])):
        return "must have a port from 1 to 65535"
    if not url.isascii():
        return "must be ASCII: write the host as xn--…, other letters of user and password as %… (their UTF-8 bytes)"
    return _mail_credentials_fault(parts)


def _mail_credentials_fault(parts: SplitResult) -> str | None:
    if parts.username is None:
        return None
    if parts.password is None:
        return "has a user and no password: smtp://user:password@host"
    if any(re.search(r"%(?![0-9A-Fa-f]{2})", part) for part in (parts.username, parts.password)):
        return "has a % in user or password that begins no escape: write it as %25"
    user, password = unquote(parts.username), unquote(parts.password)
    if not (user + password).isascii() or not (user + password).isprintable() or not user:
        return "needs a user, and only printable ASCII in user and password: others can't be sent to a mail server"
    return None


SENDER_ADVICE = "must be one address, in ASCII (write the domain as xn--…): Example <auth@example.com>"


def default_sender(public_url: str) -> str:
    """Return the sender of letters if MAIL_FROM is not set."""
    host = host_of(public_url)
    return f"authsvc@{'localhost' if host.startswith('[') else host}"


def sender(text: str) -> str | None:
    """Return MAIL_FROM as a header has it, its name quoted if that is needed; None if it is not one usable address.

    A name with an `@` has to be in quotes already: without them it may be a list of addresses.
    """
    match = re.fullmatch(r'(?:("(?:[^"\\]|\\.)*"|[^"<>@]*?)\s*<([^<>\s]+)>|([^<>\s]+))', text.strip(" "))
    if match is None or not text.isprintable():
        return None
    name, address = match[1] or "", match[2] or match[3]
    local, _, domain = address.rpartition("@")
    if not address.isascii() or len(local) > _MOST_LOCAL or len(address) > _MOST_ADDRESS or "=?" in local:
        return None
    if re.fullmatch(_MAIL_DOMAIN, domain) is None or re.fullmatch(_ATOMS, local) is None:
        return None
    if name.startswith('"'):
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    try:
        written = str(Address(display_name=name, addr_spec=address))
        return written if _read_back(written) == [address] else None
    except (ValueError, IndexError, AttributeError, MessageError):
        return None


def tidied_sender(text: str) -> str:
    """Return MAIL_FROM as a header has it, or as it was given if it is not usable."""
    return sender(text) or text


def _read_back(header: str) -> list[str]:
    """Return the addresses that a reader finds in this header of a letter."""
    message = EmailMessage()
    message["From"] = header
    read = message_from_bytes(message.as_bytes(policy=SMTP), policy=SMTP)
    return [address.addr_spec for address in read["From"].addresses]


def sender_domain(text: str) -> str:
    """Return the domain of a MAIL_FROM, for the ids of letters."""
    return text.rpartition("@")[2].rstrip(">")
