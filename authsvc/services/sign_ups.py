"""Sign-ups: whether an account may be made, as HOOK_SIGN_UP says. No account is made without a permit (R124)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from authsvc import languages, logs, metrics
from authsvc.errors import HookRefused
from authsvc.models.users import User
from authsvc.security import names
from authsvc.services import hooks
from authsvc.services.findings import Finding

LONGEST_REASON = 200

_log = logs.get(__name__)


class How(StrEnum):
    """By which way an account is made: `how` in the question."""

    REGISTER = "register"
    EMAIL_CODE = "email_code"
    PROVIDER = "provider"
    INVITATION = "invitation"
    COMMAND = "command"
    IMPORT = "import"


@dataclass(frozen=True, slots=True)
class Permit:
    """That an account with this address may be made. Only `permit` and `permit_row` make one."""

    email: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """That an account must not be made, and what a person may be told of it."""

    reason: str | None


def permit(user: User, how: How, *, provider: str | None = None) -> Permit:
    """Ask whether an account that is not stored yet may be made. Raises HookRefused, HookFailed.

    Ask before it is looked up whether somebody has the address, and before anything is stored or used up: then known
    and unknown addresses get the same answers (R119), and nothing is half made.
    """
    hook = hooks.find(hooks.SIGN_UP)
    if hook is None:
        return Permit(user.email)
    facts = {"name": user.name, "email": user.email, "role": user.role, "locale": user.language}
    return _required(hook.ask(_question(facts, how, provider), _read), user.email)


def permit_row() -> Callable[[Mapping[str, Any]], Permit | Refusal]:
    """Return what asks for an account of an import, as it is to be stored; it needs no application around it.

    It raises HookFailed.
    """
    hook = hooks.find(hooks.SIGN_UP)

    def ask(document: Mapping[str, Any]) -> Permit | Refusal:
        email = str(document["email"])
        if hook is None:
            return Permit(email)
        facts = {name: document.get(name) for name in ("name", "email", "role")}
        facts["locale"] = languages.match(locale) if isinstance(locale := document.get("locale"), str) else None
        refusal = hook.ask(_question(facts, How.IMPORT), _read)
        _count(refusal)
        return Permit(email) if refusal is None else refusal

    return ask


def is_asked() -> bool:
    """Tell whether there is a hook."""
    return hooks.find(hooks.SIGN_UP) is not None


def check() -> list[Finding]:
    """Ask the hook about nobody, and return what is wrong with it."""
    facts = {"name": "Nobody", "email": "nobody@example.com", "role": "user", "locale": None}
    return hooks.check(hooks.SIGN_UP, {**facts, "how": "check"}, _read)


def _question(facts: Mapping[str, Any], how: How, provider: str | None = None) -> dict[str, Any]:
    return {**facts, "how": how.value, **({} if provider is None else {"provider": provider})}


def _required(refusal: Refusal | None, email: str) -> Permit:
    _count(refusal)
    if refusal is not None:
        _log.info("hook.refused", hook=hooks.SIGN_UP)
        raise HookRefused(refusal.reason)
    return Permit(email)


def _count(refusal: Refusal | None) -> None:
    metrics.HOOKS.labels(hooks.SIGN_UP, "answered" if refusal is None else "refused").inc()


def _read(answer: Mapping[str, Any]) -> Refusal | None:
    """Return why an account must not be made, None if it may. Raises ValueError."""
    allow, reason = answer.get("allow"), answer.get("reason")
    if not isinstance(allow, bool):
        raise ValueError("allow is neither true nor false")
    if not isinstance(reason, str | None):
        raise ValueError("reason is no text")
    if allow:
        return None
    try:
        return Refusal(None if reason is None else names.canonical(reason, longest=LONGEST_REASON))
    except names.NotAName:
        raise ValueError(f"reason is no line of 1 to {LONGEST_REASON} visible characters") from None
