"""The embedded database: one process of SecantusDB, owned by the service (or a test) that started it.

Standard library only: gunicorn's master imports this before its workers are patched for gevent.
"""

import atexit
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from authsvc.embedded.database import CantStart, Database
from authsvc.embedded.owner import Owner, running

__all__ = ["CantStart", "Database", "Owner"]


def wanted(environ: Mapping[str, str]) -> bool:
    """Tell whether the service brings its own database: outside production, unless one is named."""
    return environ.get("APP_ENV") in ("development", "testing") and not environ.get("MONGODB_URI")


def join(environ: MutableMapping[str, str], instance: Path) -> None:
    """Name the embedded database in `environ`, where one is wanted: that of the service that runs, else one of our own.

    One of our own ends with this process. Raises SystemExit, with the reason, where neither can be had.
    """
    if not wanted(environ):
        return
    owner = Owner(instance)
    try:
        owner.start("a command")
    except CantStart as error:
        uri = running(instance / "mongodb.json")
        if uri is None:
            raise SystemExit(f"authsvc: {error}") from error
        environ["MONGODB_URI"] = uri
    else:
        atexit.register(owner.stop)
        environ["MONGODB_URI"] = owner.database.uri


_claimed: list[Owner] = []


def claim(instance: Path) -> Owner:
    """Make this process the owner, not started yet, of the database in `instance`."""
    _claimed[:] = [Owner(instance)]
    return _claimed[0]


def claimed() -> Owner | None:
    """Return the owner that this process is (gunicorn reads its configuration anew on SIGHUP: this module stays)."""
    return _claimed[0] if _claimed else None
