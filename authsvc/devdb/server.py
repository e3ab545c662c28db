"""The program of the server: SecantusDB, with two changes that none of its settings makes.

- It does not look for what has expired, which `expiry` does: its settings have a name for that
  (`storage.ttl_sweep_seconds`), and its own program ignores it.
- A condition that names the key is looked up by the key. As shipped, `findAndModify` walks through the whole
  collection, and any other command first asks for every other field of the condition which index there is.
"""

import sys
from collections.abc import Mapping
from functools import partial
from typing import Any

from secantus import cli
from secantus.storage import Storage

_candidates = Storage._try_index_id_keys


def _candidates_by_key(self: Storage, db: str, coll: str, filter: Mapping[str, Any], **options: Any) -> Any:  # noqa: A002
    """Return the ids of the records that a condition may mean, each of which is still looked at; None for all."""
    keys = _candidates(self, db, coll, {"_id": filter["_id"]}, **options) if "_id" in filter else None
    return _candidates(self, db, coll, filter, **options) if keys is None else keys


Storage._try_index_id_keys = _candidates_by_key
cli.SecantusDBServer = partial(cli.SecantusDBServer, ttl_sweep_seconds=0)

if __name__ == "__main__":
    sys.exit(cli.main())
