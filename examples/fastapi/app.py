"""A FastAPI app behind authsvc: it verifies access tokens with the published keys, and shares no secret."""

import os
from typing import Annotated, Any

import jwt
import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

ISSUER = os.environ.get("AUTHSVC", "http://localhost:8000")  # PUBLIC_URL of authsvc
KEYS = jwt.PyJWKClient(f"{ISSUER}/.well-known/jwks.json", timeout=5)
REQUIRED = ["exp", "sub", "sid", "iss", "aud", "type"]

app = FastAPI()
Shown = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]


def signed_in(shown: Shown) -> dict[str, Any]:  # not async: FastAPI runs it beside the event loop
    """Return the claims of somebody's genuine access token; whatever an app has is of another type."""
    if shown is None:
        raise HTTPException(401, "sign in first", {"WWW-Authenticate": "Bearer"})
    try:
        key = KEYS.get_signing_key_from_jwt(shown.credentials)
        expected = {"audience": ISSUER, "issuer": ISSUER, "options": {"require": REQUIRED}, "leeway": 10}
        token = jwt.decode_complete(shown.credentials, key, algorithms=["ES256"], **expected)
        if token["header"].get("typ") != "JWT" or token["payload"]["type"] != "access":
            raise jwt.InvalidTokenError("another kind of token")
        return token["payload"]
    except jwt.PyJWKClientConnectionError as error:  # nobody is signed out by it
        raise HTTPException(503, "the keys can't be had", {"Retry-After": "2"}) from error
    except jwt.PyJWTError as error:
        raise HTTPException(401, "sign in first", {"WWW-Authenticate": 'Bearer error="invalid_token"'}) from error


User = Annotated[dict[str, Any], Depends(signed_in)]


@app.get("/")
def home(user: User) -> dict[str, str]:
    return {"user": user["sub"]}


@app.get("/admin")
def admin(user: User) -> dict[str, str]:
    if user["role"] != "admin":
        raise HTTPException(403, "for admins")
    return {"admin": user["sub"]}


uvicorn.run(app, host="127.0.0.1", port=int(os.environ.get("PORT", "3000")))
