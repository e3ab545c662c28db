"""The exports of other products: how each is recognised, what its fields mean, and which are not imported.

The fields are those that the products document or write themselves; a field that no table names is not imported,
and the report names it.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from authsvc.security import foreign_hashes
from authsvc.services.user_transfer import listed_identities
from authsvc.services.user_transfer.listed_identities import Known, Listed

Members = dict[str, Any]

_WRAPPING = frozenset({"type", "version", "comment", "name", "database", "data"})


class NeedsReset(Exception):
    """A password hash that can't be imported: its owner has to set a new password. The message names its kind."""


@dataclass(frozen=True, slots=True)
class FirebaseConfig:
    """The parameters of a project's scrypt, as the Firebase console shows them."""

    key: bytes
    separator: bytes
    rounds: int
    cost: int


@dataclass(frozen=True, slots=True)
class Options:
    """Parameters of an import that are not in its accounts; `providers` are those that are configured here."""

    firebase: FirebaseConfig | None = None
    providers: Known = field(default_factory=Known)


@dataclass(frozen=True, slots=True)
class Product:
    """A format: `title` names it, and one of `signs`, sets of fields, tells it from others.

    `fields` says what each field means: `email`, `name`, `givenName`, `familyName`, `createdAt`, `verified`,
    `verifiedAt`, `disabled`, `enabled`, `disabledAt`, `bannedUntil`, `hash`, `id`, or a field to be kept under
    that name. A field without a meaning ("") is of no use here and is not reported. `account` returns the members of a
    record's account, None if it is none; `password` returns its hash, and `identities` what it has at other providers.
    """

    title: str
    signs: tuple[frozenset[str], ...]
    fields: Mapping[str, str]
    account: Callable[[Members], Members | None] = lambda members: members
    password: Callable[[Members, Options], str | None] = lambda _members, _options: None
    identities: Callable[[Members], Iterable[Listed]] = lambda _members: ()
    remarks: Mapping[str, str] = field(default_factory=dict)


def recognised(members: Members) -> str | None:
    """Return the key of the product that wrote a record like this; None for no known one."""
    names = members.keys()
    return next((key for key, one in PRODUCTS.items() if any(sign <= names for sign in one.signs)), None)


def is_wrapping(members: Members) -> bool:
    """Tell whether an object is what phpMyAdmin writes around a table."""
    return members.get("type") in ("header", "database", "table") and members.keys() <= _WRAPPING


def firebase_config(text: str) -> FirebaseConfig:
    """Read the parameters that the Firebase console shows as `hash_config {…}`, or that as JSON. Raises ValueError."""
    parameters = dict(re.findall(r"""\b(\w++)["']?\s*+[:=]\s*+["']?([\w+/=-]++)""", text))
    if parameters.get("algorithm", "SCRYPT") != "SCRYPT":
        raise ValueError("the algorithm of a project of Firebase is SCRYPT")
    try:
        key, separator = (
            _from_base64(parameters.get(f"base64_{name}", "")) for name in ("signer_key", "salt_separator")
        )
        config = FirebaseConfig(key, separator, int(parameters["rounds"]), int(parameters["mem_cost"]))
    except (KeyError, ValueError) as error:
        raise ValueError("base64_signer_key, base64_salt_separator, rounds and mem_cost are needed") from error
    if not config.key:
        raise ValueError("base64_signer_key is empty")
    return config


def _signs(*fields: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(sign.split()) for sign in fields)


def _meanings(**meant: str) -> dict[str, str]:
    """Return what fields mean, from the fields (with blanks between) of each meaning."""
    return {name: "" if meaning == "nothing" else meaning for meaning, names in meant.items() for name in names.split()}


def _supabase(members: Members) -> Members:
    """Copy the name from the metadata, where people state it."""
    meta = _object(members.get("raw_user_meta_data", members.get("user_metadata")))
    called = next(
        (meta[name] for name in ("full_name", "name", "display_name") if isinstance(meta.get(name), str)), None
    )
    return {**members, "name": called, "banned_until": members.get("banned_until")}


def _firebase_hash(members: Members, options: Options) -> str | None:
    stored = members.get("passwordHash")
    if not stored:
        return None
    if options.firebase is None:
        raise NeedsReset("Firebase scrypt (give its parameters with --firebase-hash-config)")
    config = options.firebase
    parts = _from_base64(str(members.get("salt", ""))), _from_base64(str(stored))
    scrypt: dict[str, Any] = {
        "cost": config.cost,
        "rounds": config.rounds,
        "separator": config.separator,
        "key": config.key,
    }
    return foreign_hashes.firebase(*parts, **scrypt)


def _auth0(members: Members) -> Members:
    """Use an id of Auth0's own database as the person's id; that of a social login names the provider."""
    return {name: value for name, value in members.items() if value is not None}


