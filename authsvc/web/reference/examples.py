"""Example values for what the OpenAPI document describes: by a member's name, else by its type."""

from typing import Any

Schemas = dict[str, dict[str, Any]]

_ID = "650a1f0c9b8e4d0012ab34cd"
_LATER = "2026-03-01T09:30:00Z"
_OPAQUE = "V1StGXR8Z5jdHi6BmyT0lQ4wk7C2nRzP"
_JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIi.c2ln"
_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
_CREDENTIAL = {"id": "AbCdEfGh", "rawId": "AbCdEfGh", "type": "public-key", "response": {}}

_BY_NAME: dict[str, Any] = {
    "accessToken": _JWT,
    "action": "login.succeeded",
    "app": "app_notes",
    "authMethod": "none",
    "challengeId": _OPAQUE,
    "code": "123456",
    "credential": _CREDENTIAL,
    "currentPassword": "an analytical engine",
    "cursor": _OPAQUE,
    "detail": "The address is not an email address.",
    "disabled": True,
    "email": "ada@example.com",
    "expiresAt": _LATER,
    "expiresIn": 900,
    "expiresInDays": 90,
    "host": "notes.example.com",
    "icon": "google",
    "id": _ID,
    "ip": "203.0.113.7",
    "iss": "https://accounts.google.com",
    "issuer": "https://accounts.google.com",
    "kid": "2026-01",
    "label": "Google",
    "lastUsedAt": _LATER,
    "location": "https://accounts.google.com/o/oauth2/v2/auth?…",
    "message": "Hello Ada Lovelace",
    "mfaToken": _OPAQUE,
    "name": "Ada Lovelace",
    "newPassword": "a difference engine",
    "next": None,
    "password": "an analytical engine",
    "pointer": "/email",
    "provider": "google",
    "publicKey": {"challenge": "dGhlIGNoYWxsZW5nZQ", "rpId": "auth.example.com"},
    "recoveryCode": "abcd-efgh-ijkl",
    "redirectUris": ["https://notes.example.com/callback"],
    "refreshToken": _JWT,
    "request": "asr_4wk7C2nRzPV1StGXR8Z5jdHi6Bmy",
    "requestId": "7f3c0a5e9d1b4c2f8e6a7b5d4c3b2a19",
    "resources": ["https://api.example.com"],
    "role": "user",
    "secret": "JBSWY3DPEHPK3PXP",
    "state": _OPAQUE,
    "subject": "110169484474386276334",
    "to": "ada@example.com",
    "token": _OPAQUE,
    "tokenType": "Bearer",
    "uri": "otpauth://totp/Example:ada@example.com?secret=JBSWY3DPEHPK3PXP&issuer=Example",
    "url": "https://notes.example.com/callback",
    "userAgent": _AGENT,
    "userCode": "WDJB-MJHT",
    "username": "ada@example.com",
    "version": "1.0.0",
}
# Where a name means something else in one object.
_BY_PLACE: dict[tuple[str, str], Any] = {
    ("AccessToken", "name"): "Nightly report",
    ("App", "id"): "app_notes",
    ("App", "name"): "Notes",
    ("FederationWish", "intent"): "sign_in",
    ("Introspection", "scope"): "account:read",
    ("IssuedApp", "id"): "app_notes",
    ("IssuedApp", "name"): "Notes",
    ("IssuedToken", "name"): "Nightly report",
    ("IssuedToken", "token"): "pat_V1StGXR8Z5jdHi6BmyT0lQ4wk7C2nRzP",
    ("NewAccessToken", "name"): "Nightly report",
    ("NewAccessToken", "scopes"): ["account:read"],
    ("NewApp", "kind"): "spa",
    ("NewApp", "name"): "Notes",
    ("NewPasskey", "name"): "Ada's laptop",
    ("Passkey", "name"): "Ada's laptop",
    ("PasskeyName", "name"): "Ada's laptop",
    ("Provider", "name"): "google",
    ("Readiness", "status"): "ready",
    ("Health", "status"): "ok",
    ("RecoveryCodes", "recoveryCodes"): ["abcd-efgh-ijkl", "mnop-qrst-uvwx"],
}
_BY_TYPE: dict[str, Any] = {"boolean": False, "integer": 1, "number": 1, "object": {}, "string": "text", "null": None}
_BY_FORMAT = {"date-time": "2026-01-31T09:30:00Z", "email": "ada@example.com", "uri": "https://example.com/"}
_DEEPEST = 6


def of(schema: dict[str, Any], schemas: Schemas) -> Any:
    """Return an example of an answer: all members that are always there."""
    return _value(schema, schemas, place=("", ""), depth=0)


def of_body(name: str, schemas: Schemas, also: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return an example of a body: what it must have, and the members `also`."""
    schema = schemas[name]
    choices = schema.get("oneOf") or schema.get("anyOf") or [{"required": []}]
    wanted = [*schema.get("required", []), *choices[0]["required"]]
    for member in tuple(wanted):
        wanted += schema.get("dependentRequired", {}).get(member, [])
    members = schema["properties"]
    return {
        member: _value(members[member], schemas, place=(name, member), depth=0)
        for member in members
        if member in wanted or member in also
    }


def of_parameter(name: str, schema: dict[str, Any]) -> str:
    """Return an example of a query parameter."""
    return str(_value(schema, {}, place=("", name), depth=0))


def _value(schema: dict[str, Any], schemas: Schemas, *, place: tuple[str, str], depth: int) -> Any:
    if "$ref" in schema:
        return _object(schema["$ref"].rpartition("/")[2], schemas, depth)
    if "anyOf" in schema:
        return _value(schema["anyOf"][0], schemas, place=place, depth=depth)
    return _BY_PLACE[place] if place in _BY_PLACE else _plain(schema, schemas, place, depth)


def _plain(schema: dict[str, Any], schemas: Schemas, place: tuple[str, str], depth: int) -> Any:
    kinds = schema.get("type", "object")
    kind = next((one for one in kinds if one != "null"), "null") if isinstance(kinds, list) else kinds
    if kind == "array":
        known = _BY_NAME.get(place[1])
        return known if isinstance(known, list) else [_value(schema["items"], schemas, place=place, depth=depth)]
    named = _named(place[1], kind)
    if "enum" in schema:
        return named if named in schema["enum"] else schema["enum"][0]
    if schema.get("format") in _BY_FORMAT:
        return _BY_FORMAT[schema["format"]]
    return _BY_TYPE[kind] if named is None else named


def _named(name: str, kind: str) -> Any:
    """Return the example of a name, if it is of that kind."""
    python = {"boolean": bool, "integer": int, "object": dict, "string": str}
    value = _BY_NAME.get(name)
    return value if isinstance(value, python.get(kind, object)) else None


def _object(name: str, schemas: Schemas, depth: int) -> dict[str, Any]:
    schema = schemas[name]
    if depth > _DEEPEST:
        return {}
    return {
        member: _value(value, schemas, place=(name, member), depth=depth + 1)
        for member, value in schema.get("properties", {}).items()
        if member in schema.get("required", ()) or not schema.get("required")
    }
