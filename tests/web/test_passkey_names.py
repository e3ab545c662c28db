"""What a passkey is called, by what its authenticator tells of itself."""

import json
from typing import Any

import pytest
from fido2.utils import sha256
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from tests.support.authenticator import Authenticator
from tests.web.scripts import evaluate

pytestmark = pytest.mark.external

OPTIONS: dict[str, Any] = {
    "rp": {"id": "localhost", "name": "localhost"},
    "user": {"id": "AAAA", "name": "a", "displayName": "a"},
    "challenge": "AAAA",
    "pubKeyCredParams": [{"type": "public-key", "alg": -7}],
    "attestation": "none",
}


def made_by(aaguid: str) -> dict[str, Any]:
    """Return a new credential of an authenticator that tells this AAGUID."""
    answer = Authenticator().create(OPTIONS)
    raw = base64url_to_bytes(answer["response"]["attestationObject"])
    at = raw.index(sha256(b"localhost")) + 37
    changed = raw[:at] + bytes.fromhex(aaguid.replace("-", "")) + raw[at + 16 :]
    answer["response"]["attestationObject"] = bytes_to_base64url(changed)
    return dict(json.loads(json.dumps(answer)))


class TestKeepers:
    @pytest.mark.parametrize(
        ("aaguid", "name"),
        [
            ("fbfc3007-154e-4ecc-8c0b-6e020557d7bd", "Apple Passwords"),
            ("bada5566-a7aa-401f-bd96-45619a55120d", "1Password"),
            ("00000000-0000-0000-0000-000000000000", None),
            ("01020304-0506-0708-0102-030405060708", None),
        ],
    )
    def test_it_is_named_by_where_it_is_kept(self, aaguid: str, name: str | None):
        assert evaluate("account/passkey-names.js", "module.keeperOf(value) ?? null", made_by(aaguid)) == name

    @pytest.mark.parametrize("text", ["", "AAAA", "YXV0aERhdGE", "YXV0aERhdGFYBAAAAAA"])
    def test_nonsense_has_no_name(self, text: str):
        credential = {"response": {"attestationObject": text}}
        assert evaluate("account/passkey-names.js", "module.keeperOf(value) ?? null", credential) is None
