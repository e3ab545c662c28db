"""A FastAPI app for your own tools: Swagger UI asks for the password. It needs `PASSWORD_GRANT=on` at authsvc."""

import os
from typing import Annotated, Any

import jwt
import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import OAuth2PasswordBearer

AUTHSVC = os.environ.get("AUTHSVC", "http://localhost:8000")  # PUBLIC_URL of authsvc
KEYS = jwt.PyJWKClient(f"{AUTHSVC}/.well-known/jwks.json", timeout=5)
REQUIRED = ["exp", "sub", "sid", "iss", "aud", "type"]

app = FastAPI(title="Notes")
bearer = OAuth2PasswordBearer(tokenUrl=f"{AUTHSVC}/oauth2/token")


def signed_in(token: Annotated[str, Depends(bearer)]) -> dict[str, Any]:  # not async: keys are fetched beside the loop
    """Return the claims of somebody's own access token; whatever an app has is of another type."""
    try:
        key = KEYS.get_signing_key_from_jwt(token)
        expected = {"audience": AUTHSVC, "issuer": AUTHSVC, "options": {"require": REQUIRED}, "leeway": 10}
        verified = jwt.decode_complete(token, key, algorithms=["ES256"], **expected)
        if verified["header"].get("typ") != "JWT" or verified["payload"]["type"] != "access":
            raise jwt.InvalidTokenError
        return verified["payload"]
    except jwt.PyJWKClientConnectionError as error:  # nobody is signed out by it
        raise HTTPException(503, "the keys can't be had", {"Retry-After": "2"}) from error
    except jwt.PyJWTError as error:
        raise HTTPException(401, "sign in first", {"WWW-Authenticate": 'Bearer error="invalid_token"'}) from error


@app.get("/notes")
def notes(user: Annotated[dict[str, Any], Depends(signed_in)]) -> dict[str, str]:
    """List the notes of whoever is signed in."""
    return {"user": user["sub"]}


uvicorn.run(app, host="127.0.0.1", port=int(os.environ.get("PORT", "3000")))
