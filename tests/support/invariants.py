"""What must be true of the database after any fault (security requirements, section 2)."""

import re
from collections.abc import Mapping
from typing import Any

from pymongo.database import Database

_HASH = re.compile(r"\$2b\$\d\d\$[./A-Za-z0-9]{53}")
_COLLECTIONS = ("users", "sessions", "signing_keys", "id_signing_keys")
INDEXES: dict[str, dict[str, dict[str, Any]]] = {
    "users": {
        "email_1": {"key": [("email", 1)], "unique": True},
        "email_key": {"key": [("emailKey", 1)], "unique": True, "sparse": True},
        "name_key": {"key": [("nameKey", 1), ("_id", 1)]},
        "role": {"key": [("role", 1), ("_id", 1)]},
        "disabled": {"key": [("disabledAt", 1), ("_id", 1)], "sparse": True},
        "identity": {"key": [("linkedIdentities.key", 1)], "unique": True, "sparse": True},
    },
    "sessions": {
        "user_live": {"key": [("user", 1), ("endedAt", 1), ("_id", -1)]},
        "expiry": {"key": [("expiresAt", 1)], "expireAfterSeconds": 0},
        "ended": {"key": [("endedAt", 1)], "expireAfterSeconds": 30 * 86_400, "sparse": True},
        "parent": {"key": [("parent", 1)], "sparse": True},
        "app_live": {
            "key": [("app", 1), ("endedAt", 1)],
            "partialFilterExpression": {"app": {"$exists": True}},
        },
        "notice": {"key": [("notice", 1)], "sparse": True},
    },
    "apps": {
        "owner": {"key": [("owner", 1), ("_id", -1)], "sparse": True},
        "expiry": {"key": [("expiresAt", 1)], "expireAfterSeconds": 0},
    },
    "authorizations": {
        "digest": {"key": [("digest", 1)], "unique": True},
        "code": {"key": [("codeDigest", 1)], "unique": True, "sparse": True},
        "user": {"key": [("user", 1)], "sparse": True},
        "user_code": {"key": [("userCode", 1)], "unique": True, "sparse": True},
        "expiry": {"key": [("expiresAt", 1)], "expireAfterSeconds": 0},
    },
    "grants": {
        "user_app": {"key": [("user", 1), ("app", 1)], "unique": True},
        "app": {"key": [("app", 1)]},
    },
    "daily_counts": {"expiry": {"key": [("expiresAt", 1)], "expireAfterSeconds": 0}},
    "assertions": {"expiry": {"key": [("expiresAt", 1)], "expireAfterSeconds": 0}},
    "access_tokens": {
        "digest": {"key": [("digest", 1)], "unique": True},
        "user": {"key": [("user", 1), ("_id", -1)]},
        "expiry": {"key": [("expiresAt", 1)], "expireAfterSeconds": 0},
    },
    "links": {
        "digest": {"key": [("digest", 1)], "unique": True},
        "user": {"key": [("user", 1)]},
        "email": {"key": [("email", 1)]},
        "expiry": {"key": [("expiresAt", 1)], "expireAfterSeconds": 0},
    },
    "email_codes": {
        "user": {"key": [("user", 1)]},
        "link": {"key": [("link", 1)], "unique": True},
        "expiry": {"key": [("expiresAt", 1)], "expireAfterSeconds": 0},
    },
    "letters": {
        "due": {"key": [("dueAt", 1)]},
        "user": {"key": [("user", 1), ("_id", -1)]},
        "expiry": {"key": [("expiresAt", 1)], "expireAfterSeconds": 0},
    },
    "logout_notices": {
        "due": {"key": [("dueAt", 1)]},
        "expiry": {"key": [("expiresAt", 1)], "expireAfterSeconds": 0},
    },
    "webhook_messages": {
        "due": {"key": [("dueAt", 1)]},
        "waiting": {"key": [("to", 1), ("dueAt", 1)]},
        "expiry": {"key": [("expiresAt", 1)], "expireAfterSeconds": 0},
    },
    "webhook_deliveries": {
        "due": {"key": [("to", 1), ("dueAt", 1)]},
        "once": {"key": [("to", 1), ("message", 1)], "unique": True},
        "in_lane": {"key": [("lane", 1), ("order", 1)]},
        "newest": {"key": [("to", 1), ("_id", -1)]},
        "dead": {
            "key": [("to", 1), ("failedAt", 1)],
            "partialFilterExpression": {"failedAt": {"$exists": True}},
        },
        "expiry": {"key": [("expiresAt", 1)], "expireAfterSeconds": 0},
    },
    "webhook_sequences": {"expiry": {"key": [("expiresAt", 1)], "expireAfterSeconds": 0}},
    "sign_outs": {
        "digest": {"key": [("digest", 1)], "unique": True},
        "expiry": {"key": [("expiresAt", 1)], "expireAfterSeconds": 0},
    },
    "devices": {
        "user": {"key": [("user", 1)]},
        "secret": {"key": [("secret", 1)]},
        "expiry": {"key": [("expiresAt", 1)], "expireAfterSeconds": 0},
    },
    "passkeys": {
        "credential": {"key": [("credential", 1)], "unique": True},
        "user": {"key": [("user", 1), ("_id", -1)]},
    },
    "federation_attempts": {"expiry": {"key": [("expiresAt", 1)], "expireAfterSeconds": 0}},
    "challenges": {"expiry": {"key": [("expiresAt", 1)], "expireAfterSeconds": 0}},
    "mfa_tickets": {
        "user": {"key": [("user", 1)]},
        "expiry": {"key": [("expiresAt", 1)], "expireAfterSeconds": 0},
    },
    "throttles": {"expiry": {"key": [("expiresAt", 1)], "expireAfterSeconds": 0}},
    "trials": {
        "key": {"key": [("key", 1)], "unique": True, "sparse": True},
        "expiry": {"key": [("expiresAt", 1)], "expireAfterSeconds": 0},
    },
    "audit": {
        "target": {"key": [("target", 1), ("_id", -1)]},
        "actor": {"key": [("actor", 1), ("_id", -1)]},
        "action": {"key": [("action", 1), ("_id", -1)]},
        "unsettled": {"key": [("evidence.collection", 1)], "sparse": True},
        "expiry": {"key": [("at", 1)], "expireAfterSeconds": 400 * 86_400},
    },
}
"""Written down once more, on purpose: an index that loses its uniqueness in the documents is found here."""