def _auth0_hash(members: Members, _options: Options) -> str | None:
    """Return the bcrypt hash that support sends, or what the import schema calls `custom_password_hash`."""
    plain = members.get("passwordHash", members.get("password_hash"))
    custom = members.get("custom_password_hash")
    if not isinstance(custom, dict):
        return plain
    made, stored = str(custom.get("algorithm")), custom.get("hash")
    value = stored.get("value") if isinstance(stored, dict) else None
    if not isinstance(stored, dict) or not isinstance(value, str):
        raise NeedsReset(f"Auth0 {made} in an unknown format")
    if made in ("argon2", "bcrypt", "pbkdf2"):
        return value
    if made == "scrypt":
        return _auth0_scrypt(custom, _decoded(value, stored.get("encoding", "base64")))
    raise NeedsReset({"sha1": "SHA-1", "sha256": "SHA-2", "sha512": "SHA-2"}.get(made, made.upper()))


def _auth0_scrypt(custom: Members, digest: bytes) -> str:
    salt = custom.get("salt") or {}
    n = int(custom.get("cost", 16384))
    if n < 2 or n & (n - 1):
        raise NeedsReset("scrypt with a cost that is not a power of two")
    salted = _decoded(str(salt.get("value", "")), salt.get("encoding", "utf8"))
    r, p = int(custom.get("blockSize", 8)), int(custom.get("parallelization", 1))
    return foreign_hashes.scrypt(n.bit_length() - 1, r, p, salted, digest)


def _keycloak(members: Members) -> Members:
    """Report the second factors, which are not imported: afterwards a password is enough to sign in."""
    stored = members.get("credentials")
    credentials = [one for one in stored if isinstance(one, dict)] if isinstance(stored, list) else []
    kinds = {str(one.get("type", "password")) for one in credentials}
    return {**members, **{f"credentials: {kind}": True for kind in sorted(kinds - {"password", "password-history"})}}


def _keycloak_hash(members: Members, _options: Options) -> str | None:
    """Return the hash of the first credential that is a password: its two halves are JSON texts inside the JSON."""
    credentials = [one for one in members.get("credentials") or [] if isinstance(one, dict)]
    for one in credentials:
        if one.get("type", "password") == "password":
            return _keycloak_credential(one)
    return None


def _keycloak_credential(credential: Members) -> str:
    data, secret = _object(credential.get("credentialData")), _object(credential.get("secretData"))
    if not data:  # before Keycloak 8, and what people write by hand
        data, secret = credential, {"value": credential.get("hashedSaltedValue"), "salt": credential.get("salt")}
    made, passes = str(data.get("algorithm")), data.get("hashIterations")
    if (
        not isinstance(secret.get("value"), str)
        or not isinstance(secret.get("salt"), str)
        or not isinstance(passes, int)
    ):
        raise NeedsReset("a plain-text password, or a Keycloak credential without a hash")
    digest, salt = _from_base64(secret["value"]), _from_base64(secret["salt"])
    if made in _KEYCLOAK_PBKDF2:
        return foreign_hashes.pbkdf2(_KEYCLOAK_PBKDF2[made], passes, salt, digest)
    if made == "argon2":
        asked = {name: values[0] for name, values in _object(data.get("additionalParameters")).items() if values}
        return foreign_hashes.argon2(
            str(asked.get("type", "id")),
            salt,
            digest,
            version=16 if asked.get("version") == "1.0" else 19,
            memory=int(asked.get("memory", 7168)),
            passes=passes,
            lanes=int(asked.get("parallelism", 1)),
        )
    raise NeedsReset(f"Keycloak {made}")


_KEYCLOAK_PBKDF2 = {"pbkdf2": "sha1", "pbkdf2-sha256": "sha256", "pbkdf2-sha512": "sha512"}


def _django(members: Members) -> Members | None:
    """Return the fields of an object that `dumpdata` wrote, None if that is no account; a row of CSV as it is."""
    if "model" not in members:
        return members
    inner = members.get("fields")
    if not isinstance(inner, dict) or "password" not in inner:
        return None
    return {"id": members.get("pk"), **inner}


