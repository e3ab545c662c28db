"""The embedded database: one process of SecantusDB, owned by the service (or a test) that started it.

Production never loads this package.
"""

# The standard library only, except in `quirks`: gunicorn's master imports this before its workers patch the standard
# library for gevent.

import atexit
from collections.abc import MutableMapping
from pathlib import Path

from authsvc.devdb.database import CantStart, Database
from authsvc.devdb.owner import Owner, running

__all__ = ["CantStart", "Database", "Owner"]


def join(environ: MutableMapping[str, str], instance: Path) -> None:
    """Name the embedded database in `environ`: that of the service that runs, else one of our own.

    One of our own ends with this process. Raises SystemExit with the reason if there is neither.
    """
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
        environ["MONGODB_URI"] = owner.uri
