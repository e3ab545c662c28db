"""Accounts without a password: as people have them who sign in by other means."""

from bson import ObjectId

from authsvc import clock
from tests.conftest import Person
from tests.support.accounts import Database


def without_password(mongo: Database, person: Person) -> Person:
    """Let somebody, signed in, have an account with a proved address and without a password."""
    changes = {"$set": {"emailVerifiedAt": clock.now()}, "$unset": {"password": True, "passwordChangedAt": True}}
    mongo.users.update_one({"_id": ObjectId(person.id)}, changes)
    return person
