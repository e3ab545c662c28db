"""Database integrity checks (`flask db check`): what no request looks at, and faults or other programs may leave."""

from collections.abc import Callable, Iterator

from authsvc.models import admin_queries
from authsvc.models.users import User, unkeyed
from authsvc.services import indexes, ways_in
from authsvc.services.findings import Finding
from authsvc.services.users import administrators

_MOST = 5


def examine() -> list[Finding]:
    """Return all problems. Reads all accounts and live sessions."""
    return [finding for check in _CHECKS for finding in check()]


def _indexes() -> Iterator[Finding]:
    missing = indexes.missing()
    if missing:
        yield Finding("indexes", f"missing: {', '.join(missing)}", "run `flask db ensure-indexes`")


def _addresses() -> Iterator[Finding]:
    for email, ids in admin_queries.twins(_MOST):
        yield Finding(
            "users",
            f"{email} belongs to {', '.join(ids)}",
            "decide whose it is, and delete or change the other accounts",
        )


def odd_accounts() -> Iterator[Finding]:
    """Yield what is wrong with accounts, by what their owners can't do. Reads all accounts."""
    for what, count in sorted(admin_queries.odd_accounts().items()):
        yield Finding("users", f"accounts {what}: {count}", _REMEDIES.get(what, _OTHER_KIND))


def stranded_accounts() -> Iterator[Finding]:
    """Yield how many accounts have no way in but a provider that can't be used. Reads all accounts."""
    stranded = [user for user in User.with_identities_only() if not ways_in.can_sign_in(user)]
    issuers = ", ".join(sorted({one.issuer for user in stranded for one in user.all_identities})[:_MOST])
    if stranded:
        yield Finding(
            "IDENTITY_PROVIDERS",
            f"accounts that nobody can sign in to, since it does not have the only providers they use: {len(stranded)}"
            f" ({issuers})",
            "set these up again, or let their owners in by `flask users reset-link`",
        )


def shadowed_accounts() -> Iterator[Finding]:
    """Yield how many accounts nobody can sign in to, because another program stored them under others' addresses."""
    count = unkeyed.shadowed()
    if count:
        yield Finding(
            "users",
            f"accounts that nobody can sign in to, since another one has their address in another case: {count}",
            "stop the program that stores them; `flask db check` lists them",
        )


def _accounts() -> Iterator[Finding]:
    yield from odd_accounts()
    yield from stranded_accounts()
    if not administrators.is_one_left():
        yield Finding("users", "no administrator can sign in", "run `flask users promote`")


def _sessions() -> Iterator[Finding]:
    count = admin_queries.orphaned_sessions()
    if count:
        yield Finding(
            "sessions",
            f"live sessions of users who may not sign in: {count}",
            "run `flask sessions end` for their users",
        )


_CHECKS: list[Callable[[], Iterator[Finding]]] = [_indexes, _addresses, _accounts, _sessions]
_OTHER_KIND = "correct or unset it in the database: another program wrote it"
_REMEDIES = {
    admin_queries.WITHOUT_ADDRESS: "delete them: another program left them behind",
    admin_queries.UNREACHABLE: "find them with `flask users list`, and give their owners another address",
    admin_queries.WITHOUT_LETTERS: "find them with `flask users list`, and give their owners another address",
    admin_queries.NOT_ASCII: (
        "make sure that MAIL_URL names a server with SMTPUTF8, or give their owners another address"
    ),
    admin_queries.OUTDATED_KEY: "once no machine runs an earlier release: `flask db ensure-indexes --drop-former`",
    admin_queries.UNUSABLE_HASH: "`flask users reset-link` lets their owners in",
}
