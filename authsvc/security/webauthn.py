"""Passkeys (WebAuthn level 3): the options that a browser is given, and what its answer proves.

The work is the library's; here it is told what is asked for, and every way in which it fails becomes `NotGenuine`.
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
    options_to_json_dict,
    parse_authentication_credential_json,
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


class NotGenuine(Exception):
    """The authenticator's answer does not prove what was asked."""


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """For whom passkeys are: the domain they belong to, the origins of pages that may use them, and a name to show."""

    id: str
    origins: Sequence[str]
    name: str


@dataclass(frozen=True, slots=True)
class Credential:
    """What is known of a passkey: its id (base64url), and over what it can be reached (`internal`, `usb`, …)."""

    id: str
    transports: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class NewCredential:
    """A passkey that was just made: public key in COSE (RFC 9052), signature counter, whether it is synced.

    One that is `device_bound` can't be.
    """

    id: str
    public_key: bytes
    sign_count: int
    transports: list[str]
    backed_up: bool
    device_bound: bool


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a passkey has proved: whether its user was verified (PIN, fingerprint), not only present; its counter."""

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
    """Return what `navigator.credentials.create` needs, as JSON: a discoverable passkey that verifies its user, new.

    `handle` stands for the account; `account` and `name` are shown by the authenticator.
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
    """Return what `navigator.credentials.get` needs, as JSON: one of those `known`, or any where none is named."""
    wanted = UserVerificationRequirement.REQUIRED if verify_user else UserVerificationRequirement.PREFERRED
    options = generate_authentication_options(
        rp_id=party.id,
        challenge=challenge,
        allow_credentials=[_descriptor(one) for one in known],
        user_verification=wanted,
    )
    return options_to_json_dict(options)


def check_registration(party: RelyingParty, challenge: bytes, answer: dict[str, Any]) -> NewCredential:
    """Return the passkey that an authenticator made for this challenge. Raises NotGenuine."""
    try:
        parsed = parse_registration_credential_json(answer)
        _refuse_embedded(parsed.response.client_data_json)
        found = verify_registration_response(
            credential=parsed,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=list(party.origins),
            require_user_verification=True,
        )
    except Exception as error:  # noqa: BLE001 - the parsers of hostile bytes raise all kinds
        _refuse(error)
    return NewCredential(
        bytes_to_base64url(found.credential_id),
        found.credential_public_key,
        found.sign_count,
        [transport.value for transport in parsed.response.transports or []],
        found.credential_backed_up,
        found.credential_device_type == CredentialDeviceType.SINGLE_DEVICE,
    )


def claimed_id(answer: dict[str, Any]) -> tuple[str, bytes | None]:
    """Return which passkey an answer claims to be from, and the user handle it names. Raises NotGenuine."""
    try:
        parsed = parse_authentication_credential_json(answer)
    except Exception as error:  # noqa: BLE001
        _refuse(error)
    return bytes_to_base64url(parsed.raw_id), parsed.response.user_handle


def check_assertion(
    party: RelyingParty, challenge: bytes, answer: dict[str, Any], public_key: bytes, *, verify_user: bool
) -> Assertion:
    """Return what a passkey has proved about this challenge. Raises NotGenuine.

    Its counter is for the caller to compare, now that the signature is known to be good: the library compares first.
    """
    try:
        parsed = parse_authentication_credential_json(answer)
        _refuse_embedded(parsed.response.client_data_json)
        found = verify_authentication_response(
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
    bound = found.credential_device_type == CredentialDeviceType.SINGLE_DEVICE
    return Assertion(found.new_sign_count, found.user_verified, found.credential_backed_up, bound)


def _refuse_embedded(client_data: bytes) -> None:
    """Refuse what was made in a frame on another site's page (WebAuthn section 13.4.9)."""
    if parse_client_data_json(client_data).cross_origin:
        raise NotGenuine("made in a frame of another origin")


def _refuse(cause: Exception) -> NoReturn:
    raise NotGenuine(type(cause).__name__) from cause


def _descriptor(one: Credential) -> PublicKeyCredentialDescriptor:
    transports = [AuthenticatorTransport(name) for name in one.transports]
    return PublicKeyCredentialDescriptor(id=base64url_to_bytes(one.id), transports=transports)
