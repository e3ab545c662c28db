"""What each step of the models costs in a database that is large: a program of its own, with a connection of its own.

`python -m tests.support.growth URI…` prints, for each database, the seconds that each step took at best, and which
commands were sent to which collections.
"""

import json
import secrets
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from time import perf_counter
from types import FrameType
from typing import Any

import mongoengine
from bson import ObjectId
from pymongo import MongoClient, monitoring
from pymongo.database import Database

from authsvc.devdb import quirks
from authsvc.events import catalogue
from authsvc.models import readiness
from authsvc.models.access_tokens import AccessToken
from authsvc.models.audit import AuditEvent, Span
from authsvc.models.challenges import Challenge
from authsvc.models.devices import Device, Proof
from authsvc.models.federation_attempts import FederationAttempt
from authsvc.models.letters import Letter
from authsvc.models.links import Link
from authsvc.models.locks import Lock
from authsvc.models.mfa import MfaTicket
from authsvc.models.passkeys import Passkey
from authsvc.models.sessions import Session
from authsvc.models.throttles import Allowance, Throttle
from authsvc.models.users import Identity, Totp, User, key_of
from authsvc.security.passwords import PasswordHash
from tests.support import webhook_growth
from tests.support.app_growth import APP, of_app_sessions, of_authorizations, of_codes, of_grants

ROUNDS = 7
PATIENT: dict[str, Any] = {"connectTimeoutMS": 600_000}
"""The server says nothing for as long as it is busy with ten thousand documents; it is not to be taken for dead."""
BATCH = 10_000
HASH = "$2b$04$" + "." * 53
Stored = dict[str, Any]
Documents = Iterator[Stored]
Step = Callable[[], Any]


def now() -> datetime:
    """Return the time as the database keeps it."""
    return datetime.now(UTC).replace(microsecond=0)


def sessions(count: int, **members: Any) -> Documents:
    """Yield live sessions, each of somebody else."""
    moment = now()
    for _ in range(count):
        yield {
            "_id": ObjectId(),
            "user": ObjectId(),
            "role": "user",
            "email": "a@example.com",
            "generation": 1,
            "methods": ["pwd"],
            "authTime": moment,
            "createdAt": moment,
            "lastUsedAt": moment,
            "expiresAt": moment + timedelta(days=300),
            **members,
        }


def users(count: int) -> Documents:
    """Yield accounts."""
    moment = now()
    for number in range(count):
        name = f"user-{number:07}"
        yield {
            "_id": ObjectId(),
            "name": name,
            "email": f"{name}@example.com",
            "emailKey": f"{name}@example.com",
            "nameKey": name,
            "password": HASH,
            "role": "user",
            "createdAt": moment,
            "linkedIdentities": [
                {
                    "id": ObjectId(),
                    "key": key_of("https://work.example.com", name),
                    "issuer": "https://work.example.com",
                    "subject": name,
                    "provider": "work",
                    "createdAt": moment,
                }
            ],
        }


