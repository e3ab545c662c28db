"""How many attempts may be made in how many seconds, unless LIMITS says otherwise.

Who shares a counter with whom is decided in `services.guesses`.
"""

# The standard library only, as in `formats`.

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

Pair = tuple[int, int]
"""Attempts, and seconds."""

_PAIR = re.compile(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,5})", re.ASCII)


class Limit(StrEnum):
    """Every limit, by the name that LIMITS calls it."""

    LOGIN_ADDRESS = "login_address"
    LOGIN_ACCOUNT = "login_account"
    LOGIN_DEVICE = "login_device"
    LOGIN_ROW = "login_row"
    PASSWORD_RIGHT = "password_right"  # noqa: S105 - a limit
    REGISTER_ADDRESS = "register_address"
    REFRESH_ADDRESS = "refresh_address"
    REFRESH_SESSION = "refresh_session"
    FORGOT_ACCOUNT = "forgot_account"
    VERIFY_ACCOUNT = "verify_account"
    LOGIN_CODES = "login_codes"
    EMAIL_CODE_ADDRESS = "email_code_address"
    EMAIL_CODE_ACCOUNT = "email_code_account"
    EMAIL_CODE_ROW = "email_code_row"
    LETTER_ADDRESS = "letter_address"
    LINK_LETTERS = "link_letters"
    ASKED_LETTERS = "asked_letters"
    NOTICE_LETTERS = "notice_letters"
    CHANGE_ACCOUNT = "change_account"
    CHANGE_TOTAL = "change_total"
    LINK_ADDRESS = "link_address"
    REAUTHENTICATE_SESSION = "reauthenticate_session"
    REAUTHENTICATE_ACCOUNT = "reauthenticate_account"
    MFA_ACCOUNT = "mfa_account"
    MFA_ROW = "mfa_row"
    CHALLENGE_ADDRESS = "challenge_address"
    ALARM_ACCOUNT = "alarm_account"
    AUTHORIZE_ADDRESS = "authorize_address"
    APP_GUESSES = "app_guesses"
    DEVICE_CODES = "device_codes"
    USER_CODE_ACCOUNT = "user_code_account"
    USER_CODE_ADDRESS = "user_code_address"
    FEDERATION_ADDRESS = "federation_address"
    DOCUMENT_ADDRESS = "document_address"
    DOCUMENT_HOST = "document_host"
    DOCUMENT_ACCOUNT = "document_account"


@dataclass(frozen=True, slots=True)
class Default:
    """A limit as it is if nobody sets it: `most` attempts in `seconds`, and what counts as one."""

    most: int
    seconds: int
    about: str


