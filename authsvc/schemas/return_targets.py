"""Where to go in the end: after a sign-in, or from a letter."""

from typing import Any

from flask import current_app

from authsvc.schemas.base import Text
from authsvc.security import return_targets


class ReturnTarget(Text):
    """Where to go in the end: a path of ours, or an address at one of `CORS_ORIGINS`."""

    default_error_messages = {"target": "not_allowed: This must be a path, or an address at one of CORS_ORIGINS."}
    bounds = {"maxLength": return_targets.LONGEST}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        config = current_app.config
        if not return_targets.is_allowed(text, (config["PUBLIC_URL"], *config["CORS_ORIGINS"])):
            raise self.make_error("target")
        return text


class LetterTarget(ReturnTarget):
    """Likewise, from the page that the link of a letter opens."""

    default_error_messages = {"too_long": "too_long: This is too long to be part of a link."}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if not return_targets.fits_into_link(text):
            raise self.make_error("too_long")
        return text
