"""Whether what is stored goes together: what no request looks at, and what a fault or another program may have left."""

from collections.abc import Callable, Iterator

from authsvc.models import deployment, readiness
from authsvc.services import administrators
from authsvc.services.findings import Finding

_MOST = 5


def examine() -> list[Finding]:
    """Return everything that does not go together; nothing where all does. Reads all accounts and live sessions."""
    return [finding for check in _CHECKS for finding in check()]


def _indexes() -> Iterator[Finding]:
    missing = readiness.missing_indexes()
    if missing:
        yield Finding("indexes", f"missing: {', '.join(missing)}", "run `flask db ensure-indexes`")


def _addresses() -> Iterator[Finding]:
    for email, ids in deployment.twins(_MOST):
        yield Finding(
            "users", f"{email} belongs to {', '.join(ids)}", "decide whose it is, and delete or change the others"
        )


def _accounts() -> Iterator[Finding]:
    found = deployment.odd_accounts()
    for what, count in sorted(found.items()):
        yield Finding("users", f"{count} accounts {what}", _REMEDIES[what])
    if not administrators.is_one_left():
        yield Finding("users", "nobody administers who can sign in", "run `flask users promote`")


def _sessions() -> Iterator[Finding]:
    count = deployment.orphaned_sessions()
    if count:
        yield Finding(
            "sessions",
            f"{count} live sessions belong to nobody who may sign in",
            "run `flask sessions end` for their users",
        )


_CHECKS: list[Callable[[], Iterator[Finding]]] = [_indexes, _addresses, _accounts, _sessions]
_REMEDIES = {
    deployment.WITHOUT_ADDRESS: "delete them: something else than authsvc left them behind",
    deployment.UNUSABLE_HASH: "`flask users reset-link` lets their owners in",
}