def _others(count: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield documents of every other collection that grows, with its name."""
    moment, later = now(), now() + timedelta(days=300)
    for _ in range(count):
        owner, text = ObjectId(), secrets.token_hex(32)
        common = {"user": owner, "expiresAt": later}
        yield "links", {"_id": text, "digest": text, "purpose": "reset", "email": text, "state": "x", **common}
        yield "letters", {"kind": "reset", "to": "x", "sealed": text, "createdAt": moment, "attempts": 1, **common}
        yield "mfa_tickets", {"_id": text, "state": "x", **common}
        yield (
            "federation_attempts",
            {"_id": text, "browser": "x", "step": "return", "provider": "work", "sealed": text, "expiresAt": later},
        )
        yield "challenges", {"challenge": b"x", "purpose": "login", "boundTo": "", "expiresAt": later}
        yield "access_tokens", {"digest": text, "name": "x", "scopes": ["x"], "createdAt": moment, **common}
        yield "passkeys", {"user": owner, "credential": text, "publicKey": b"x", "signCount": 0, "backedUp": True}
        yield "throttles", {"_id": text, "count": 1, "told": False, "endsAt": later, "expiresAt": later}
        yield "devices", {"_id": text, **common}
        yield "grants", {"user": owner, "app": APP, "scopes": ["openid"], "createdAt": moment}
        yield (
            "email_codes",
            {
                "_id": text,
                "purpose": "sign_in",
                "counter": text,
                "email": text,
                "code": text,
                "link": text,
                "codeExpiresAt": later,
                **common,
            },
        )
        yield (
            "authorizations",
            {"digest": text, "app": APP, "codeDigest": text, "userCode": text, "createdAt": moment, **common},
        )
        yield "sign_outs", {"digest": text, "app": APP, "expiresAt": later}
        yield "assertions", {"_id": text, "expiresAt": later}
        yield (
            "logout_notices",
            {"kind": "logout", "to": APP, "createdAt": moment, "deliveredAt": moment, "expiresAt": later},
        )
        yield from webhook_growth.documents(moment, later)
        yield (
            "audit",
            {
                "action": "login.succeeded",
                "at": moment,
                "target": owner,
                "actor": owner,
                "requestId": "x",
                "outcome": "x",
            },
        )


def fill(database: Database[dict[str, Any]], count: int) -> None:
    """Put so many documents into every collection that grows."""
    database.users.insert_many(users(count))
    database.sessions.insert_many(sessions(count))
    database.sessions.insert_many(sessions(count, app=APP, scopes=["openid"], parent=ObjectId()))
    held: defaultdict[str, list[Stored]] = defaultdict(list)
    for name, document in _others(count):
        held[name].append(document)
        if len(held[name]) == BATCH:
            database[name].insert_many(held.pop(name))
    for name, documents in held.items():
        database[name].insert_many(documents)


def index(uri: str) -> None:
    """Make the indexes that the models declare, however long that takes."""
    client = MongoClient[Stored](uri, **PATIENT)
    for document in readiness.INDEXED:
        collection = client.get_default_database()[document._get_collection_name()]
        for spec in document._meta["index_specs"]:
            options = {name: value for name, value in spec.items() if name not in ("fields", "types", "cls")}
            collection.create_index(spec["fields"], **options)
    client.close()


def of_sessions(database: Database[dict[str, Any]]) -> dict[str, Step]:
    """Return the steps that touch one session, or those of one user."""
    (one,) = sessions(1)
    database.sessions.insert_one(one)
    session_id, owner, moment, day = str(one["_id"]), str(one["user"]), now(), timedelta(days=1)
    (other,) = sessions(1, app=APP, scopes=["openid"], parent=ObjectId(), user=one["user"])
    return {
        **of_app_sessions(database, other),
        "find": lambda: Session.find(session_id),
        "standing": lambda: Session.state_of(session_id),
        "rotate": lambda: Session.rotate(session_id, Session.find(session_id).generation, now(), day) or 1 / 0,
        "refresh_proof": lambda: Session.refresh_proof(session_id, ["otp"], now(), add=True) or 1 / 0,
        "add_methods": lambda: Session.add_methods(session_id, ["otp"]),
        "claim_theft": lambda: Session.claim_theft(one["_id"], moment, moment),
        "release_theft": lambda: Session.release_theft(one["_id"]),
        "outdate_proof": lambda: Session.outdate_proof(owner, moment),
        "copy_email": lambda: Session.copy_email(owner, "b@example.com"),
        "copy_role": lambda: Session.copy_role(owner, "user"),
        "latest_of": lambda: Session.latest_of([one["user"]]) or 1 / 0,
        "all_of": lambda: Session.all_of(owner, 100),
        "live": lambda: Session.live(owner, moment, day, limit=20),
        "live, the next page": lambda: Session.live(owner, moment, day, limit=20, before=session_id),
        "beyond": lambda: Session.beyond(owner, moment, day, 100),
        "blank": lambda: Session.blank(owner),
        "end another's": lambda: Session.end(session_id, "logout", moment, owner=str(ObjectId())),
        "end": lambda: Session.end(session_id, "logout", moment),
        "discard": lambda: Session.discard(ObjectId()),
        "end_all": lambda: Session.end_all(owner, "logout", moment, but=session_id),
    }


def of_users(database: Database[dict[str, Any]]) -> dict[str, Step]:
    """Return the steps that touch one account."""
    made = User(name="Somebody", email=f"{ObjectId()}@example.com", password=PasswordHash(HASH)).insert()
    user_id, hashed = str(made.id), PasswordHash(HASH)

    def found() -> User:
        there = User.find(user_id)
        assert there is not None
        return there

    def link_and_unlink() -> None:
        identity = Identity.of("work", "https://work.example.com", "somebody")
        assert User.add_identity(found(), identity) is not None
        assert User.find_by_identity(identity.key) is not None
        User.note_identity_use(made.id, identity.key, "x", now())
        assert User.remove_identity(found(), identity.id) is not None

    def prove() -> None:
        database.users.update_one({"_id": made.id}, {"$unset": {"emailVerifiedAt": 1}})
        assert User.prove_email(found(), Identity.of("work", "https://work.example.com", "owner")) is not None
        assert User.clear_identities(found()) is not None

    totp = Totp(sealed="x", created_at=now())
    return {
        "find": found,
        "find_by_email": lambda: User.find_by_email(made.email.upper()) or 1 / 0,
        "stored": lambda: User.stored(user_id),
        "rename": lambda: User.rename(user_id, "Other") or 1 / 0,
        "upgrade_hash": lambda: User.upgrade_hash(made.id, hashed, hashed) or 1 / 0,
        "replace_password": lambda: User.replace_password(made.id, hashed, hashed) or 1 / 0,
        "reset_password": lambda: User.reset_password(found(), hashed) or 1 / 0,
        "begin_totp": lambda: User.begin_totp(found(), totp) or 1 / 0,
        "spend_totp": lambda: User.spend_totp(user_id, totp, 1),
        "spend_recovery_code": lambda: User.spend_recovery_code(user_id, "x"),
        "clear_factors": lambda: User.clear_factors(user_id) or 1 / 0,
        "set_role": lambda: User.set_role(found(), "user") or 1 / 0,
        "disable": lambda: User.disable(found()) or 1 / 0,
        "enable": lambda: User.enable(made.id) or User.find(user_id),
        "other_admins": lambda: User.other_admins(made.id),
        "link and unlink an identity": link_and_unlink,
        "prove_email": prove,  # which removes the password
    }


def of_secrets(database: Database[dict[str, Any]]) -> dict[str, Step]:
    """Return the steps that go by a secret's digest, or touch what one user has of such."""
    link = database.links.find_one()
    token = database.access_tokens.find_one()
    ticket = database.mfa_tickets.find_one()
    assert link is not None
    assert token is not None
    assert ticket is not None
    nobody, moment = str(ObjectId()), now()
    fresh = {"purpose": "reset", "user": ObjectId(), "email": "x", "state": "x", "expires_at": link["expiresAt"]}

    def redeem_link() -> None:
        Link(key="new", digest="new", **fresh).put()
        assert Link.remove("new")

    def redeem_ticket() -> None:
        MfaTicket(digest="new", user=ObjectId(), state="x", expires_at=link["expiresAt"]).insert()
        assert MfaTicket.redeem("new", moment)

    def go_and_come_back() -> None:
        attempt = FederationAttempt(
            digest="new", browser="b", step="return", provider="work", intent="link", sealed="x"
        )
        attempt.created_at, attempt.expires_at = moment, link["expiresAt"]
        attempt.insert()
        assert FederationAttempt.find("new", ["b"], moment) is not None
        assert FederationAttempt.take("new", "return", ["b", "c"], "work", moment) is not None

    def redeem_challenge() -> None:
        challenge = Challenge(id=ObjectId(), challenge=b"x", purpose="login", expires_at=link["expiresAt"])
        challenge.insert()
        assert Challenge.redeem(str(challenge.id), "login", "", moment)

    return {
        "Link.find_by_digest": lambda: Link.find_by_digest(link["digest"], moment) or 1 / 0,
        "Link.find_by_email": lambda: Link.find_by_email("reset", link["email"], moment) or 1 / 0,
        "Link.put and remove": redeem_link,
        "Link.live": lambda: Link.live(link["user"], link["purpose"], moment),
        "Link.prolong": lambda: Link.prolong(link["user"], [link["digest"]], link["expiresAt"]),
        "Link.all_of": lambda: Link.all_of(str(link["user"]), 10),
        "Link.remove_but": lambda: Link.remove_but(ObjectId(), "reset", "x"),
        "Link.remove_all": lambda: Link.remove_all(nobody, "reset", "verify"),
        "FederationAttempt.take": go_and_come_back,
        "MfaTicket.find": lambda: MfaTicket.find(ticket["_id"], moment) or 1 / 0,
        "MfaTicket.insert and redeem": redeem_ticket,
        "MfaTicket.remove_all": lambda: MfaTicket.remove_all(nobody),
        "Challenge.insert and redeem": redeem_challenge,
        "AccessToken.find_by_digest": lambda: AccessToken.find_by_digest(token["digest"]) or 1 / 0,
        "AccessToken.touch": lambda: AccessToken.touch(token["_id"], now(), timedelta(0)),
        "AccessToken.live": lambda: AccessToken.live(str(token["user"]), moment, limit=20),
        "AccessToken.live, the next page": lambda: AccessToken.live(nobody, moment, limit=20, before=nobody),
        "AccessToken.count": lambda: AccessToken.count(str(token["user"]), moment),
        "AccessToken.remove": lambda: AccessToken.remove(nobody, nobody),
        "AccessToken.remove_all": lambda: AccessToken.remove_all(nobody),
    }


def of_others(database: Database[dict[str, Any]]) -> dict[str, Step]:
    """Return the steps that go by another key."""
    passkey = database.passkeys.find_one()
    assert passkey is not None
    owner, nobody, moment = str(passkey["user"]), ObjectId(), now()
    letter = Letter(kind="x", to="x", user=nobody, sealed="x", created_at=moment, due_at=moment)
    letter.insert()
    span = Span(moment - timedelta(days=1), moment + timedelta(days=1))

    def lease() -> None:
        Letter.release(letter.id, now())
        leased = Letter.lease(now(), timedelta(minutes=3))
        assert leased is not None
        leased.put_back(now() + timedelta(minutes=1))
        leased.settle(due_at=now() + timedelta(hours=1), error="x")

    def throttle() -> None:
        allowances = [Allowance("new", 2, timedelta(minutes=5)), Allowance("row", 2, timedelta(minutes=5), in_row=True)]
        for read in (None, Throttle.read(["new", "row"])):
            Throttle.take(allowances, read, moment)
        Throttle.note_refusal("new")
        Throttle.settle(["new"], ["row"], moment)

    def record() -> None:
        event = AuditEvent(action=catalogue.LoginFailed.name, at=now(), request_id="x", outcome="x")
        AuditEvent.insert_all([event])
        AuditEvent.confirm(event.id)
        assert not AuditEvent.withdraw_unconfirmed(event.id)
        AuditEvent.withdraw(event.id)

    return {
        "Letter.lease and settle": lease,
        "Letter.lease, none due": lambda: Letter.lease(moment - timedelta(days=1), timedelta(minutes=3)),
        "Letter.drop": lambda: Letter.drop(nobody),
        "Letter.drop_due": lambda: Letter.drop_due(nobody, but="x"),
        "Letter.reseal": lambda: letter.reseal("x"),
        "Letter.latest": lambda: Letter.latest(20, owner),
        "Passkey.find_by_credential": lambda: Passkey.find_by_credential(passkey["credential"]) or 1 / 0,
        "Passkey.among": lambda: Passkey.among([passkey["_id"]]),
        "Passkey.among, the next page": lambda: Passkey.among([passkey["_id"]], limit=20, before=str(nobody)),
        "Passkey.rename": lambda: Passkey.rename(str(passkey["_id"]), owner, "x") or 1 / 0,
        "Passkey.advance": lambda: Passkey.advance(passkey["_id"], 0, backed_up=True, now=moment) or 1 / 0,
        "Passkey.remove": lambda: Passkey.remove(nobody),
        "Passkey.remove_all": lambda: Passkey.remove_all(owner, but=[passkey["_id"]]),
        "Device.known": lambda: Device.known(["a" * 64, "b" * 64], moment),
        "Device.any_of": lambda: Device.any_of(nobody, moment),
        "Device.all_of": lambda: Device.all_of(str(nobody), 10),
        "Device.remember": lambda: Device.remember("new", nobody, passkey["_id"].generation_time, Proof.PASSWORD),
        "Device.sharing": lambda: Device.sharing(["a" * 64, "b" * 64], moment, most=8),
        "Device.strengthen": lambda: Device.strengthen(["a" * 64, "b" * 64], Proof.FACTOR),
        "Device.remove": lambda: Device.remove("a" * 64),
        "Device.keep_newest_browsers": lambda: Device.keep_newest_browsers(nobody, 20),
        "Device.remove_but": lambda: Device.remove_but(str(nobody), ["a" * 64]),
        "Throttle": throttle,
        "Lock": lambda: (Lock.take("x", "me", moment, moment), Lock.release("x", "me")),
        "AuditEvent.insert_all and withdraw": record,
        "AuditEvent.about": lambda: AuditEvent.about(str(nobody), span.since, limit=20),
        "AuditEvent.about, the next page": lambda: AuditEvent.about(owner, span.since, limit=20, before=str(nobody)),
        "AuditEvent.unsettled": lambda: AuditEvent.unsettled(moment, 20),
        "AuditEvent.search by user": lambda: AuditEvent.search(user=owner, action=None, span=span, limit=20),
        "AuditEvent.search by both": lambda: AuditEvent.search(
            user=owner, action="login.succeeded", span=span, limit=20
        ),
    }


class Listener(monitoring.CommandListener):
    """Notes the commands that are sent, each with its collection."""

    def __init__(self) -> None:
        self.sent: set[tuple[str, str]] = set()

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Note a command."""
        self.sent.add((event.command_name, str(event.command.get(event.command_name))))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Do nothing."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Do nothing."""


def measure(uri: str) -> dict[str, Any]:
    """Return how long each step took at best, and how long it takes to read a whole collection; and what was sent."""
    heard = Listener()
    fixed: dict[str, Any] = {"uuidRepresentation": "standard", "tz_aware": True, "timeoutMS": 60_000}
    quirks.install()
    mongoengine.connect(host=uri, event_listeners=[heard], **fixed)
    database = mongoengine.connection.get_db()
    steps: dict[str, Step] = {}
    for prefix, made in (("Session.", of_sessions), ("User.", of_users), ("", of_secrets), ("", of_others)):
        steps |= {f"{prefix}{name}": step for name, step in made(database).items()}
    steps |= {**of_grants(), **of_authorizations(), **of_codes(), **webhook_growth.steps()}
    steps["a whole collection"] = lambda: list(database.mfa_tickets.find({"state": "nothing"}))
    taken, called = {}, set[str]()
    for name, step in steps.items():
        taken[name] = min(_timed(step) for _ in range(ROUNDS))
        called |= _called_by(step)
    mongoengine.disconnect()
    return {"taken": taken, "sent": sorted(heard.sent), "called": sorted(called)}


def _called_by(step: Step) -> set[str]:
    """Take a step once more; return what of the models that calls, as `Session.rotate`."""
    called: set[str] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and str(frame.f_globals.get("__name__")).startswith("authsvc.models"):
            called.add(frame.f_code.co_qualname)

    sys.setprofile(note)
    try:
        step()
    finally:
        sys.setprofile(None)
    return called


def bounded_steps() -> set[str]:
    """Return every step of the models that has to be done in seconds, by the class that defines it."""
    kinds = {kind for document in readiness.INDEXED for kind in document.__mro__}
    kinds = {kind for kind in kinds if kind.__module__.startswith("authsvc.models")}
    members = (getattr(member, "__func__", member) for kind in kinds for member in vars(kind).values())
    return {_innermost(member).__qualname__ for member in members if _is_bounded(member)}


def _is_bounded(member: Any) -> bool:
    code = getattr(member, "__code__", None)
    return code is not None and (code.co_name == "within_time" or _is_bounded(getattr(member, "__wrapped__", None)))


def _innermost(member: Any) -> Any:
    return _innermost(member.__wrapped__) if hasattr(member, "__wrapped__") else member


def _timed(step: Step) -> float:
    begin = perf_counter()
    step()
    return perf_counter() - begin


if __name__ == "__main__":
    print(json.dumps([measure(uri) for uri in sys.argv[1:]]))
