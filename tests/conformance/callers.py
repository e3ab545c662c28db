"""Who schemathesis is, and the words it is given where no schema can say which are good.

Loaded by schemathesis as its hooks, in a process of its own. CALLER is `nobody`, `user` (who signs up anew when their
session is gone) or `admin` (by ADMIN_EMAIL and ADMIN_PASSWORD).
"""

import os
import string
from typing import Any
from uuid import uuid4

import requests
import schemathesis
from hypothesis import strategies
from schemathesis import CheckContext, Response
from schemathesis.specs.openapi.checks import use_after_free

CALLER = os.environ["CALLER"]
SERVICE = os.environ["SERVICE_URL"]
PASSWORD = "correct horse battery"


def token() -> str:
    """Sign in, and return the access token."""
    if CALLER == "admin":
        path, body = "/auth/login", {"email": os.environ["ADMIN_EMAIL"], "password": os.environ["ADMIN_PASSWORD"]}
    else:
        path, body = "/auth/register", {"name": "Ada", "email": f"{uuid4().hex}@example.com", "password": PASSWORD}
    answer = requests.post(SERVICE + path, json=body, timeout=10)
    answer.raise_for_status()
    return str(answer.json()["accessToken"])


if CALLER != "nobody":

    @schemathesis.auth(retry_on=[401])
    class SignedIn:
        """Shows an access token where the document asks for one."""

        def get(self, *_: Any) -> str:
            """Return a token of a session that stands."""
            return token()

        def set(self, case: Any, data: str, *_: Any) -> None:
            """Show it."""
            case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}


# A grammar says less than the rules: an address is of a domain that letters reach, a password none of the first that
# are guessed. What the rules refuse is for other tests (R6, R7, R10-R13); here it would be called a valid request.
letters = strategies.text(string.ascii_lowercase, min_size=1, max_size=20)
schemathesis.openapi.format("email", strategies.builds("{}.{}@{}.com".format, letters, letters, letters))
schemathesis.openapi.format("password", letters.map(f"{PASSWORD} {{}}".format))


@schemathesis.check
def deleted_stays_deleted(ctx: CheckContext, response: Response, case: schemathesis.Case) -> bool | None:
    """Check what `use_after_free` does, except for lists: deleting what a list holds leaves an empty list."""
    return (
        None if case.operation.path.endswith(("/sessions", "/access-tokens")) else use_after_free(ctx, response, case)
    )
