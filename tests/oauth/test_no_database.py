"""What apps read again and again costs the database nothing. O44, O42."""

import pytest
from flask.testing import FlaskClient

from tests.support.accounts import counted_work

PATHS = [
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-protected-resource",
    "/.well-known/jwks.json",
]


@pytest.mark.parametrize("path", PATHS)
def test_o42_o44_metadata_and_keys_use_no_database_command(client: FlaskClient, path: str):
    assert client.get(path).status_code == 200  # the first one may have to make a key
    with counted_work() as work:
        answer = client.get(path)
        again = client.get(path, headers={"If-None-Match": answer.headers.get("ETag", '"x"')})
    assert (answer.status_code, again.status_code in (200, 304)) == (200, True)
    assert work.commands == []


def test_the_count_would_notice_one(client: FlaskClient):
    with counted_work() as work:
        client.get("/auth/me", headers={"Authorization": "Bearer asv_x"})
        client.post("/auth/login", json={"email": "a@example.com", "password": "correct horse"})
    assert work.commands != []
