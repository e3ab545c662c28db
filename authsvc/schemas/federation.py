"""Signing in with other providers: going there, coming back, and the identities that are linked."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from authsvc.schemas.auth import TokenResponseSchema, TransportSchema
from authsvc.schemas.base import Schema, Text, UtcDateTime, WholeNumber, length, one_of
from authsvc.schemas.paging import PageSchema
from authsvc.schemas.return_targets import ReturnTarget

_LONGEST = 4096
"""Characters of what a provider makes up: codes, errors, names."""
_YEAR = 31_536_000


class ProviderSchema(Schema):
    """A provider as a button shows it; `icon` is `google`, `github`, `microsoft`, `apple`, `gitlab` or `oidc`."""

    name = fields.String(required=True)
    label = fields.String(required=True)
    icon = fields.String(required=True)


class ProviderListSchema(Schema):
    """The providers, in the order in which the operator named them."""

    items = fields.List(fields.Nested(ProviderSchema), required=True)


class FederationWishSchema(Schema):
    """What the browser is sent to the provider for.

    `maxAge` is how many seconds ago the person may have signed in there at most.
    """

    intent = Text(required=True, validate=one_of("sign_in", "link", "reauthenticate"))
    return_to = ReturnTarget(load_default=None)
    max_age = WholeNumber(0, _YEAR, load_default=None)


class LocationSchema(Schema):
    """Where to send the browser."""

    location = fields.String(required=True)


class FederationReturnSchema(TransportSchema):
    """What the browser brought back from the provider, in the names that it came by: a `code`, or an `error`."""

    json_schema = {"oneOf": [{"required": ["code"]}, {"required": ["error"]}]}

    provider = Text(required=True, validate=length(1, 100))
    state = Text(required=True, validate=length(1, _LONGEST))
    code = Text(validate=length(1, _LONGEST))
    error = Text(validate=length(1, _LONGEST))
    iss = Text(validate=length(1, _LONGEST))
    user = Text(validate=length(1, _LONGEST))

    @validates_schema(skip_on_field_errors=True)
    def _require_one(self, data: Mapping[str, Any], **_: Any) -> None:
        if "code" not in data and "error" not in data:
            raise ValidationError("required: A code or an error is required.", "code")
        if "code" in data and "error" in data:
            raise ValidationError("not_allowed: Only one of code and error is allowed.", "error")


class IdentitySchema(Schema):
    """Somebody's account at another provider. `email` is the address that the provider last told, or null."""

    id = fields.String(required=True)
    provider = fields.String(required=True)
    label = fields.String(required=True)
    email = fields.String(required=True, allow_none=True)
    created_at = UtcDateTime(required=True)
    last_used_at = UtcDateTime(required=True, allow_none=True)


class IdentityPageSchema(PageSchema):
    """A page of identities."""

    items = fields.List(fields.Nested(IdentitySchema), required=True)


class FullIdentitySchema(IdentitySchema):
    """An identity with what it is known by: the provider's `issuer`, and the `subject` that it calls the person."""

    issuer = fields.String(required=True)
    subject = fields.String(required=True)


class FullIdentityPageSchema(PageSchema):
    """A page of identities."""

    items = fields.List(fields.Nested(FullIdentitySchema), required=True)


class LinkedSchema(Schema):
    """The identity that was linked, and where to go."""

    identity = fields.Nested(IdentitySchema, required=True)
    return_to = fields.String(allow_none=True)


class FederationAnswerSchema(TokenResponseSchema):
    """What came of it: a TokenResponse after a sign-in, `identity` after a link, or a fresh access token.

    `returnTo` is where to go, if that was said at the beginning.
    """

    token_type = fields.String()
    access_token = fields.String()
    expires_in = fields.Integer()
    user = fields.Nested("UserSchema")
    identity = fields.Nested(IdentitySchema)
    return_to = fields.String(allow_none=True)


class ConfirmLinkSchema(Schema):
    """An account with this address exists. After a sign-in to it, `POST /auth/federation/confirm` takes the `token`.

    `methods` are those that sign in to it: `password`, `passkey`, and names of providers. A code by email does too.
    """

    token = fields.String(required=True)
    email = fields.String(required=True)
    name = fields.String(required=True, allow_none=True)
    methods = fields.List(fields.String(), required=True)


class EmailRequiredSchema(Schema):
    """The provider verified no address. Ask for one, and let the person sign up or in by a code that is sent there.

    After that, `POST /auth/federation/confirm` takes the `token`. `name` is what the provider calls the person.
    """

    token = fields.String(required=True)
    name = fields.String(required=True, allow_none=True)


class FederationPendingSchema(Schema):
    """What is still to be done: a second factor, or a sign-in that is to be linked. Exactly one of these."""

    mfa_required = fields.Boolean()
    mfa_token = fields.String()
    methods = fields.List(fields.String())
    expires_in = fields.Integer()
    confirm_link = fields.Nested(ConfirmLinkSchema)
    email_required = fields.Nested(EmailRequiredSchema)
    return_to = fields.String(allow_none=True)


class ConfirmationSchema(Schema):
    """The token of a link that waits."""

    token = Text(required=True)


class FormPostSchema(Schema):
    """What a provider's form has. Other members are not looked at."""

    class Meta:
        unknown = "exclude"

    state = Text()
    code = Text()
    error = Text()
    iss = Text()
    user = Text()
