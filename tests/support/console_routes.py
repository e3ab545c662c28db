"""The console's routes, and an administrator who may use them."""

from bson import ObjectId

from authsvc import clock
from tests.conftest import Person
from tests.support.accounts import Database

ID = "a" * 24
CONSOLE_ROUTES = [
    ("GET", "/admin/console", False),
    ("GET", "/admin/stats", False),
    ("GET", "/admin/doctor", False),
    ("GET", "/admin/letters", False),
    ("POST", "/admin/letters/{id}/retry", False),
    ("DELETE", "/admin/letters/{id}", True),
    ("GET", "/admin/letter-kinds", False),
    ("GET", "/admin/letter-kinds/{kind}", False),
    ("POST", "/admin/letter-kinds/{kind}/sample", False),
    ("POST", "/admin/users/{id}/verify-email", True),
    ("POST", "/admin/users/{id}/reset-link", True),
    ("GET", "/admin/settings", False),
    ("GET", "/admin/signing-keys", False),
    ("POST", "/admin/signing-keys/rotation", True),
]
"""Method, path, and whether it takes a fresh sign-in."""


def by_two_factors(person: Person, mongo: Database) -> Person:
    """Let somebody be signed in by a second factor too, which their account asks for."""
    app = {"sealed": "x", "createdAt": clock.now(), "confirmedAt": clock.now()}
    mongo.users.update_one({"_id": ObjectId(person.id)}, {"$set": {"totp": app}})
    mongo.sessions.update_many({"user": ObjectId(person.id)}, {"$addToSet": {"methods": "mfa"}})
    return person
