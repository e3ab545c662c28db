"""The `logout_notices` collection: the outbox of what apps are told about sessions of theirs that have ended."""

from bson import ObjectId
from mongoengine.fields import ObjectIdField, StringField

from authsvc.models.base import EXPIRY
from authsvc.models.deliveries import Delivery

ONE = "logout"
EVERY = "every_logout"


class LogoutNotice(Delivery):
    """A notice to an app (`to` is its id): of `kind` "logout", that a session of a user has ended there.

    One of kind "every_logout" is about all that the app has: whoever delivers it ends those sessions, some at a time,
    and tells the app of each. `uri` and `alg` are the address of the app and how tokens for it are signed, as they
    were then: it may be deleted when it is told.
    """

    meta = {
        "collection": "logout_notices",
        "indexes": [{"fields": ["due_at"], "name": "due"}, EXPIRY],
    }

    session: ObjectId | None = ObjectIdField()
    user: ObjectId | None = ObjectIdField()
    uri: str | None = StringField()
    alg: str | None = StringField()
