"""Passkeys (WebAuthn level 3): the options for a browser, and the verification of its answer.

The library does the work. This module sets its parameters, and turns each of its errors into `NotGenuine`.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    encode_cbor,
    options_to_json_dict,
    parse_authentication_credential_json,
    parse_cbor,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

CHALLENGE_BYTES = 32
_KNOWN_TRANSPORTS = frozenset(transport.value for transport in AuthenticatorTransport)


class NotGenuine(Exception):
    """The authenticator's answer is not a valid proof."""


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """The owner of passkeys: its domain, the origins of pages that may use them, and a name to display."""

    id: str
    origins: Sequence[str]
    name: str


@dataclass(frozen=True, slots=True)
class Credential:
    """A passkey: its id (base64url), and the transports that reach it (`internal`, `usb`, …)."""

    id: str
    transports: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class NewCredential:
    """A new passkey: public key in COSE (RFC 9052), signature counter, whether it is synced (`backed_up`).

    A `device_bound` one can't be synced.
    """

    id: str
    public_key: bytes
    sign_count: int
    transports: list[str]
    backed_up: bool
    device_bound: bool


@dataclass(frozen=True, slots=True)
class Assertion:
    """A verified answer of a passkey; `user_verified` means by PIN or fingerprint, not only present."""

    sign_count: int
    user_verified: bool
    backed_up: bool
    device_bound: bool


def new_challenge() -> bytes:
    """Return a new challenge of 256 bits (WebAuthn section 13.4.3 asks for 128)."""
    return secrets.token_bytes(CHALLENGE_BYTES)


def creation_options(
    party: RelyingParty, challenge: bytes, known: Sequence[Credential], *, handle: bytes, account: str, name: str
) -> dict[str, Any]:
    """Return the options of `navigator.credentials.create`, as JSON, for a new passkey.

    It is discoverable, and verifies its user. `handle` identifies the account; the authenticator displays `account` and
    `name`.
    """
    options = generate_registration_options(
        rp_id=party.id,
        rp_name=party.name,
        user_id=handle,
        user_name=account,
        user_display_name=name or account,
        challenge=challenge,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[_descriptor(one) for one in known],
    )
    return options_to_json_dict(options)


def request_options(
    party: RelyingParty, challenge: bytes, known: Sequence[Credential], *, verify_user: bool
) -> dict[str, Any]:
    """Return the options of `navigator.credentials.get`, as JSON, for one of the `known` passkeys, or for any."""
    verification = UserVerificationRequirement.REQUIRED if verify_user else UserVerificationRequirement.PREFERRED
    options = generate_authentication_options(
        rp_id=party.id,
        challenge=challenge,
        allow_credentials=[_descriptor(one) for one in known],
        user_verification=verification,
    )
    return options_to_json_dict(options)


def check_registration(party: RelyingParty, challenge: bytes, answer: dict[str, Any]) -> NewCredential:
    """Return the passkey that an authenticator made for this challenge. Raises NotGenuine."""
    try:
        parsed = parse_registration_credential_json(_without_hints(answer))
        parsed.response.attestation_object = _unattested(parsed.response.attestation_object)
        _refuse_embedded(parsed.response.client_data_json)
        verified = verify_registration_response(
            credential=parsed,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=list(party.origins),
            require_user_verification=True,
        )
    except Exception as error:  # noqa: BLE001 - the parsers of hostile bytes raise all kinds
        _refuse(error)
    return NewCredential(
        bytes_to_base64url(verified.credential_id),
        verified.credential_public_key,
        verified.sign_count,
        [transport.value for transport in parsed.response.transports or []],
        verified.credential_backed_up,
        verified.credential_device_type == CredentialDeviceType.SINGLE_DEVICE,
    )


def claimed_id(answer: dict[str, Any]) -> tuple[str, bytes | None]:
    """Return the passkey that an answer claims to be from, and its user handle. Raises NotGenuine."""
    try:
        parsed = parse_authentication_credential_json(_without_hints(answer))
    except Exception as error:  # noqa: BLE001
        _refuse(error)
    # Safari sends an empty handle if the authenticator returned none.
    return bytes_to_base64url(parsed.raw_id), parsed.response.user_handle or None


def check_assertion(
    party: RelyingParty, challenge: bytes, answer: dict[str, Any], public_key: bytes, *, verify_user: bool
) -> Assertion:
    """Return a passkey's verified answer to this challenge. Raises NotGenuine.

    The caller compares the counter, after the signature is known to be valid; the library would compare it first.
    """
    try:
        parsed = parse_authentication_credential_json(_without_hints(answer))
        _refuse_embedded(parsed.response.client_data_json)
        verified = verify_authentication_response(
            credential=parsed,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=list(party.origins),
            credential_public_key=public_key,
            credential_current_sign_count=0,
            require_user_verification=verify_user,
        )
    except Exception as error:  # noqa: BLE001
        _refuse(error)
    bound = verified.credential_device_type == CredentialDeviceType.SINGLE_DEVICE
    return Assertion(verified.new_sign_count, verified.user_verified, verified.credential_backed_up, bound)


def _without_hints(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer without its hints, which prove nothing and may have any value (WebAuthn section 2.1.1)."""
    return {name: value for name, value in answer.items() if name != "authenticatorAttachment"}


def _unattested(attestation_object: bytes) -> bytes:
    """Return an attestation object without its statement: we request `none`, and trust no statement.

    A format that is new, or that the library can't verify, must not exclude a passkey (WebAuthn section 7.1).
    """
    return encode_cbor({"fmt": "none", "attStmt": {}, "authData": parse_cbor(attestation_object)["authData"]})


def _refuse_embedded(client_data: bytes) -> None:
    """Refuse an answer from a frame on another site's page (WebAuthn section 13.4.9)."""
    if parse_client_data_json(client_data).cross_origin:
        raise NotGenuine("made in a frame of another origin")


def _refuse(cause: Exception) -> NoReturn:
    raise NotGenuine(type(cause).__name__) from cause


def _descriptor(one: Credential) -> PublicKeyCredentialDescriptor:
    transports = [AuthenticatorTransport(name) for name in one.transports if name in _KNOWN_TRANSPORTS]
    return PublicKeyCredentialDescriptor(id=base64url_to_bytes(one.id), transports=transports)
