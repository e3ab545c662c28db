"""The `sign_outs` collection: sign-outs that apps have asked for, until a page has carried them out."""

from datetime import datetime
from typing import Self, cast

from bson import ObjectId
from mongoengine.fields import ObjectIdField, StringField

from authsvc.models.base import EXPIRY, Document, bounded, utc_field


class SignOut(Document):
    """A request to sign somebody out (OpenID Connect RP-Initiated Logout 1.0), by the digest of its secret.

    `user` is whom the app's hint names, None without a genuine one. `target` is where to go afterwards, sealed.
    """

    meta = {
        "collection": "sign_outs",
        "indexes": [{"fields": ["digest"], "name": "digest", "unique": True}, EXPIRY],
    }

    digest: str = StringField(required=True)
    app: str | None = StringField()
    user: ObjectId | None = ObjectIdField()
    target: str | None = StringField()
    expires_at: datetime = utc_field(db_field="expiresAt", required=True)

    @classmethod
    @bounded
    def find(cls, digest: str, now: datetime) -> Self | None:
        """Return the request with this digest, if it has not expired."""
        return cast(Self | None, cls.objects(digest=digest, expires_at__gt=now).first())

    @bounded
    def remove(self) -> bool:
        """Delete the request; tell whether this call did."""
        return bool(type(self).objects(id=self.id).delete())
