"""What settings may look like; standard library only, since gunicorn reads it before it forks."""

import re
from collections import Counter

MIN_SECRET_BYTES = 32
MOST_WORKERS = 256
_MIN_DISTINCT = 12
_ORIGIN = re.compile(r"(https?)://([a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])(?::([1-9]\d{0,4}))?", re.ASCII)
SECURE = re.compile(r"https://|http://(localhost|127\.0\.0\.1|\[::1\])(:|$)", re.ASCII)
ADDRESS = re.compile(r"(?:[0-9.]+|[a-z0-9.-]+|\[[0-9a-f:.]+\]):(\d{1,5})", re.ASCII)
MAIL = {
    "EMAIL_VERIFICATION": (r"off|optional|required", "off, optional or required"),
    "MAIL_URL": (
        r"console:|file:\S+|smtps?://([^\s/@?#]+@)?[^\s/@:?#]+(:[1-9][0-9]{0,4})?/?",
        "smtp://…, smtps://…, file:/… or console:",
    ),
    "MAIL_FROM": (r"([^<>\r\n@]+ )?<[^<>\s@]+@[^<>\s@]+>|[^<>\s@]+@[^<>\s@]+", "an address"),
    "MAIL_LANGUAGE": (r"[a-z]{2,3}(-[A-Za-z]{2,4})?", "a language: en, pt-BR"),
}
"""What a setting must match, and how to say so."""

OWN_ROLES = ("user", "admin")
ROLE = re.compile(r"[a-z][a-z0-9_-]{0,31}", re.ASCII)
ROLES_ADVICE = "must name user, admin and others of yours: small letters, digits, - and _, at most 32"
ACCOUNT_FILES = {"ACCOUNT_LOGO": (".svg", ".png", ".webp", ".jpg"), "ACCOUNT_THEME": (".css",)}
"""What kinds of file the account pages take from an operator."""

LIMITS = {
    "login_address": (10, 60),
    "login_account": (5, 300),
    "login_device": (10, 300),
    "register_address": (20, 60),
    "refresh_address": (600, 60),
    "refresh_session": (30, 60),
    "forgot_account": (5, 60),
    "verify_account": (5, 60),
    "letter_address": (30, 60),
    "link_address": (30, 60),
    "reauthenticate_session": (5, 300),
    "reauthenticate_account": (20, 300),
    "mfa_account": (10, 900),
    "challenge_address": (60, 60),
}
"""How many attempts may be made in how many seconds: failed sign-ins from a network, on an account, on an account from
where its user is known; registrations from a network; refreshes from a network, of a session; letters to an account
with a link to set a password, to verify an address (what is too much is left out in silence); requests for such letters
from a network, links from there that were not valid; wrong passwords of somebody signed in, in one session, in all of
an account; wrong second factors of an account, whatever the factor; challenges for sign-ins by passkey to a network."""

_DEFAULT_PORTS = {"http": "80", "https": "443"}
_WELL_KNOWN = ("changeme", "change-me", "secret", "password", "example", "your-", "dev", "test", "default", "sample")


_WORD = r"(?<![a-z0-9]){}(?![a-z0-9])"
_MIN_RANDOM_BYTES = 48
"""A secret as long as this without its well-known words is random enough; chance writes `-dev-` now and then."""


def host_of(origin: str) -> str:
    """Return the host of an origin, `localhost` where it is none."""
    match = _ORIGIN.fullmatch(origin)
    return match[2] if match is not None else "localhost"


def belongs_to(host: str, domain: str) -> bool:
    """Tell whether a host is a domain, or below it (WebAuthn section 5.1.2: the effective domain)."""
    return host == domain or ("." in domain and host.endswith(f".{domain}"))


def is_origin(text: str) -> bool:
    """Tell whether the text is an origin as browsers write it: lower case, no default port (RFC 6454 section 6.2)."""
    match = _ORIGIN.fullmatch(text)
    return match is not None and match[3] != _DEFAULT_PORTS[match[1]] and int(match[3] or 0) < 65536


def is_port(text: str) -> bool:
    """Tell whether the text is the number of a port."""
    return re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) is not None and 0 < int(text) < 65536


def is_address(text: str) -> bool:
    """Tell whether the text is an address to listen at: 127.0.0.1:9100."""
    match = ADDRESS.fullmatch(text)
    return match is not None and is_port(match[1])


def is_weak(secret: str) -> bool:
    """Tell whether a secret is a well-known one, or has too little variety to be random."""
    known = [word for word in _WELL_KNOWN if re.search(_WORD.format(re.escape(word)), secret.casefold())]
    rest = re.sub("|".join(map(re.escape, known)), "", secret, flags=re.IGNORECASE) if known else secret
    repeated = Counter(secret).most_common(1)
    return (
        len(set(secret)) < _MIN_DISTINCT
        or (bool(repeated) and repeated[0][1] > len(secret) // 2)
        or secret in (secret + secret)[1:-1]
        or (bool(known) and len(rest.encode()) < _MIN_RANDOM_BYTES)
    )


def has_credentials(uri: str) -> bool:
    """Tell whether a database URI signs in, or stays on this machine."""
    place = uri.partition("://")[2].partition("/")[0]
    hosts = place.rpartition("@")[2].split(",")
    local = all(re.fullmatch(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?", host) for host in hosts)
    return re.match(r"[^:@]+:[^@]+@", place) is not None or "authMechanism=MONGODB-X509" in uri or local