TABLE: Mapping[str, Default] = {
    Limit.LOGIN_ADDRESS: Default(10, 60, "failed sign-ins from a network (an IPv4 address, or an IPv6 /64)"),
    Limit.LOGIN_ACCOUNT: Default(5, 300, "failed sign-ins to an account from places where its user is not known"),
    Limit.LOGIN_DEVICE: Default(10, 300, "failed sign-ins from a browser or network where the user signed in before"),
    Limit.LOGIN_ROW: Default(
        100,
        345_600,
        "consecutive wrong passwords, by strangers, in a known place, or in a session: each is remembered for so many"
        " seconds more, and a success forgets them all",
    ),
    Limit.PASSWORD_RIGHT: Default(60, 60, "right passwords of an account, or in a session, since they are hashed too"),
    Limit.REGISTER_ADDRESS: Default(20, 60, "registrations from a network"),
    Limit.REFRESH_ADDRESS: Default(600, 60, "refreshes from a network, except those from a known browser"),
    Limit.REFRESH_SESSION: Default(30, 60, "refreshes of a session"),
    Limit.FORGOT_ACCOUNT: Default(
        5,
        60,
        "letters to reset an account's password, asked for by strangers or, once the address is verified, from all"
        " known places; further ones are dropped silently",
    ),
    Limit.VERIFY_ACCOUNT: Default(5, 60, "letters to verify or change an account's address, likewise"),
    Limit.LOGIN_CODES: Default(5, 60, "letters with a code to sign in to an account, likewise"),
    Limit.EMAIL_CODE_ADDRESS: Default(
        30, 900, "wrong codes of such letters that are typed in a network, except in a browser that is known"
    ),
    Limit.EMAIL_CODE_ACCOUNT: Default(
        10, 900, "wrong codes for an account or an unknown address: of strangers, or in a place where its user is known"
    ),
    Limit.EMAIL_CODE_ROW: Default(100, 345_600, "consecutive wrong codes, as for `login_row`"),
    Limit.LETTER_ADDRESS: Default(30, 60, "requests for such letters from a network, or from a known browser"),
    Limit.LINK_LETTERS: Default(
        10,
        3600,
        "letters to one address of each kind that can be asked for: to verify it, to reset a password, to change to it,"
        " to be invited. For a reset, strangers and all known places of a verified account are counted apart. An"
        " administrator's are answered with 429; others are dropped silently",
    ),
    Limit.ASKED_LETTERS: Default(
        20,
        3600,
        "all letters to one address that anybody can ask for, of whatever kind; those that an administrator asks for"
        " are not counted",
    ),
    Limit.NOTICE_LETTERS: Default(
        20, 3600, "notices to one address about its account; alarms and lesser notices are counted apart"
    ),
    Limit.CHANGE_ACCOUNT: Default(
        100,
        3600,
        "changes that write or mail something (name, address, access tokens, exports), in one session or by all access"
        " tokens; and steps that protect an account (password, factors, re-authentication by passkey) in one session",
    ),
    Limit.CHANGE_TOTAL: Default(500, 3600, "changes to an account in all; steps that protect it are not counted"),
    Limit.LINK_ADDRESS: Default(30, 60, "invalid links opened from a network; a valid link always works"),
    Limit.REAUTHENTICATE_SESSION: Default(
        5, 300, "wrong passwords or codes from letters of a signed-in user, in a session"
    ),
    Limit.REAUTHENTICATE_ACCOUNT: Default(
        20, 300, "wrong passwords in all sessions of an account, from a known place or from all others"
    ),
    Limit.MFA_ACCOUNT: Default(
        10,
        900,
        "wrong second factors of any kind: of strangers to an account, in a place or a session where one was given"
        " before, in all other sessions, or of somebody who verified the address by a letter",
    ),
    Limit.MFA_ROW: Default(100, 345_600, "consecutive wrong second factors, as for `login_row`"),
    Limit.CHALLENGE_ADDRESS: Default(
        60, 60, "challenges to sign in with a passkey: to a known browser, then to its network"
    ),
    Limit.ALARM_ACCOUNT: Default(1, 86_400, "letters that somebody knows the password; also with `RATE_LIMITS=off`"),
    Limit.AUTHORIZE_ADDRESS: Default(300, 60, "requests to sign in to an app, from a network"),
    Limit.APP_GUESSES: Default(
        20, 60, "wrong credentials of an app from a network; right ones always work, since nobody can guess them"
    ),
    Limit.DEVICE_CODES: Default(30, 60, "codes for devices that an app asks for, from a network"),
    Limit.USER_CODE_ACCOUNT: Default(10, 900, "wrong codes of devices that somebody types who is signed in"),
    Limit.USER_CODE_ADDRESS: Default(30, 900, "wrong codes of devices that are typed in a network, by whomever"),
    Limit.FEDERATION_ADDRESS: Default(
        60, 60, "sign-ins with another provider that begin: in a known browser, then in its network"
    ),
    Limit.DOCUMENT_ADDRESS: Default(20, 60, "metadata documents of apps that are fetched for a network"),
    Limit.DOCUMENT_HOST: Default(
        60, 60, "metadata documents that are fetched from a host, of apps that were not known before"
    ),
    Limit.DOCUMENT_ACCOUNT: Default(30, 86_400, "apps with metadata documents that somebody allows for the first time"),
}

ROWS = (Limit.LOGIN_ROW, Limit.MFA_ROW, Limit.EMAIL_CODE_ROW)
"""Limits without a window: each failure is remembered for so many seconds more, until a success forgets them."""


def pair(text: str) -> Pair | None:
    """Return what `attempts/seconds` says; None if it is not of that form."""
    match = _PAIR.fullmatch(text)
    return None if match is None else (int(match[1]), int(match[2]))


def alias(name: str) -> str:
    """Return the variable that set a limit by itself before LIMITS did."""
    return f"LIMIT_{name.upper()}"


LIMITS: dict[str, Pair] = {name: (limit.most, limit.seconds) for name, limit in TABLE.items()}