_OPTIONS = {"v", "ns", "key", "unique", "sparse", "expireAfterSeconds", "partialFilterExpression"}


def faults_in(
    database: Database[dict[str, Any]], indexes: Mapping[str, Mapping[str, Mapping[str, Any]]] = INDEXES
) -> list[str]:
    """Return what is wrong, as sentences; nothing is as it should be. Only reads."""
    users = list(database.users.find())
    emails = [str(user.get("email")).lower() for user in users]
    found = [] if len(set(emails)) == len(emails) else ["an address has two accounts"]
    found += [f"{user['_id']} has no address" for user in users if not isinstance(user.get("email"), str)]
    found += [f"{user['_id']} has the key of another address" for user in users if _has_another_key(user)]
    sent = {link["user"] for link in database.links.find({"purpose": {"$in": ["reset", "invite"]}})}
    found += [f"{user['_id']} has no usable hash" for user in users if not _has_a_way_in(user, sent)]
    for name in _COLLECTIONS:
        found += [f"{one['_id']} in {name} is a fragment" for one in database[name].find() if len(one) < 4]
    working = {user["_id"] for user in users if not user.get("disabledAt")}
    live = [one for one in database.sessions.find({"endedAt": None}) if one.get("user") not in working]
    left = _of_registrations_cut_short(database)
    found += [f"session {one['_id']} outlives its user" for one in live if str(one["_id"]) not in left]
    return found + _index_faults(database, indexes)


def _of_registrations_cut_short(database: Database[dict[str, Any]]) -> set[str]:
    """Return sessions whose process died before it stored their accounts, and which settling the records deletes."""
    records = database.audit.find({"action": "login.succeeded", "evidence.collection": "users"})
    return {str(record["details"]["session"]) for record in records}


def _has_another_key(user: Mapping[str, Any]) -> bool:
    return user.get("emailKey") is not None and user["emailKey"] != str(user.get("email")).lower()


def _has_a_way_in(user: Mapping[str, Any], sent: set[Any]) -> bool:
    """Tell whether a user has a usable hash, or none and a verified address, or a link that sets one."""
    if user.get("password") is None:
        return user["_id"] in sent or user.get("emailVerifiedAt") is not None
    return _HASH.fullmatch(str(user["password"])) is not None


def _index_faults(
    database: Database[dict[str, Any]], declared: Mapping[str, Mapping[str, Mapping[str, Any]]]
) -> list[str]:
    found = []
    for collection, wanted in declared.items():
        there = database[collection].index_information()
        for name, options in wanted.items():
            if name not in there:
                found.append(f"index {name} is missing")
            elif not _agrees(there[name], options):
                found.append(f"index {name} is not as declared")
    return found


def _agrees(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Tell whether an index does what is wanted and forbids no more."""
    return (
        list(there["key"]) == wanted["key"]
        and bool(there.get("unique")) == bool(wanted.get("unique"))
        and bool(there.get("sparse")) == bool(wanted.get("sparse"))
        and there.get("expireAfterSeconds") == wanted.get("expireAfterSeconds")
        and there.get("partialFilterExpression") == wanted.get("partialFilterExpression")
        and "collation" not in there
    )


def left_indexes(database: Database[dict[str, Any]]) -> list[str]:
    """Return which indexes a test changed, added or left out, by their names: other tests depend on them."""
    left = _index_faults(database, INDEXES)
    for collection in sorted(set(database.list_collection_names()) & set(INDEXES)):
        for name, options in database[collection].index_information().items():
            if name != "_id_" and (name not in INDEXES[collection] or not set(options) <= _OPTIONS):
                left.append(f"{collection}.{name} is none of authsvc: {options}")
    return left
