"""Apps, as administrators register, change and see them."""

import re
from typing import Any

from marshmallow import fields, pre_dump

from authsvc.models.apps import AppKind, AuthMethod, GrantType, IdTokenAlg
from authsvc.schemas.admin import UserId
from authsvc.schemas.base import Schema, Text, TextList, Truth, UtcDateTime, length, one_of
from authsvc.schemas.paging import Cursor, PageSchema, PagingSchema
from authsvc.schemas.users import Name

_MOST_URIS = 20
_MOST_SCOPES = 50
_LONGEST_URI = 2000
_LONGEST_SCOPE = 100


class AppCursor(Cursor):
    """Where a page of apps starts: the `next` of the previous page."""

    shape = re.compile(r"app_[0-9a-f]{24}|https://[!-~]{1,512}", re.ASCII)


class AppQuerySchema(PagingSchema):
    """Which apps to list: those that are registered, by one administrator or by all, or those with a `document`."""

    owner = UserId(load_default=None)
    source = Text(validate=one_of("registered", "document"), load_default="registered")
    cursor = AppCursor(load_default=None)


class _Uri(Text):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=length(1, _LONGEST_URI), **kwargs)


class _Uris(TextList):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(_Uri(), most=_MOST_URIS, least=0, **kwargs)


class Jwks(fields.Dict):
    """A JWK set with public keys (RFC 7517)."""

    default_error_messages = dict.fromkeys(("invalid", "null"), "wrong_type: This must be a JSON object.")


class AppChangeSchema(Schema):
    """What an administrator may change in an app: never its kind. Each list replaces the one before."""

    name = Name()
    auth_method = Text(validate=one_of(*AuthMethod))
    jwks = Jwks(allow_none=True)
    redirect_uris = _Uris()
    logout_uris = _Uris()
    backchannel_uri = _Uri(allow_none=True)
    grant_types = TextList(Text(validate=one_of(*GrantType)), most=len(GrantType))
    scopes = TextList(Text(validate=length(1, _LONGEST_SCOPE)), most=_MOST_SCOPES, least=0)
    resources = _Uris()
    id_token_alg = Text(validate=one_of(*IdTokenAlg))
    requires_pkce = Truth()
    trusted = Truth()
    disabled = Truth()


class NewAppSchema(AppChangeSchema):
    """An app to register. What is left out gets the usual value of its `kind`."""

    class Meta:
        exclude = ("disabled",)

    name = Name(required=True)
    kind = Text(validate=one_of(*AppKind), required=True)


class SecretSchema(Schema):
    """A secret, by its id. It is valid until `expiresAt`, or until it is removed if that is null."""

    id = fields.String(required=True)
    created_at = UtcDateTime(required=True)
    expires_at = UtcDateTime(required=True, allow_none=True)


class NewSecretSchema(SecretSchema):
    """A new secret. `secret` is shown only now."""

    secret = fields.String(required=True)

    @pre_dump
    def _join(self, new: Any, **_: Any) -> dict[str, Any]:
        return {**{name: getattr(new.secret, name) for name in ("id", "created_at", "expires_at")}, "secret": new.text}


class DocumentSchema(Schema):
    """The metadata document of an app that is not registered: its address is the app's id.

    It was asked for last at `fetchedAt`, and is asked for again after `freshUntil`. `allowedAt` is when somebody first
    allowed the app.
    """

    fetched_at = UtcDateTime(required=True)
    fresh_until = UtcDateTime(required=True)
    allowed_at = UtcDateTime(required=True, allow_none=True)


class AppSchema(Schema):
    """An app. `id` is what OAuth calls the client ID. `owner` is the administrator who registered it.

    `key` stands for it in paths: the id, unless that is the address of its `document`.
    """

    id = fields.String(required=True)
    key = fields.String(required=True)
    name = fields.String(required=True)
    kind = fields.String(required=True)
    auth_method = fields.String(required=True)
    secrets = fields.List(fields.Nested(SecretSchema), required=True)
    jwks = fields.Dict(required=True, allow_none=True)
    redirect_uris = fields.List(fields.String(), required=True)
    logout_uris = fields.List(fields.String(), required=True)
    backchannel_uri = fields.String(required=True, allow_none=True)
    grant_types = fields.List(fields.String(), required=True)
    scopes = fields.List(fields.String(), required=True)
    resources = fields.List(fields.String(), required=True)
    id_token_alg = fields.String(required=True)
    requires_pkce = fields.Boolean(required=True)
    trusted = fields.Boolean(required=True)
    owner = fields.String(required=True, allow_none=True)
    created_at = UtcDateTime(required=True)
    disabled_at = UtcDateTime(required=True, allow_none=True)
    document = fields.Nested(DocumentSchema, required=True, allow_none=True)


class IssuedAppSchema(AppSchema):
    """A new app. `secret` is shown only now; null if the app can't keep one."""

    secret = fields.String(required=True, allow_none=True)

    @pre_dump
    def _join(self, new: Any, **_: Any) -> dict[str, Any]:
        names = set(AppSchema._declared_fields)
        return {**{name: getattr(new.app, name) for name in names}, "secret": new.secret}


class AppPageSchema(PageSchema):
    """A page of apps."""

    items = fields.List(fields.Nested(AppSchema), required=True)
