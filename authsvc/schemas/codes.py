"""Codes of six digits, as people type and paste them."""

import re
from typing import Any

from authsvc.schemas.base import Text
from authsvc.security.typed import strip_separators

_CODE = re.compile(r"[0-9]{6}", re.ASCII)
LONGEST = 64
"""Characters of a code as typed, including separators."""


class Code(Text):
    """A code of an authenticator app, or from a letter: a string of six digits, with blanks or dashes between them."""

    default_error_messages = {"no_code": "bad_format: This must be six digits."}
    bounds = {"pattern": "^[ -]*([0-9][ -]*){6}$", "maxLength": LONGEST}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        code = strip_separators(text[: LONGEST + 1])
        if len(text) > LONGEST or not _CODE.fullmatch(code):
            raise self.make_error("no_code")
        return code
