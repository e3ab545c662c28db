"""The `apps` collection: what may ask people to sign in here; RFC 6749 calls them clients."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self, cast

from bson import ObjectId
from mongoengine import EmbeddedDocument, Q
from mongoengine.errors import NotUniqueError
from mongoengine.fields import (
    BooleanField,
    DictField,
    EmbeddedDocumentField,
    IntField,
    ListField,
    ObjectIdField,
    StringField,
)

from authsvc.models.base import EXPIRY, Document, bounded, object_id, utc_field
from authsvc.security.app_documents import SCHEME, key_of, place_of

_TURNS = 4


class AppKind(StrEnum):
    """What an app is: with a server, in a browser alone, or installed (RFC 6749 section 2.1).

    A service acts for itself, without a person; a device has no keyboard or browser (RFC 8628).
    """

    WEB = "web"
    SPA = "spa"
    NATIVE = "native"
    SERVICE = "service"
    DEVICE = "device"


class GrantType(StrEnum):
    """How an app may get tokens: the `grant_type` at the token endpoint."""

    CODE = "authorization_code"
    REFRESH = "refresh_token"
    CLIENT_CREDENTIALS = "client_credentials"
    DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"


class IdTokenAlg(StrEnum):
    """How ID tokens for an app are signed (OpenID Connect Core section 15.1)."""

    RS256 = "RS256"
    ES256 = "ES256"


class AuthMethod(StrEnum):
    """How an app authenticates at the token endpoint (OpenID Connect Core section 9)."""

    NONE = "none"
    BASIC = "client_secret_basic"
    POST = "client_secret_post"
    PRIVATE_KEY = "private_key_jwt"


class Secret(EmbeddedDocument):
    """A secret of an app: only its digest is stored."""

    meta = {"strict": False}

    id: ObjectId = ObjectIdField(required=True)
    digest: str = StringField(required=True)
    created_at: datetime = utc_field(db_field="createdAt", required=True)
    expires_at: datetime | None = utc_field(db_field="expiresAt")


class AppDocument(EmbeddedDocument):
    """What is known of the document that an app describes itself in: its address is the app's id.

    It may be used without asking until `fresh_until`. `tried_at` is when it was last asked for, `allowed_at` when
    somebody first allowed the app.
    """

    meta = {"strict": False}

    fetched_at: datetime = utc_field(db_field="fetchedAt", required=True)
    fresh_until: datetime = utc_field(db_field="freshUntil", required=True)
    tried_at: datetime = utc_field(db_field="triedAt", required=True)
    allowed_at: datetime | None = utc_field(db_field="allowedAt")


class App(Document):
    """An app: who it is, how it authenticates, where answers may go, and what it may ask for.

    `version` counts its changes, so that each is made to what was read. `epoch` counts those that end what it has:
    requests, codes and tokens of before are refused, also if the app is as it was again. An app with a `document` is
    not registered: its id is the address of that, and what is here is what it said, kept until `expires_at`.
    """

    meta = {
        "collection": "apps",
        "indexes": [{"fields": ["owner", "-id"], "name": "owner", "sparse": True}, EXPIRY],
    }

    id: str = StringField(primary_key=True)
    name: str = StringField(required=True)
    kind: str = StringField(required=True)
    secrets: list[Secret] = ListField(EmbeddedDocumentField(Secret))
    auth_method: str = StringField(db_field="authMethod", required=True)
    jwks: dict[str, Any] | None = DictField(default=None)
    redirect_uris: list[str] = ListField(StringField(), db_field="redirectUris")
    logout_uris: list[str] = ListField(StringField(), db_field="logoutUris")
    backchannel_uri: str | None = StringField(db_field="backchannelUri")
    grant_types: list[str] = ListField(StringField(), db_field="grantTypes")
    scopes: list[str] = ListField(StringField())
    resources: list[str] = ListField(StringField())
    id_token_alg: str = StringField(db_field="idTokenAlg", default=IdTokenAlg.RS256.value)
    requires_pkce: bool = BooleanField(db_field="requiresPkce", default=True)
    trusted: bool = BooleanField(default=False)
    owner: ObjectId | None = ObjectIdField()
    version: int = IntField(default=0)
    epoch: int = IntField(default=0)
    created_at: datetime = utc_field(db_field="createdAt", required=True)
    disabled_at: datetime | None = utc_field(db_field="disabledAt")
    document: AppDocument | None = EmbeddedDocumentField(AppDocument)
    expires_at: datetime | None = utc_field(db_field="expiresAt")

    @classmethod
    def find(cls, app_id: str) -> Self | None:
        """Return the app with this id."""
        return cls.by_key(app_id)

    @classmethod
    def find_enabled(cls, app_id: str | None) -> Self | None:
        """Return the app with this id, unless it is disabled."""
        app = cls.find(app_id) if app_id else None
        return app if app is not None and app.disabled_at is None else None

    @classmethod
    @bounded
    def names(cls, app_ids: Iterable[str]) -> dict[str, str]:
        """Return by id what apps are called, for people; of one that is gone the id."""
        wanted = list(dict.fromkeys(app_ids))
        known = {app.id: app.label for app in cls.objects(id__in=wanted).only("id", "name")} if wanted else {}
        return {app_id: known.get(app_id, app_id) for app_id in wanted}

    @classmethod
    @bounded
    def all(cls, most: int, *, documents: bool = False) -> list[Self]:
        """Return the apps that are registered, or those with documents, in the order of their ids."""
        return list(cls._of(documents).order_by("id").limit(most))

    @classmethod
    @bounded
    def page(cls, limit: int, before: str | None, owner: str | None, documents: bool) -> list[Self]:
        """Return the newest registered apps, of one owner or of all, newest first, from after the one with id `before`.

        Those with documents come by the address, backwards.
        """
        older = {} if before is None else {"id__lt": before}
        whose = {} if owner is None else {"owner": object_id(owner)}
        return list(cls._of(documents).filter(**older, **whose).order_by("-id").limit(limit))

    @classmethod
    @bounded
    def count(cls) -> int:
        """Count the apps that are registered."""
        return cast(int, cls.objects(id__lt=SCHEME).count())

    @classmethod
    def _of(cls, documents: bool) -> Any:
        """Return the registered apps, or those with documents that somebody has allowed or disabled."""
        if not documents:
            return cls.objects(id__lt=SCHEME)
        return cls.objects(Q(id__gte=SCHEME) & (Q(document__allowed_at__ne=None) | Q(disabled_at__ne=None)))

    @classmethod
    @bounded
    def is_resource(cls, uri: str) -> bool:
        """Tell whether a URI is a resource of a registered app."""
        return bool(cls.objects(id__lt=SCHEME, resources=uri).limit(1).count(with_limit_and_skip=True))

    @classmethod
    @bounded
    def keep_document(
        cls, app_id: str, now: datetime, fresh_until: datetime, kept_until: tuple[datetime, datetime], **values: Any
    ) -> Self | None:
        """Keep what an app's document says; return the app as it is now, None if it is disabled.

        `kept_until` is for one that nobody has allowed yet, and for one that somebody has.
        """
        times = {"fetched_at": now, "fresh_until": fresh_until, "tried_at": now}
        changes = {**{f"document__{name}": time for name, time in times.items()}, **values}
        for _ in range(_TURNS):
            known = cls.objects(id=app_id, disabled_at=None)
            new, allowed = known.filter(document__allowed_at=None), known.filter(document__allowed_at__ne=None)
            for apps, expires_at in zip((new, allowed), kept_until, strict=True):
                setting = {f"set__{name}": value for name, value in {**changes, "expires_at": expires_at}.items()}
                app = apps.modify(inc__version=1, **setting, new=True)
                if app is not None:
                    return cast(Self, app)
            if cls.objects(id=app_id, disabled_at__ne=None).count():
                return None
            with suppress(NotUniqueError):  # another request has just kept it
                return cls(
                    id=app_id,
                    created_at=now,
                    # Of one that was deleted and is there again, requests of before are refused too.
                    epoch=int(now.timestamp()),
                    document=AppDocument(**times),
                    expires_at=kept_until[0],
                    **values,
                ).insert()
        return cls.find_enabled(app_id)

    @classmethod
    @bounded
    def try_document(cls, app_id: str, now: datetime, pause: timedelta) -> bool:
        """Note that an app's document is asked for; tell whether this call is the one to do so within a pause."""
        last = cls.objects(id=app_id, document__tried_at__lte=now - pause)
        return bool(last.update_one(set__document__tried_at=now))

    @classmethod
    @bounded
    def note_allowed(cls, app_id: str, now: datetime, until: datetime) -> None:
        """Note that somebody allows an app with a document, which is therefore kept longer."""
        known = cls.objects(id=app_id, disabled_at=None)
        known.filter(document__allowed_at=None).update_one(set__document__allowed_at=now)
        known.update_one(max__expires_at=until)

    @classmethod
    @bounded
    def trim_documents(cls, most: int, before: datetime) -> None:
        """Of documents that nobody has allowed, and that are kept until before a time, leave only so many."""
        new = cls.objects(id__gte=SCHEME, expires_at__lt=before, document__allowed_at=None)
        surplus = list(new.order_by("-expires_at").skip(most).limit(most).scalar("id"))
        if surplus:
            new.filter(id__in=surplus).delete()

    @bounded
    def change(self, *, ends: bool = False, **values: Any) -> Self | None:
        """Change an app, unless it has changed since it was read; return it as it is now, None if it has.

        `ends` says that nothing of what it has may be valid any longer.
        """
        changes = {f"set__{name}": value for name, value in values.items()}
        epoch = {"inc__epoch": 1} if ends else {}
        same = type(self).objects(id=self.id, version=self.version)
        return cast(Self | None, same.modify(inc__version=1, **epoch, **changes, new=True))

    @classmethod
    @bounded
    def remove(cls, app_id: str) -> bool:
        """Delete an app; tell whether it was there."""
        return bool(cls.objects(id=app_id).delete())

    @property
    def has_document(self) -> bool:
        """Tell whether the app is not registered, and describes itself in a document."""
        return self.id.startswith(SCHEME)

    @property
    def key(self) -> str:
        """Return what stands for the app in paths."""
        return key_of(self.id)

    @property
    def document_place(self) -> str | None:
        """Return the host where the app describes itself; None if it is registered."""
        return place_of(self.id) if self.has_document else None

    @property
    def label(self) -> str:
        """Return what the app is called, for people: what names itself is told with its host."""
        return f"{self.name} ({self.document_place})" if self.has_document else self.name

    @property
    def is_confidential(self) -> bool:
        """Tell whether the app can keep a secret (RFC 6749 section 2.1)."""
        return self.auth_method != AuthMethod.NONE
