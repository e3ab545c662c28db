"""What browsers write into a passkey's answer beside the proof: WebAuthn leaves it open, so it is ignored. U31."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, encode_cbor, parse_cbor

from tests.conftest import Person, problem
from tests.support.accounts import Database
from tests.support.authenticator import Authenticator
from tests.support.factors import complete, options_for, post, sign_in_by, ticket, verified, with_passkey

HINTS: dict[str, dict[str, Any]] = {
    "a new attachment": {"authenticatorAttachment": "implant"},
    "an empty attachment": {"authenticatorAttachment": ""},
    "an attachment of another type": {"authenticatorAttachment": 7},
    "no attachment": {"authenticatorAttachment": None},
    "new extensions": {"clientExtensionResults": {"credProps": {"rk": True}, "newOne": [1, {"x": None}]}},
    "no extensions": {"clientExtensionResults": None},
    "new members": {"newMember": {"deep": [1]}, "getClientExtensionResults": {}},
}
CLIENT_DATA: dict[str, dict[str, Any]] = {
    "new client data": {"other_keys_can_be_added_here": "do not compare clientDataJSON against a template"},
    "no frame around": {"topOrigin": None, "crossOrigin": False},
    "token binding as text": {"tokenBinding": "unused"},
}


def assertion_for(device: Authenticator, options: dict[str, Any], **client_data: Any) -> dict[str, Any]:
    """Return a passkey's answer to options."""
    return device.get(options["publicKey"], **client_data)


def second_factor(person: Person, device: Authenticator, hint: dict[str, Any], response: dict[str, Any]) -> Any:
    """Return the answer to a second factor whose credential carries these members beside its own."""
    mfa_token = ticket(person.client, person)
    options = options_for(person.client, mfaToken=mfa_token)
    made = assertion_for(device, options)
    credential = {**made, **hint, "response": {**made["response"], **response}}
    return complete(person.client, mfa_token, challengeId=options["challengeId"], credential=credential)


def registration(person: Person, hint: dict[str, Any], response: dict[str, Any], **client_data: Any) -> Any:
    """Return the answer to registering a passkey whose credential carries these members beside its own."""
    options = post(person, "/auth/passkeys/options").get_json()
    made = Authenticator().create(options["publicKey"], **client_data)
    credential = {**made, **hint, "response": {**made["response"], **response}}
    return post(person, "/auth/passkeys", challengeId=options["challengeId"], name="x", credential=credential)


@pytest.fixture
def device(alice: Person, mongo: Database) -> Authenticator:
    """Return Alice's passkey."""
    return with_passkey(alice, mongo)


class TestU31EmptyUserHandle:
    @pytest.mark.parametrize("handle", ["", None])
    def test_it_counts_as_absent_for_a_second_factor(self, alice: Person, device: Authenticator, handle: str | None):
        answer = second_factor(alice, device, {}, {"userHandle": handle})
        assert answer.status_code == 200, answer.text

    @pytest.mark.parametrize("handle", ["", None])
    def test_it_counts_as_absent_when_it_has_to_name_the_account(
        self, alice: Person, device: Authenticator, handle: str | None
    ):
        options = options_for(alice.client)
        made = assertion_for(device, options)
        credential = {**made, "response": {**made["response"], "userHandle": handle}}
        body = {"challengeId": options["challengeId"], "credential": credential}
        problem(alice.client.post("/auth/login/passkey", json=body), 401, "passkey_invalid")

    def test_it_counts_as_absent_for_reauthentication(self, alice: Person, device: Authenticator):
        options = post(alice, "/auth/reauthenticate/options").get_json()
        made = assertion_for(device, options)
        credential = {**made, "response": {**made["response"], "userHandle": ""}}
        answer = post(alice, "/auth/reauthenticate", challengeId=options["challengeId"], credential=credential)
        assert answer.status_code == 200, answer.text


