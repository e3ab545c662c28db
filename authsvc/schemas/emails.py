"""Addresses and the letters that prove them."""

from authsvc.schemas.base import Schema, Text
from authsvc.schemas.users import EmailAddress


class AddressSchema(Schema):
    """An address to write to."""

    email = EmailAddress(required=True)


class LinkSchema(Schema):
    """The secret of a link: what stands behind `#token=`."""

    token = Text(required=True)


class AcceptedSchema(Schema):
    """Nothing: what was asked for is done, if it can be."""
