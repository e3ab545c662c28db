"""`python -m catalogues`: take the texts out of the code, update each catalogue, and compile it.

It fails if anything is wrong with one. With `--check` nothing is written, and it also fails if something would be.
"""

import io
import sys
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from authsvc.languages import FOLDER
from catalogues import bundles, faults, texts


def main(arguments: list[str]) -> int:
    """Update or check the catalogues; return the exit status."""
    extracted, complaints = texts.extract(), []
    for path in sorted(FOLDER.glob("*/LC_MESSAGES/messages.po")):
        catalogue = updated(path, extracted)
        complaints += list(faults.find(catalogue))
        for file, content in built_from(catalogue, path).items():
            if "--check" not in arguments:
                file.parent.mkdir(exist_ok=True)
                file.write_bytes(content)
            elif not file.exists() or file.read_bytes() != content:
                complaints.append(f"{file.relative_to(texts.PACKAGE)} is not up to date: run `make messages`")
    sys.stdout.write("\n".join(complaints or [f"{len(extracted)} texts, every catalogue is complete."]) + "\n")
    return bool(complaints)


def updated(path: Path, extracted: Catalog) -> Catalog:
    """Return a catalogue with exactly the texts that there are now. Nothing is guessed from similar ones."""
    with path.open("rb") as file:
        catalogue = read_po(file, locale=path.parts[-3])
    catalogue.update(extracted, no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    # Else every run would write another time into it.
    catalogue.creation_date = catalogue.revision_date = datetime(1970, 1, 1, tzinfo=UTC)
    return catalogue


def built_from(catalogue: Catalog, path: Path) -> dict[Path, bytes]:
    """Return what is to be in each file of a language: the catalogue for people, for programs, and for scripts."""
    language = path.parts[-3]
    scripts = {texts.SCRIPTS / "texts" / f"{language}-{one}.js": one for one in texts.BUNDLES}
    return {
        path: as_po(catalogue),
        path.with_suffix(".mo"): as_mo(catalogue),
        **{file: bundles.as_module(catalogue, bundle) for file, bundle in scripts.items()},
    }


def as_po(catalogue: Catalog) -> bytes:
    """Return a catalogue as translators edit it; without line numbers, which change with every commit."""
    content = io.BytesIO()
    write_po(content, catalogue, width=120, omit_header=False, include_lineno=False, ignore_obsolete=True)
    # Its dates would make every catalogue differ from the one that is checked in.
    return b"\n".join(line for line in content.getvalue().split(b"\n") if not line.startswith(_DATES))


def as_mo(catalogue: Catalog) -> bytes:
    """Return a catalogue as programs read it."""
    content = io.BytesIO()
    write_mo(content, catalogue)
    return content.getvalue()


_DATES = (b'"POT-Creation-Date', b'"PO-Revision-Date', b'"Generated-By', b'"Last-Translator', b"# ", b"#\n")

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
