"""The `assertions` collection: tokens of apps that serve no longer, until they expire.

By the ones an app has shown who it is, which each does once; the others it has revoked.
"""

from datetime import datetime

from mongoengine.errors import NotUniqueError
from mongoengine.fields import StringField

from authsvc.models.base import EXPIRY, Document, bounded, utc_field


class Assertion(Document):
    """A token by which an app showed who it is (RFC 7523 section 3), or that it revoked: a digest of app and `jti`."""

    meta = {"collection": "assertions", "indexes": [EXPIRY]}

    digest: str = StringField(primary_key=True)
    expires_at: datetime = utc_field(db_field="expiresAt", required=True)

    @classmethod
    @bounded
    def use(cls, digest: str, expires_at: datetime) -> bool:
        """Note that an assertion is used; tell whether it is for the first time, however many come at once."""
        try:
            cls(digest=digest, expires_at=expires_at).save(force_insert=True)
        except NotUniqueError:
            return False
        return True

    @classmethod
    @bounded
    def is_used(cls, digest: str) -> bool:
        """Tell whether a token serves no longer."""
        return cls.objects(digest=digest).only("digest").first() is not None
