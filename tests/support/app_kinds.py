"""The kinds of tokens that an app has, and the places that take one: for the matrix of all kinds and places (O37)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from flask import Flask
from mongoengine.connection import get_db

from authsvc import clock
from authsvc.models.apps import AppKind, GrantType
from authsvc.security import opaque_tokens
from authsvc.services import app_scopes, apps, id_tokens
from tests.conftest import Person
from tests.support.app_devices import GRANT, Device
from tests.support.oauth import CALLBACK, AppClient, basic, bearer, challenge_of, new_app

Call = Callable[[Person, str], Any]

OWN_API = "http://localhost:8000/"
USERINFO = "http://localhost:8000/oauth2/userinfo"
_NAME = "Matrix"
_SECRET = opaque_tokens.generate(apps.SECRET_PREFIX)
_VERIFIER = "v" * 43
_COOKIES: dict[str, dict[str, str]] = {}
"""What the browser keeps that began a request, by the request's secret."""


@dataclass(frozen=True)
class Judged:
    """An answer that is the same for whatever is shown, by what came of it."""

    status_code: int
    text: str = ""


def mighty(alice: Person, app: Flask) -> AppClient:
    """Return an app with every scope that may call our own API; its secret is the same in every test."""
    found = get_db().apps.find_one({"name": _NAME})
    app_id = found["_id"] if found else _registered(alice, app)
    return AppClient(alice.client, app_id, _SECRET, CALLBACK, scope=" ".join(app_scopes.ALL))


def _registered(alice: Person, app: Flask) -> str:
    grants = [GrantType.CODE.value, GrantType.REFRESH.value, GrantType.DEVICE_CODE.value]
    made = new_app(app, alice.client, name=_NAME, scopes=app_scopes.ALL, resources=(OWN_API,), grant_types=grants)
    digest = opaque_tokens.digest(_SECRET)
    get_db().apps.update_one({"_id": made.id}, {"$set": {"secrets.0.digest": digest}})
    return made.id


def _granted(name: str, resource: str = USERINFO) -> Callable[[Person, Flask], str]:
    def kind(alice: Person, app: Flask) -> str:
        return str(mighty(alice, app).sign_in(alice.tokens["accessToken"], resource=resource)[name])

    return kind


def _code(alice: Person, app: Flask) -> str:
    asking = mighty(alice, app)
    return asking.authorize(alice.tokens["accessToken"], code_challenge=challenge_of(_VERIFIER)).code


def _request(alice: Person, app: Flask) -> str:
    secret, cookie, _ = mighty(alice, app).begin()
    _COOKIES[secret] = cookie
    return secret


def _device_code(alice: Person, app: Flask) -> str:
    """Return the code of a device that Alice has allowed."""
    tv = Device.begin(mighty(alice, app))
    tv.allow(alice.tokens["accessToken"])
    return str(tv.codes["device_code"])


def _type_device_code(alice: Person, token: str) -> Any:
    tv = Device.begin(_asking(alice))
    return alice.client.post("/auth/devices/advance", json={"userCode": tv.user_code}, headers=bearer(token))


def _logout_token(alice: Person, app: Flask) -> str:
    """Return a token as apps get it when a session ends (OpenID Connect Back-Channel Logout 1.0, section 2.4)."""
    asking = mighty(alice, app)
    with app.test_request_context():
        found = apps.find(asking.id)
        assert found is not None
        claims = {"iss": "http://localhost:8000", "aud": found.id, "sub": alice.id, "iat": 1, "exp": 2**31, "jti": "x"}
        return id_tokens.signed({**claims, "sid": "f" * 24, "events": {}}, found.id_token_alg, "logout+jwt")


def _of_service(resource: str) -> Callable[[Person, Flask], str]:
    """Return what makes a token of an app that acts for itself (RFC 6749 section 4.4)."""

    def kind(alice: Person, app: Flask) -> str:
        scopes = app_scopes.OF_OWN_API
        resources = (OWN_API,) if resource == OWN_API else ()
        service = new_app(app, alice.client, AppKind.SERVICE, "Service", (), scopes=scopes, resources=resources)
        answer = service.token({"grant_type": "client_credentials"})
        assert answer.status == 200, answer.text
        return str(answer.json["access_token"])

    return kind


KINDS: dict[str, Callable[[Person, Flask], str]] = {
    "app access to userinfo": _granted("access_token"),
    "app access to our API": _granted("access_token", OWN_API),
    "service access to userinfo": _of_service(USERINFO),
    "service access to our API": _of_service(OWN_API),
    "app refresh": _granted("refresh_token"),
    "ID token": _granted("id_token"),
    "logout token": _logout_token,
    "code": _code,
    "request": _request,
    "device code": _device_code,
    "app secret": lambda alice, app: str(mighty(alice, app).secret),
}


def _asking(alice: Person) -> AppClient:
    return mighty(alice, alice.client.application)


def _post(path: str, **form: str) -> Call:
    """Return the call of a route to which an app sends a token as the parameter whose value is TOKEN."""

    def call(alice: Person, token: str) -> Any:
        data = {name: token if value == "TOKEN" else value for name, value in form.items()}
        return alice.client.post(path, data=data, headers=basic(_asking(alice).id, _SECRET))

    return call


