"""A software authenticator (soft-webauthn) that speaks the JSON of browsers, and can be told to lie."""

import json
from struct import pack
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.utils import sha256
from soft_webauthn import SoftWebauthnDevice
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

ORIGIN = "http://localhost:8000"
PRESENT, VERIFIED, SYNCABLE, SYNCED, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40


class Authenticator:
    """Holds one passkey. `flags` and `sign_count` are what it tells; `synced` counts nothing, as synced passkeys do."""

    def __init__(self, *, verifies: bool = True, synced: bool = False) -> None:
        self.device = SoftWebauthnDevice()
        self.flags = PRESENT | (VERIFIED if verifies else 0) | (SYNCABLE | SYNCED if synced else 0)
        self.synced = synced

    def create(self, options: dict[str, Any], *, origin: str = ORIGIN, **client_data: Any) -> dict[str, Any]:
        """Make a passkey; return what the browser's `toJSON()` gives (RegistrationResponseJSON)."""
        asked = {"publicKey": _decoded(options)}
        made = self.device.create(asked, origin)
        raw = made["response"]["attestationObject"]
        at = raw.index(sha256(options["rp"]["id"].encode())) + 32
        attested = raw[:at] + bytes([self.flags | ATTESTED]) + raw[at + 1 :]
        said = {**json.loads(made["response"]["clientDataJSON"]), **client_data}
        response = {"clientDataJSON": json.dumps(said).encode(), "attestationObject": attested}
        return self._answer({**_encoded(response), "transports": ["internal"]})

    def get(self, options: dict[str, Any], *, origin: str = ORIGIN, **lies: Any) -> dict[str, Any]:
        """Sign a challenge; return what the browser's `toJSON()` gives (AuthenticationResponseJSON).

        `lies` are members of the client data, or `rp_id`, `flags`, `sign_count`, `user_handle`, `key`.
        """
        if not self.synced:
            self.device.sign_count += 1
        said = {"type": "webauthn.get", "challenge": options["challenge"], "origin": origin, "crossOrigin": False}
        own = ("rp_id", "flags", "sign_count", "user_handle", "key")
        client_data = json.dumps({**said, **{k: v for k, v in lies.items() if k not in own}}).encode()
        data = sha256(lies.get("rp_id", options["rpId"]).encode())
        data += bytes([lies.get("flags", self.flags)]) + pack(">I", lies.get("sign_count", self.device.sign_count))
        key: ec.EllipticCurvePrivateKey = lies.get("key", self.device.private_key)
        signature = key.sign(data + sha256(client_data), ec.ECDSA(hashes.SHA256()))
        response = {"clientDataJSON": client_data, "authenticatorData": data, "signature": signature}
        handle = lies.get("user_handle", self.device.user_handle)
        return self._answer({**_encoded(response), "userHandle": bytes_to_base64url(handle) if handle else None})

    def _answer(self, response: dict[str, Any]) -> dict[str, Any]:
        identity = bytes_to_base64url(self.device.credential_id)
        return {
            "id": identity,
            "rawId": identity,
            "type": "public-key",
            "response": response,
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
        }


def _decoded(options: dict[str, Any]) -> dict[str, Any]:
    user = {**options["user"], "id": base64url_to_bytes(options["user"]["id"])}
    return {**options, "challenge": base64url_to_bytes(options["challenge"]), "user": user}


def _encoded(response: dict[str, bytes]) -> dict[str, str]:
    return {name: bytes_to_base64url(value) for name, value in response.items()}
