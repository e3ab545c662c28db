"""The `grants` collection: what a person has allowed an app."""

from datetime import datetime
from typing import Self, cast

from bson import ObjectId
from mongoengine.errors import NotUniqueError
from mongoengine.fields import ListField, ObjectIdField, StringField

from authsvc.models.base import Document, bounded, object_id, unhurried, utc_field


class Grant(Document):
    """What a user allows an app, asked once: there is one for each user and app."""

    meta = {
        "collection": "grants",
        "indexes": [
            {"fields": ["user", "app"], "name": "user_app", "unique": True},
            {"fields": ["app"], "name": "app"},
        ],
    }

    id: ObjectId
    user: ObjectId = ObjectIdField(required=True)
    app: str = StringField(required=True)
    scopes: list[str] = ListField(StringField())
    resources: list[str] = ListField(StringField())
    created_at: datetime = utc_field(db_field="createdAt", required=True)
    last_used_at: datetime | None = utc_field(db_field="lastUsedAt")

    @classmethod
    @bounded
    def find(cls, user: ObjectId, app: str) -> Self | None:
        """Return what a user allows an app."""
        return cast(Self | None, cls.objects(user=user, app=app).first())

    @classmethod
    @bounded
    def find_own(cls, grant_id: str, user: str) -> Self | None:
        """Return the grant with this id, if it is this user's."""
        return cast(Self | None, cls.objects(id=object_id(grant_id), user=object_id(user)).first())

    @bounded
    def add(self) -> bool:
        """Allow what this grant does by the one of the same id too; tell whether that is still there."""
        own = type(self).objects(id=self.id)
        # The use first: from then on nobody takes back what they had added, and this relies on. And each list by
        # itself: where one gets nothing new beside another change, DocumentDB stores it twice.
        used = own.update_one(set__last_used_at=self.last_used_at)
        lists = {"add_to_set__scopes": self.scopes, "add_to_set__resources": self.resources}
        return bool(used) and all(own.update_one(**{name: values}) for name, values in lists.items() if values)

    @bounded
    def take_back(self, before: Self | None) -> None:
        """Undo what storing or adding this grant did, `before` which there was that one, if any.

        Nothing if it was used since: then somebody else relies on it.
        """
        mine = type(self).objects(id=self.id, last_used_at=self.last_used_at)
        if before is None:
            mine.delete()
            return
        scopes, resources = set(self.scopes) - set(before.scopes), set(self.resources) - set(before.resources)
        new = {"pull_all__scopes": sorted(scopes), "pull_all__resources": sorted(resources)}
        if scopes or resources:
            mine.update_one(**{name: values for name, values in new.items() if values})

    def insert_if_first(self) -> bool:
        """Store a grant; tell whether its user had none for its app, else nothing is stored."""
        try:
            self.insert()
        except NotUniqueError:
            return False
        return True

    @classmethod
    @bounded
    def of(cls, user: str, most: int, *, before: str | None = None) -> list[Self]:
        """Return what a user allows, newest first, from after the one with the id `before`."""
        return cast(list[Self], cls.objects(user=object_id(user)).newest(most, before=before))

    @classmethod
    @bounded
    def note_use(cls, user: ObjectId, app: str, now: datetime) -> None:
        """Note that an app has just made use of what a user allows it."""
        cls.objects(user=user, app=app).update_one(max__last_used_at=now)

    @classmethod
    @bounded
    def remove(cls, grant_id: str, user: str) -> Self | None:
        """Delete a user's grant; return it, None if there is no such grant of theirs."""
        return cast(Self | None, cls.objects(id=object_id(grant_id), user=object_id(user)).modify(remove=True))

    @classmethod
    @bounded
    def remove_all(cls, user: str) -> None:
        """Delete all grants of a user."""
        cls.objects(user=object_id(user)).delete()

    @classmethod
    @unhurried
    def ids_of_app(cls, app: str, most: int) -> list[ObjectId]:
        """Return some of the grants that users gave an app."""
        return list(cls.objects(app=app).limit(most).scalar("id"))

    @classmethod
    @bounded
    def remove_each(cls, grant_ids: list[ObjectId]) -> None:
        """Delete these grants."""
        cls.objects(id__in=grant_ids).delete()
