"""E-mail codes: challenges with two faces, six digits to type where somebody asked and the link beside them.

The digits are few, so they are valid for ten minutes (ASVS 6.5.5) and five tries, and are stored as a fingerprint that
nobody can guess from a copy of the database. Whoever asks for another challenge ends none: that would end the one whose
code is being typed.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from bson import ObjectId
from flask import current_app

from authsvc import clock
from authsvc.errors import EmailCodeInvalid, LinkInvalid, NotFound
from authsvc.models.email_codes import CodePurpose, EmailCode
from authsvc.models.ids import new_id
from authsvc.models.links import LinkPurpose
from authsvc.models.users import User
from authsvc.security import opaque_tokens, return_targets
from authsvc.services import links
from authsvc.services.vaults import vault

PREFIX = "asc_"
LIFE = timedelta(minutes=10)
"""How long a code is valid."""

LIFE_OF_LINK = timedelta(minutes=60)
"""How long the link beside it is: as long as a stranger who asks for many letters can keep the owner from another."""

MOST_TRIES = 5
_DIGITS = 6
_PURPOSE = "email code"


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose challenge it is: an account's if there is one; whoever asks need not know."""

    user: User | None
    email: str

    @property
    def counter(self) -> str:
        """Return by what wrong codes are counted: an account, or a digest of an address that nobody has verified.

        Whoever registers somebody else's address would start anew with each account.
        """
        if self.user is not None and self.user.is_verified:
            return str(self.user.id)
        return hashlib.sha256(self.email.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Issued:
    """A challenge as it is made: its id for whoever asked, the code for the mailbox; `expires_in` in seconds.

    `owner` is whose it is: an account, or one that is to be made.
    """

    challenge_id: str
    code: str
    owner: ObjectId
    expires_in: int = int(LIFE.total_seconds())


def require_on() -> None:
    """Refuse if the service sends no codes. Raises NotFound."""
    if not current_app.config["EMAIL_CODES"]:
        raise NotFound("This service sends no codes.")


def new_link(return_to: str | None = None) -> str:
    """Return the address of a link that signs in, with a new secret; its page leads on to `return_to`."""
    page = f"{current_app.config['LINK_URL']}/email-code{return_targets.as_query(return_to)}"
    return f"{page}#token={opaque_tokens.generate(links.PREFIX)}"


def issue(
    purpose: CodePurpose,
    whose: Whose,
    link: str,
    *,
    name: str | None = None,
    browser: str = "",
    registered: bool = False,
) -> Issued:
    """Make a challenge whose code and link, with this address, are to be mailed.

    `name` is for an account that is to be made, `registered` for one that just was.
    """
    text, code = opaque_tokens.generate(PREFIX), f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}}"
    digest = opaque_tokens.digest(text)
    challenge = _new(purpose, whose, digest, browser)
    challenge.link, challenge.code = links.digest_of(link), vault(_PURPOSE).fingerprint(code, digest)
    challenge.email = whose.email
    challenge.name, challenge.registered = name, registered
    challenge.insert()
    return Issued(text, code, challenge.user)


def issue_decoy(purpose: CodePurpose, whose: Whose, *, browser: str = "") -> Issued:
    """Do the work of making a challenge, whose code and link nobody has."""
    text = opaque_tokens.generate(PREFIX)
    digest = opaque_tokens.digest(text)
    challenge = _new(purpose, whose, digest, browser)
    nothing = secrets.token_hex()
    challenge.link, challenge.code = nothing, vault(_PURPOSE).fingerprint(nothing, digest)
    challenge.email = "-"
    challenge.insert()
    return Issued(text, "0" * _DIGITS, challenge.user)


def issue_if(
    is_asked: bool, purpose: LinkPurpose, whose: Whose, link: str, *, registered: bool = False
) -> Issued | None:
    """Make a challenge for the code beside a link of a letter, if whoever asked for that wants one and codes are on."""
    if not is_asked or not current_app.config["EMAIL_CODES"]:
        return None
    return issue(CodePurpose(purpose), whose, link, registered=registered)


def issue_decoy_if(is_asked: bool, purpose: LinkPurpose, whose: Whose) -> Issued | None:
    """Do the work of making such a challenge."""
    return issue_decoy(CodePurpose(purpose), whose) if is_asked and current_app.config["EMAIL_CODES"] else None


def facts_of(issued: Issued | None) -> dict[str, str]:
    """Return what a letter says of a challenge, if there is one."""
    return {} if issued is None else {"code": issued.code}


def find(challenge_id: str, *purposes: CodePurpose) -> EmailCode:
    """Return the challenge with this id, for one of the purposes, decoys too. Raises EmailCodeInvalid."""
    if not current_app.config["EMAIL_CODES"] or not opaque_tokens.is_well_formed(challenge_id, PREFIX):
        raise EmailCodeInvalid
    challenge = EmailCode.find_by_digest(opaque_tokens.digest(challenge_id), clock.now())
    if challenge is None or challenge.purpose not in purposes:
        raise EmailCodeInvalid
    return challenge


def find_by_link(token: str) -> EmailCode:
    """Return the challenge whose link signs in with this secret, however many wrong codes there were.

    Raises LinkInvalid.
    """
    if not opaque_tokens.is_well_formed(token, links.PREFIX):
        raise LinkInvalid
    challenge = EmailCode.find_by_link(opaque_tokens.digest(token), clock.now())
    if challenge is None or challenge.purpose != CodePurpose.SIGN_IN:
        raise LinkInvalid
    return challenge


def is_of(challenge: EmailCode, browser: str | None) -> bool:
    """Tell whether a challenge was asked for in the browser with this secret."""
    return browser is not None and challenge.browser == opaque_tokens.digest(browser)


def is_right(challenge: EmailCode, code: str) -> bool:
    """Tell whether this is the code of a challenge, as one of its tries, counted before it is compared."""
    has_tries = EmailCode.take_try(challenge.digest, MOST_TRIES)
    return vault(_PURPOSE).matches(challenge.code, code, challenge.digest) and has_tries


def redeem(challenge: EmailCode) -> bool:
    """Use up a challenge; tell whether it was this call that did: of several at once one does."""
    return EmailCode.redeem(challenge.digest)


def give_back_try(challenge: EmailCode) -> None:
    """Count a try at a code less that was right, and may be typed again."""
    EmailCode.give_back_try(challenge.digest)


def let_set_password(challenge: EmailCode) -> None:
    """Let a code that has just verified an address set the password too, for as long as the link beside it does.

    With the address everything ended that was asked for before, this challenge too.
    """
    challenge.purpose, challenge.tries = CodePurpose.RESET, 0
    challenge.code_expires_at = challenge.expires_at = clock.now() + links.LIVES[LinkPurpose.RESET]
    challenge.put()


def cancel(user_id: str, *purposes: CodePurpose) -> None:
    """Delete an account's challenges for these purposes, or all of them."""
    EmailCode.remove_all(user_id, purposes or tuple(CodePurpose))


def _new(purpose: CodePurpose, whose: Whose, digest: str, browser: str) -> EmailCode:
    now = clock.now()
    return EmailCode(
        digest=digest,
        purpose=purpose,
        user=whose.user.id if whose.user is not None else new_id(),
        counter=whose.counter,
        browser=opaque_tokens.digest(browser) if browser else None,
        code_expires_at=now + LIFE,
        expires_at=now + LIFE_OF_LINK,
    )
