"""The texts of scripts in a language, as a module that a page loads before its own."""

import json

from babel import Locale
from babel.messages.catalog import Catalog

from catalogues import texts

_HEAD = 'import {add} from "../ui/language.js";\n\n'
_CATEGORIES = ("zero", "one", "two", "few", "many", "other")
"""What counts are told apart by (CLDR), in the order in which catalogues have their forms."""


def as_module(catalogue: Catalog, bundle: str) -> bytes:
    """Return a module that adds the translations of a bundle's texts."""
    entries = {}
    for message in texts.of_bundle(bundle):
        found = catalogue.get(message)
        if found is not None and found.string and all(found.string):
            singular = message if isinstance(message, str) else message[0]
            entries[singular] = found.string if isinstance(found.string, str) else _by_category(catalogue, found.string)
    return f"{_HEAD}add({json.dumps(entries, ensure_ascii=False, indent=0)});\n".encode()


def _by_category(catalogue: Catalog, forms: tuple[str, ...]) -> dict[str, str]:
    tags = Locale.parse(str(catalogue.locale)).plural_form.tags | {"other"}
    return dict(zip([one for one in _CATEGORIES if one in tags], forms, strict=True))
