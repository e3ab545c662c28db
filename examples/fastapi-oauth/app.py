"""A FastAPI app whose documentation signs people in with authsvc: Swagger UI, authorization code with PKCE."""

import os
from typing import Annotated, Any
from urllib.parse import urlencode

import jwt
import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import OAuth2AuthorizationCodeBearer

PORT = int(os.environ.get("PORT", "3000"))
AUTHSVC = os.environ.get("AUTHSVC", "http://localhost:8000")  # PUBLIC_URL of authsvc
API = os.environ.get("API", f"http://localhost:{PORT}")  # what access tokens are for: this app, as it is registered
CLIENT_ID = os.environ.get("CLIENT_ID", "app_…")
KEYS = jwt.PyJWKClient(f"{AUTHSVC}/.well-known/jwks.json", timeout=5)
REQUIRED = ["exp", "iss", "aud", "sub", "client_id"]

app = FastAPI(
    title="Notes",
    swagger_ui_init_oauth={"clientId": CLIENT_ID, "usePkceWithAuthorizationCodeGrant": True, "scopes": "openid"},
)
bearer = OAuth2AuthorizationCodeBearer(
    # Swagger UI has no place of its own for the resource (RFC 8707), but keeps what is in the address.
    authorizationUrl=f"{AUTHSVC}/oauth2/authorize?{urlencode({'resource': API})}",
    tokenUrl=f"{AUTHSVC}/oauth2/token",
    scopes={"openid": "Sign in"},
)


def signed_in(token: Annotated[str, Depends(bearer)]) -> dict[str, Any]:  # not async: keys are fetched beside the loop
    """Return the claims of a genuine access token for this API (RFC 9068 section 4)."""
    try:
        if jwt.get_unverified_header(token).get("typ") != "at+jwt":  # no ID token, and nobody's own session
            raise jwt.InvalidTokenError
        key = KEYS.get_signing_key_from_jwt(token)
        expected = {"audience": API, "issuer": AUTHSVC, "options": {"require": REQUIRED}, "leeway": 10}
        return jwt.decode(token, key, algorithms=["ES256"], **expected)
    except jwt.PyJWKClientConnectionError as error:  # nobody is signed out by it
        raise HTTPException(503, "the keys can't be had", {"Retry-After": "2"}) from error
    except jwt.PyJWTError as error:
        raise HTTPException(401, "sign in first", {"WWW-Authenticate": 'Bearer error="invalid_token"'}) from error


@app.get("/notes")
def notes(user: Annotated[dict[str, Any], Depends(signed_in)]) -> dict[str, str]:
    """List the notes of whoever is signed in."""
    return {"user": user["sub"], "app": user["client_id"]}


uvicorn.run(app, host="127.0.0.1", port=PORT)
