"""Personal access tokens."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, pre_dump

from authsvc.schemas.base import Schema, Text, TextList, UtcDateTime, WholeNumber, one_of
from authsvc.schemas.paging import PageSchema
from authsvc.schemas.users import Name
from authsvc.services.callers import SCOPES

_LONGEST_DAYS = 3650


class NewAccessTokenSchema(Schema):
    """A token to create. Without `expiresInDays` it is valid until it is revoked."""

    name = Name(required=True)
    scopes = TextList(Text(validate=one_of(*SCOPES)), most=len(SCOPES), required=True)
    expires_in_days = WholeNumber(1, _LONGEST_DAYS, load_default=None, allow_none=False)


class AccessTokenSchema(Schema):
    """A token as its owner sees it. `lastUsedAt` is accurate to the minute."""

    id = fields.String(required=True)
    name = fields.String(required=True)
    scopes = fields.List(fields.String(), required=True)
    created_at = UtcDateTime(required=True)
    expires_at = UtcDateTime(required=True, allow_none=True)
    last_used_at = UtcDateTime(required=True, allow_none=True)


class IssuedTokenSchema(AccessTokenSchema):
    """A new token. `token` is shown only now."""

    class Meta:
        exclude = ("last_used_at",)

    token = fields.String(required=True)

    @pre_dump
    def _join(self, issued: Any, **_: Any) -> Mapping[str, Any]:
        names = ("id", "name", "scopes", "created_at", "expires_at")
        return {**{name: getattr(issued.document, name) for name in names}, "token": issued.text}


class AccessTokenPageSchema(PageSchema):
    """A page of tokens."""

    items = fields.List(fields.Nested(AccessTokenSchema), required=True)
