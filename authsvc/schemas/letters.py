"""Letters to look at."""

from typing import Any

from marshmallow import ValidationError

from authsvc.schemas.base import Schema, Text, length, one_of
from authsvc.settings.formats import LANGUAGE


class Language(Text):
    """A language, such as `de` or `pt-BR`: one that is not known is written in English."""

    bounds = {"pattern": f"^{LANGUAGE.pattern}$"}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        if LANGUAGE.fullmatch(text) is None:
            raise ValidationError("bad_format: This is not a language such as de or pt-BR.")
        return text


class LetterPreviewQuerySchema(Schema):
    """In which language, and in which colours whatever the browser prefers; left out, as everywhere else."""

    language = Language(load_default="")
    scheme = Text(validate=one_of("light", "dark"), load_default="")


class OutboxQuerySchema(Schema):
    """Letters to addresses that contain `to`, and which of them is open."""

    to = Text(validate=length(0, 254), load_default="")
    letter = Text(validate=length(1, 64), load_default="")