def _object(value: Any) -> Members:
    """Return an object, also from a JSON text; an empty one for anything else."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}


def _from_base64(text: str) -> bytes:
    """Return what base64 stands for, in its URL-safe alphabet too. Raises NeedsReset."""
    plain = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error as error:
        raise NeedsReset("a hash with invalid base64") from error


def _decoded(text: str, encoding: Any) -> bytes:
    try:
        return {"hex": bytes.fromhex, "utf8": str.encode}.get(str(encoding), _from_base64)(text)
    except ValueError as error:
        raise NeedsReset("a hash in another encoding than declared") from error


PRODUCTS: dict[str, Product] = {
    "supabase": Product(
        title="Supabase (auth.users)",
        signs=_signs(
            "encrypted_password aud",
            "encrypted_password instance_id",
            "encrypted_password email_confirmed_at",
            "encrypted_password raw_user_meta_data",
            "aud app_metadata",
            "raw_app_meta_data",
        ),
        fields=_meanings(
            id="id",
            email="email",
            hash="encrypted_password",
            name="name",
            verifiedAt="email_confirmed_at",
            createdAt="created_at",
            bannedUntil="banned_until",
            disabledAt="deleted_at",
            phone="phone",
            nothing="instance_id aud role invited_at confirmation_token confirmation_sent_at recovery_token "
            "recovery_sent_at email_change_token_new email_change email_change_sent_at last_sign_in_at updated_at "
            "phone_confirmed_at phone_change phone_change_token phone_change_sent_at confirmed_at "
            "email_change_token_current email_change_confirm_status reauthentication_token reauthentication_sent_at "
            "is_sso_user is_anonymous identities",
        ),
        account=_supabase,
        identities=listed_identities.of_supabase,
    ),
    "devise": Product(
        title="Devise (Rails)",
        signs=_signs("encrypted_password"),
        fields=_meanings(
            id="id",
            email="email",
            hash="encrypted_password",
            name="name full_name",
            givenName="first_name",
            familyName="last_name",
            username="username",
            verifiedAt="confirmed_at",
            createdAt="created_at",
            disabledAt="locked_at deleted_at discarded_at",
            nothing="reset_password_token reset_password_sent_at remember_created_at remember_token sign_in_count "
            "current_sign_in_at last_sign_in_at current_sign_in_ip last_sign_in_ip confirmation_token "
            "confirmation_sent_at failed_attempts unlock_token updated_at",
        ),
        remarks={"password": "if `config.pepper` was set, no password works: these accounts need a password reset"},
    ),
    "firebase": Product(
        title="Firebase (auth:export)",
        signs=_signs("localId"),
        fields=_meanings(
            id="localId",
            email="email",
            name="displayName",
            verified="emailVerified",
            createdAt="createdAt",
            disabled="disabled",
            phone="phoneNumber",
            nothing="passwordHash salt lastSignedInAt lastLoginAt version providerUserInfo "
            "googleId googleEmail githubId githubEmail",
        ),
        password=_firebase_hash,
        identities=listed_identities.of_firebase,
    ),
    "auth0": Product(
        title="Auth0",
        signs=_signs("custom_password_hash", "user_id identities", "user_id email_verified", "passwordHash tenant"),
        fields=_meanings(
            id="_id user_id",
            email="email",
            name="name",
            givenName="given_name",
            familyName="family_name",
            username="username",
            verified="email_verified",
            createdAt="created_at",
            disabled="blocked",
            nothing="passwordHash password_hash custom_password_hash tenant connection password_set_date "
            "_tmp_is_unique nickname picture updated_at last_login last_ip logins_count last_password_reset identities",
        ),
        account=_auth0,
        password=_auth0_hash,
        identities=listed_identities.of_auth0,
    ),
    "keycloak": Product(
        title="Keycloak (realm export)",
        signs=_signs("username createdTimestamp", "username credentials", "username enabled", "username realmRoles"),
        fields=_meanings(
            id="id",
            email="email",
            givenName="firstName",
            familyName="lastName",
            username="username",
            verified="emailVerified",
            createdAt="createdTimestamp",
            enabled="enabled",
            nothing="credentials notBefore disableableCredentialTypes access federatedIdentities",
        ),
        account=_keycloak,
        password=_keycloak_hash,
        identities=listed_identities.of_keycloak,
    ),
    "django": Product(
        title="Django (auth.user)",
        signs=_signs("model fields", "date_joined"),
        fields=_meanings(
            id="id",
            email="email",
            hash="password",
            name="name full_name",
            givenName="first_name",
            familyName="last_name",
            username="username",
            createdAt="date_joined",
            enabled="is_active",
            verified="email_verified is_verified",
            nothing="last_login",
        ),
        account=_django,
    ),
    "wordpress": Product(
        title="WordPress (wp_users)",
        signs=_signs("user_pass", "user_login user_email", "user_registered"),
        fields=_meanings(
            id="ID id",
            email="user_email",
            hash="user_pass",
            name="display_name",
            username="user_login",
            createdAt="user_registered",
            disabled="spam deleted",
            nothing="user_nicename user_activation_key user_status user_url nickname",
        ),
    ),
    "laravel": Product(
        title="Laravel (users)",
        signs=_signs("remember_token", "email_verified_at password updated_at"),
        fields=_meanings(
            id="id",
            email="email",
            hash="password",
            name="name",
            givenName="first_name",
            familyName="last_name",
            username="username",
            verifiedAt="email_verified_at",
            createdAt="created_at",
            disabledAt="deleted_at",
            nothing="remember_token updated_at",
        ),
    ),
}
"""In the order in which they are tried: the signs of a later one may occur in an earlier one."""
