"""Where an import is: kept beside its file, so that one that was interrupted goes on where it stopped."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any, BinaryIO

from authsvc.services.moving.files import Unreadable
from authsvc.services.moving.importing import Report

_HEAD = 64 * 1024


class Place:
    """A small file that says how far the import of another one has come."""

    def __init__(self, kept: Path, source: BinaryIO) -> None:
        """`source` can be rewound; it is told from another file by its beginning and its length."""
        self._kept = kept
        size = source.seek(0, os.SEEK_END)
        source.seek(0)
        head = hashlib.sha256(source.read(_HEAD)).hexdigest()
        source.seek(0)
        self._of = {"size": size, "head": head}

    def load(self) -> Report:
        """Return the report so far, an empty one at the beginning. Raises Unreadable for the place in another file."""
        try:
            found: dict[str, Any] = json.loads(self._kept.read_bytes())
            report = Report.of(found["report"])
        except FileNotFoundError:
            return Report()
        except (ValueError, KeyError, TypeError) as error:
            raise Unreadable(f"{self._kept} is no place that an import kept") from error
        if found["of"] != self._of:
            raise Unreadable(f"{self._kept} is the place in another file; remove it to begin anew")
        return report

    def keep(self, report: Report) -> None:
        """Write the place down."""
        draft = self._kept.with_name(self._kept.name + ".draft")
        draft.write_text(json.dumps({"of": self._of, "report": report.shown()}))
        draft.replace(self._kept)

    def forget(self) -> None:
        """Remove the place: the import is done."""
        self._kept.unlink(missing_ok=True)