class TestU31OpenValues:
    @pytest.mark.parametrize("hint", HINTS)
    def test_hints_are_ignored_at_a_second_factor(self, alice: Person, device: Authenticator, hint: str):
        answer = second_factor(alice, device, HINTS[hint], {"newMember": [1]})
        assert answer.status_code == 200, answer.text

    @pytest.mark.parametrize("hint", HINTS)
    def test_hints_are_ignored_at_a_sign_in(self, alice: Person, device: Authenticator, hint: str):
        options = options_for(alice.client)
        credential = {**assertion_for(device, options), **HINTS[hint]}
        body = {"challengeId": options["challengeId"], "credential": credential}
        answer = alice.client.post("/auth/login/passkey", json=body)
        assert answer.status_code == 200, answer.text

    @pytest.mark.parametrize("hint", HINTS)
    def test_hints_are_ignored_at_a_registration(self, alice: Person, mongo: Database, hint: str):
        answer = registration(verified(mongo, alice), HINTS[hint], {"newMember": [1], "publicKeyAlgorithm": "new"})
        assert answer.status_code == 201, answer.text

    @pytest.mark.parametrize("said", CLIENT_DATA)
    def test_other_client_data_is_ignored(self, alice: Person, device: Authenticator, mongo: Database, said: str):
        assert sign_in_by(alice.client, device, **CLIENT_DATA[said]).status_code == 200
        assert registration(alice, {}, {}, **CLIENT_DATA[said]).status_code == 201

    @pytest.mark.parametrize("transports", [["smoke-signals"], ["usb", "new", 7, {}, None], [], None, "usb", 7])
    def test_unknown_transports_are_ignored(self, alice: Person, mongo: Database, transports: Any):
        answer = registration(verified(mongo, alice), {}, {"transports": transports})
        assert answer.status_code == 201, answer.text
        stored = mongo.passkeys.find_one({})["transports"]
        assert stored == (["usb"] if isinstance(transports, list) and "usb" in transports else [])

    def test_a_stored_transport_that_is_unknown_here_is_not_shown(
        self, alice: Person, device: Authenticator, mongo: Database
    ):
        mongo.passkeys.update_one({}, {"$set": {"transports": ["smoke-signals", "usb"]}})
        options = options_for(alice.client, mfaToken=ticket(alice.client, alice))
        assert options["publicKey"]["allowCredentials"][0]["transports"] == ["usb"]

    @pytest.mark.parametrize(
        "statement",
        [
            {"fmt": "compound", "attStmt": [{"fmt": "new", "attStmt": {}}]},
            {"fmt": "new-in-2031", "attStmt": {"x": b"y"}},
            {"fmt": "packed", "attStmt": {"alg": -999, "sig": b"of an unknown algorithm"}},
            {"fmt": "tpm", "attStmt": {"ver": "3.0"}},
        ],
        ids=lambda statement: statement["fmt"],
    )
    def test_attestation_is_not_asked_for_and_ignored(self, alice: Person, mongo: Database, statement: dict[str, Any]):
        person = verified(mongo, alice)
        options = post(person, "/auth/passkeys/options").get_json()
        device = Authenticator()
        made = device.create(options["publicKey"])
        attested = parse_cbor(base64url_to_bytes(made["response"]["attestationObject"]))
        attested.update(statement)
        made["response"]["attestationObject"] = bytes_to_base64url(encode_cbor(attested))
        answer = post(person, "/auth/passkeys", challengeId=options["challengeId"], name="x", credential=made)
        assert answer.status_code == 201, answer.text
        assert sign_in_by(alice.client, device).status_code == 200


class TestU31WhatStaysClosed:
    """What proves something is as strict as before."""

    @pytest.mark.parametrize("kind", ["", "password", None])
    def test_another_type_of_credential(self, client: FlaskClient, alice: Person, device: Authenticator, kind: Any):
        problem(second_factor(alice, device, {"type": kind}, {}), 403, "mfa_code_invalid")

    def test_client_data_of_another_ceremony(self, alice: Person, device: Authenticator):
        options = options_for(alice.client)
        said = json.dumps({"type": "webauthn.new", "challenge": options["publicKey"]["challenge"]}).encode()
        made = assertion_for(device, options)
        made["response"]["clientDataJSON"] = bytes_to_base64url(said)
        body = {"challengeId": options["challengeId"], "credential": made}
        problem(alice.client.post("/auth/login/passkey", json=body), 401, "passkey_invalid")
