"""E-mail addresses: the one function that says which spellings are the same account."""

from email_validator import EmailNotValidError, validate_email

MAX_LENGTH = 254
"""Characters an address may have in all (RFC 5321 4.5.3.1.3, less the angle brackets)."""


class NotAnAddress(ValueError):
    """The text has no canonical form; `code` is `not_ascii`, `too_long` or `bad_format`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def canonical(text: str) -> str:
    """Return the address in lower case, with its domain as an A-label (IDNA), at most 254 ASCII characters.

    Only ASCII local parts have a canonical form, so no two letters can be mistaken for one (ASVS 1.1.1).
    Raises NotAnAddress.
    """
    if len(text) > MAX_LENGTH:
        raise NotAnAddress("too_long")
    local = text.rpartition("@")[0]
    if not local.isascii():
        raise NotAnAddress("not_ascii")
    try:
        parsed = validate_email(text, check_deliverability=False, allow_smtputf8=False, strict=True)
    except EmailNotValidError as error:
        raise NotAnAddress("bad_format") from error
    if parsed.ascii_email is None or len(parsed.ascii_email) > MAX_LENGTH:
        raise NotAnAddress("too_long")
    return parsed.ascii_email.lower()
