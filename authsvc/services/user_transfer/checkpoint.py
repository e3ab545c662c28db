"""Import checkpoints: an interrupted import resumes where it stopped."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any, BinaryIO

from authsvc.services.user_transfer.files import Unreadable
from authsvc.services.user_transfer.importing import Report

_HEAD = 64 * 1024


class Checkpoint:
    """A small file that says how far the import of another file has come."""

    def __init__(self, path: Path, source: BinaryIO) -> None:
        """`source` can be rewound; its beginning and its length identify it."""
        self._path = path
        size = source.seek(0, os.SEEK_END)
        source.seek(0)
        head = hashlib.sha256(source.read(_HEAD)).hexdigest()
        source.seek(0)
        self._of = {"size": size, "head": head}

    def load(self) -> Report:
        """Return the report so far, an empty one at the beginning. Raises Unreadable if it is of another file."""
        try:
            state: dict[str, Any] = json.loads(self._path.read_bytes())
            report = Report.from_json(state["report"])
        except FileNotFoundError:
            return Report()
        except (ValueError, KeyError, TypeError) as error:
            raise Unreadable(f"{self._path} is not a checkpoint of an import") from error
        if state["of"] != self._of:
            raise Unreadable(f"{self._path} is the checkpoint of another file: remove it to start over")
        return report

    def save(self, report: Report) -> None:
        """Write the report to the file."""
        draft = self._path.with_name(self._path.name + ".draft")
        draft.write_text(json.dumps({"of": self._of, "report": report.as_json()}), encoding="utf-8")
        draft.replace(self._path)

    def remove(self) -> None:
        """Remove the file: the import is done."""
        self._path.unlink(missing_ok=True)
