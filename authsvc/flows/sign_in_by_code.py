"""Sign in by e-mail: ask for a letter, and type the code that is in it, or open the link."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from authsvc import clock
from authsvc.errors import AccountDisabled, EmailCodeInvalid, EmailTaken, HookFailed, LinkInvalid
from authsvc.events import happened
from authsvc.events.catalogue import LoginCodeRequested
from authsvc.flows import sign_in, verify_email
from authsvc.flows.sign_in import Opening, Pending
from authsvc.methods import email_code
from authsvc.models.email_codes import CodePurpose, EmailCode
from authsvc.models.letters import LetterKind
from authsvc.models.users import User
from authsvc.security import stored_addresses
from authsvc.services import devices, email_codes, letter_limits, links, mail, sign_ups, throttles, token_claims
from authsvc.services.email_codes import Issued, Whose
from authsvc.services.sign_ups import How, Permit
from authsvc.services.tokens import TokenPair
from authsvc.services.users import profile
from authsvc.settings import Limit


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """A link that was opened in a browser that did not ask: its user is to confirm whose account it signs in to."""

    email: str


@dataclass(frozen=True, slots=True)
class _Answers:
    """What the hooks said before a challenge was used up: None where there was nothing to ask."""

    permit: Permit | None = None
    opening: Opening | None = None


def request(email: str, *, browser: str, name: str | None = None, return_to: str | None = None) -> Issued:
    """Send a code and a link that sign in to the account with this address; with a `name`, make one if there is none.

    `browser` is the secret of the one that asks; the page of the link leads on to `return_to`. Whoever asks learns
    nothing about the account: the answer and the work are the same (ASVS 6.3.8). Raises NotFound if codes are off,
    TooManyAttempts, by network.
    """
    email_codes.require_on()
    user, email = User.find_by_typed(email), stored_addresses.spellings(email)[0]
    if name is not None:
        throttles.count(throttles.by_network(Limit.REGISTER_ADDRESS))
    has_room = letter_limits.has_room(LetterKind.SIGN_IN, Limit.LOGIN_CODES, user, email)
    happened(LoginCodeRequested(target=user.id if user is not None else None))
    is_free = name is not None and not links.is_reserved(email)
    is_wanted = is_free if user is None else user.disabled_at is None
    kind = LetterKind.SIGN_UP if user is None and name is not None else LetterKind.SIGN_IN
    whose, link = Whose(user, email if user is None else user.email), email_codes.new_link(return_to)
    if has_room and is_wanted:
        issued = email_codes.issue(
            CodePurpose.SIGN_IN, whose, link, browser=browser, name=name if user is None else None
        )
        mail.post_without_waking(kind, issued.owner, to=whose.email, code=issued.code, link=link)
    else:
        issued = email_codes.issue_decoy(CodePurpose.SIGN_IN, whose, browser=browser)
        mail.post_decoy(kind, to=email if has_room else None, code=issued.code, link=link)
    return issued


def by_code(challenge_id: str, code: str) -> TokenPair | Pending:
    """Sign in by the code of a letter, or begin to if the account has a second factor (R114).

    The code proves the address. If nobody had, what was set up before is removed (R112). Raises EmailCodeInvalid,
    AccountDisabled, TooManyAttempts, InvalidCredentials, NotFound, HookRefused, HookFailed, EmailTaken if another
    account may take the address back.
    """
    email_codes.require_on()
    guess = email_code.find(challenge_id, CodePurpose.SIGN_IN)
    with (
        throttles.counting(*guess.buckets, failures=(EmailCodeInvalid,)),
        sign_in.recording_failures(guess.user),
    ):
        email_code.verify(guess, code)
        with email_code.keeping_try(guess.challenge):
            return _redeem(guess.challenge)


def by_link(token: str, *, browser: str | None, confirm: bool) -> TokenPair | Pending | Unconfirmed:
    """Sign in by the link of a letter, as by its code; wrong codes do not end it, so nobody can lock the owner out.

    In another browser than the one that asked (`browser` is the secret of this one) somebody may have been lured into
    an account that is not theirs: it signs in only once they `confirm` whose it is (R118). Raises LinkInvalid,
    AccountDisabled, TooManyAttempts, InvalidCredentials, NotFound, EmailTaken, HookRefused, HookFailed.
    """
    email_codes.require_on()
    with throttles.counting_failures(throttles.by_network(Limit.LINK_ADDRESS), LinkInvalid):
        challenge = email_codes.find_by_link(token)
        if not confirm and not email_codes.is_of(challenge, browser):
            return Unconfirmed(challenge.email)
        with sign_in.recording_failures(User.find(str(challenge.user))):
            try:
                return _redeem(challenge)
            except EmailCodeInvalid as gone:
                raise LinkInvalid from gone


def _redeem(challenge: EmailCode) -> TokenPair | Pending:
    """Use up a challenge, and let its user in.

    Raises EmailCodeInvalid, AccountDisabled, EmailTaken, HookRefused, HookFailed.
    """
    answers = _ask_first(challenge)
    if not email_codes.redeem(challenge):
        raise EmailCodeInvalid
    owner = _owner_of(challenge, answers.permit)
    user = verify_email.prove(str(owner.id))
    if user is None or user.email != owner.email:  # it is gone, or has another address by now
        raise EmailCodeInvalid
    if user.disabled_at is not None:
        raise AccountDisabled
    email_codes.cancel(str(user.id), CodePurpose.SIGN_IN)  # those that were asked for before or since
    # Once the address was proved, nobody is known anywhere who was there before.
    return sign_in.finish(user, email_code.AMR, recognition=devices.recognise(user), opening=answers.opening)


def _asking_counted() -> AbstractContextManager[None]:
    """Count a question to a hook as a registration of its network: what it refuses may be sent again and again."""
    if not sign_ups.is_asked():
        return nullcontext()
    return throttles.counting_unless(HookFailed, throttles.by_network(Limit.REGISTER_ADDRESS))


def _ask_first(challenge: EmailCode) -> _Answers:
    """Ask the hooks, while the challenge can still be used again (R124). Raises HookRefused, HookFailed.

    They are asked about the account as it will be: whoever has the code or the link has proved its address.
    """
    if not (sign_ups.is_asked() or token_claims.is_asked()):
        return _Answers()
    by_address = User.find_by_typed(challenge.email)
    if by_address is None and challenge.name is not None:
        new = profile.new_verified(challenge.user, challenge.name, challenge.email)
        with _asking_counted():
            permit = sign_ups.permit(new, How.EMAIL_CODE)
            return _Answers(permit, sign_in.prepare(new, email_code.AMR))
    user = User.find(str(challenge.user)) if challenge.name is None else by_address
    if user is None or user.email != challenge.email or user.disabled_at is not None:
        return _Answers()
    if user.mfa_enabled and user.is_verified:  # with an address that nobody had proved, its factors go too
        return _Answers()
    user.email_verified_at = user.email_verified_at or clock.now()
    return _Answers(opening=sign_in.prepare(user, email_code.AMR))


def _owner_of(challenge: EmailCode, permit: Permit | None) -> User:
    """Return the account that a challenge is for, made now if it was asked for.

    Raises EmailCodeInvalid, EmailTaken, HookRefused, HookFailed.
    """
    if challenge.name is None:
        user = User.find(str(challenge.user))
        if user is None or user.email != challenge.email:
            raise EmailCodeInvalid
        return user
    return User.find_by_typed(challenge.email) or _register(challenge, challenge.name, permit)


def _register(challenge: EmailCode, name: str, permit: Permit | None) -> User:
    """Make the account of a challenge, unless somebody just did. Raises EmailTaken, HookRefused, HookFailed."""
    user = profile.new_verified(challenge.user, name, challenge.email)
    try:
        return profile.add_verified(user, permit or sign_ups.permit(user, How.EMAIL_CODE))
    except EmailTaken:
        other = User.find_by_typed(challenge.email)
        if other is None:
            raise
        return other