def _revoke(alice: Person, token: str) -> Judged:
    sessions = get_db().sessions
    before = sessions.count_documents({"endedAt": None})
    answer = _post("/oauth2/revoke", token="TOKEN")(alice, token)
    assert answer.status_code == 200, answer.text
    return Judged(200 if sessions.count_documents({"endedAt": None}) < before else 401)


def _advance(alice: Person, token: str) -> Any:
    request, cookie, _ = _asking(alice).begin()
    return alice.client.post(
        "/auth/authorizations/advance", json={"request": request}, headers={**cookie, **bearer(token)}
    )


def _advance_request(alice: Person, token: str) -> Any:
    headers = _COOKIES.get(token) or _asking(alice).begin()[1]
    return alice.client.post("/auth/authorizations/advance", json={"request": token}, headers=headers)


def _advance_sign_out(alice: Person, token: str) -> Any:
    request = alice.client.get("/oauth2/logout").location.rpartition("=")[2]
    return alice.client.post("/auth/sign-outs/advance", json={"request": request}, headers=bearer(token))


def new_grant(alice: Person) -> str:
    """Return the id of something that Alice allows an app."""
    grants, grant = get_db().grants, ObjectId()
    grants.delete_many({"app": "app_matrix"})
    grants.insert_one({"_id": grant, "user": ObjectId(alice.id), "app": "app_matrix", "createdAt": clock.now()})
    return str(grant)


USERINFO_ONLY = {"app access to userinfo"}
CARRIERS: dict[str, tuple[Call, set[str]]] = {
    "GET /auth/verify, for apps": (
        lambda a, t: a.client.get(f"/auth/verify?scope=openid&resource={OWN_API}", headers=bearer(t)),
        {"access", "app access to our API"},
    ),
    "GET /auth/verify, for apps at userinfo": (
        lambda a, t: a.client.get(f"/auth/verify?scope=openid&resource={USERINFO}", headers=bearer(t)),
        {"access", *USERINFO_ONLY},
    ),
    "GET /oauth2/userinfo": (lambda a, t: a.client.get("/oauth2/userinfo", headers=bearer(t)), USERINFO_ONLY),
    "POST /oauth2/userinfo": (lambda a, t: a.client.post("/oauth2/userinfo", headers=bearer(t)), USERINFO_ONLY),
    "POST /oauth2/userinfo, body": (
        lambda a, t: a.client.post("/oauth2/userinfo", data={"access_token": t}),
        USERINFO_ONLY,
    ),
    "POST /oauth2/token, code": (
        _post(
            "/oauth2/token",
            grant_type="authorization_code",
            code="TOKEN",
            redirect_uri=CALLBACK,
            code_verifier=_VERIFIER,
        ),
        {"code"},
    ),
    "POST /oauth2/token, refresh token": (
        _post("/oauth2/token", grant_type="refresh_token", refresh_token="TOKEN"),
        {"app refresh"},
    ),
    "POST /oauth2/token, device code": (
        _post("/oauth2/token", grant_type=GRANT, device_code="TOKEN"),
        {"device code"},
    ),
    "POST /auth/devices/advance": (_type_device_code, {"access"}),
    "POST /oauth2/token, secret": (
        lambda a, t: a.client.post(
            "/oauth2/token",
            data={"grant_type": "refresh_token", "refresh_token": "x"},
            headers=basic(_asking(a).id, t),
        ),
        {"app secret"},
    ),
    "POST /oauth2/revoke, body": (_revoke, {*USERINFO_ONLY, "app access to our API", "app refresh"}),
    "POST /auth/authorizations/advance": (_advance, {"access"}),
    "POST /auth/authorizations/advance, body": (_advance_request, {"request"}),
    "POST /auth/sign-outs/advance": (_advance_sign_out, {"access"}),
    "POST /auth/sign-outs/advance, body": (
        lambda a, t: a.client.post("/auth/sign-outs/advance", json={"request": t}),
        set(),
    ),
}

LOOKED_AT: dict[str, tuple[Call, set[str]]] = {
    "POST /oauth2/introspect, body": (
        _post("/oauth2/introspect", token="TOKEN"),
        {*USERINFO_ONLY, "app access to our API", "service access to our API", "app refresh"},
    ),
}


def is_refused(place: str, answer: Any) -> bool:
    """Tell whether an answer of a place for apps is the refusal of what is not meant for it."""
    if place.endswith("/advance, body"):
        return bool(answer.status_code in (410, 422))  # a JWT is too long to be a request
    if place.startswith("POST /oauth2/token"):
        return answer.get_json()["error"] == ("invalid_client" if place.endswith("secret") else "invalid_grant")
    return bool(answer.status_code == 401)


def is_passed(place: str, answer: Any) -> bool:
    """Tell whether an answer of a place for apps is what it has for what is meant for it."""
    if place == "POST /oauth2/token, secret":  # the app is known, and what it shows is no refresh token
        return bool(answer.get_json()["error"] == "invalid_grant")
    return bool(answer.status_code in (200, 204))
