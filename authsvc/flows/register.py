"""Register: create an account, and sign in if the address need not be verified first."""

from dataclasses import dataclass
from functools import partial

from flask import current_app

from authsvc import clock, origin
from authsvc.errors import EmailTaken, HookFailed
from authsvc.errors.overtaken import Overtaken
from authsvc.events import happened, happening
from authsvc.events.catalogue import AccountRegistered, RegistrationRepeated
from authsvc.flows import sign_in, verify_email
from authsvc.methods.password import AMR
from authsvc.models.ids import new_id
from authsvc.models.letters import LetterKind
from authsvc.models.links import LinkPurpose
from authsvc.models.users import User
from authsvc.services import email_codes, links, mail, passwords, sessions, sign_ups, throttles
from authsvc.services.email_codes import Issued, Whose
from authsvc.services.sign_ups import How, Permit
from authsvc.services.throttles import Bucket
from authsvc.services.tokens import TokenPair
from authsvc.services.users import profile
from authsvc.settings import Limit


@dataclass(frozen=True, slots=True)
class Registration:
    """What came of a registration: a session, unless the address must be verified first; a challenge, if one was asked
    for and a letter can have its code.
    """

    pair: TokenPair | None
    challenge: Issued | None


def sign_up(
    name: str, email: str, password: str, *, challenge: bool = False, return_to: str | None = None
) -> Registration:
    """Create an account and sign in, unless the address must be verified first.

    A known address then gets the same answer for the same work, and its owner gets a letter. With `challenge` the
    letter that verifies the address has a code; the page of its link leads on to `return_to`. Raises ValidationFailed,
    TooManyAttempts, EmailTaken, HashingBusy, HookRefused, HookFailed.
    """
    passwords.check(password, email, name)
    user = User(id=new_id(), name=name, email=email, locale=origin.current().language)
    is_let_in = current_app.config["EMAIL_VERIFICATION"] != "required"
    with throttles.counting_unless(HookFailed, throttles.by_network(Limit.REGISTER_ADDRESS)):
        permit = sign_ups.permit(user, How.REGISTER)
        opening = sign_in.prepare(user, AMR) if is_let_in else None
    _set_password(user, password)
    if opening is None:
        return Registration(None, _register_unverified(user, permit, challenge=challenge, return_to=return_to))
    add = partial(profile.add, permit=permit)
    sessions.open_first(opening.session, user, AccountRegistered.by_owner(user), add)
    issued = verify_email.send_first_link(user, challenge=challenge, return_to=return_to)
    return Registration(sign_in.enter(opening, user), issued)


def _set_password(user: User, password: str) -> None:
    """Set the password of an account that is not stored yet. Raises HashingBusy."""
    user.password, user.password_changed_at = passwords.hashed_in_turn(password), clock.now()


def _create_if_free(user: User, permit: Permit) -> User | None:
    """Insert an account, or record that there was one; return None then.

    Both are recorded before they are done, with as many database commands. If another request is faster, the record is
    withdrawn and what came of it is recorded.
    """
    holder = User.find_by_email(user.email)
    try:
        with happening(AccountRegistered.by_owner(user) if holder is None else _repeated(holder)):
            created = _add_if_free(user, permit)
            if (created is None) == (holder is None):
                raise Overtaken
    except Overtaken:
        happened(AccountRegistered.by_owner(user) if created is not None else _repeated(User.find_by_email(user.email)))
    return created


def _add_if_free(user: User, permit: Permit) -> User | None:
    try:
        return profile.add(user, permit)
    except EmailTaken:
        return None


def _repeated(holder: User | None) -> RegistrationRepeated:
    return RegistrationRepeated(target=holder.id if holder is not None else None)


def _register_unverified(new: User, permit: Permit, *, challenge: bool, return_to: str | None) -> Issued | None:
    """Create an account, or tell the owner of the existing one, with as many hashes and database commands.

    An existing account stays as it is, verified or not. Its owner gets a link that sets a password. Earlier links stay
    valid: a stranger's registration ends no link that the owner is about to follow. Whichever link is followed, a
    password that was set before is removed, since nobody has a session here before the address is verified.
    """
    email = new.email
    has_room = throttles.has_room(Bucket(Limit.VERIFY_ACCOUNT, email), throttles.for_letter(LetterKind.VERIFY, email))
    created = _create_if_free(new, permit)
    user = User.find_by_email(email)
    if created is None:
        links.is_reserved(email)  # once more, as for an account that is created
    if user is not None and user.disabled_at is not None:
        user = None
    if user is not None and has_room and created is not None:
        return verify_email.send_link(user, challenge=challenge, return_to=return_to)
    issued = email_codes.issue_decoy_if(challenge, LinkPurpose.VERIFY, Whose(user, email))
    facts = email_codes.facts_of(issued)
    if user is None or not has_room:
        decoy = links.issue_decoy(LinkPurpose.RESET, email, return_to=return_to)
        mail.post_decoy(LetterKind.KNOWN, to=email if has_room else None, link=decoy, **facts)
    else:
        link = links.issue(LinkPurpose.RESET, user, user.email, return_to=return_to)
        mail.post_without_waking(LetterKind.KNOWN, user.id, to=user.email, link=link, **facts)
    return issued
