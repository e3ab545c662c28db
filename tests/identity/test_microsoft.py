"""Microsoft Entra ID: one tenant, or any. It can't be reached here: a stand-in is. R109, O56, O59."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from flask import Flask

from authsvc.errors import ProviderRefused
from authsvc.security import jwk
from authsvc.services import providers
from authsvc.settings.identity_providers import CONSUMERS
from tests.support.upstreams import Trip, Upstream, answer_json, key_pair, signing_in_with

ONE, OTHER = str(UUID(int=1)), str(UUID(int=2))

Enter = Callable[..., Any]


@pytest.fixture
def enter(app: Flask, upstream: Upstream) -> Enter:
    """Return a way to sign in at a tenant of a Microsoft on this machine."""

    def sign_in(tenant: str, keys: list[dict[str, str]] | None = None, iss: str | None = None, **claims: Any) -> Any:
        def of(one: str) -> str:
            return f"{base}/{one}/v2.0"

        base = upstream.issuer
        settings = upstream.settings("ms", kind="microsoft", tenant=tenant, issuer=of(tenant), label="Microsoft")
        document = upstream._metadata() | {
            "issuer": of("{tenantid}" if tenant in ("common", "organizations") else tenant),
            "authorization_response_iss_parameter_supported": None,
        }
        shown = keys or [jwk.public_jwk(upstream.pair)]
        shown = [{name: value.replace("BASE", base) for name, value in key.items()} for key in shown]
        upstream.intercept = lambda _, path, __: (
            answer_json(document)
            if path.endswith("openid-configuration")
            else answer_json({"keys": shown})
            if path == "/keys"
            else None
        )
        tid = claims.get("tid", ONE)
        upstream.bent = {"iss": claims.pop("bent", of(str(tid))), "tid": tid, **claims}
        with signing_in_with(app, settings), app.app_context():
            return Trip(providers.find("ms")).claims(upstream, iss=None if iss is None else iss.replace("BASE", base))

    return sign_in


class TestTenants:
    def test_each_directory_is_an_issuer_of_its_own(self, enter: Enter):
        """O59: the same subject of another directory is somebody else."""
        first, second = enter("common", tid=ONE), enter("common", tid=OTHER)
        assert first.subject == second.subject
        assert first.issuer != second.issuer

    def test_of_one_directory_no_other_is_taken(self, enter: Enter):
        assert enter(ONE).subject == "alice-4711"
        with pytest.raises(ProviderRefused):
            enter(ONE, tid=OTHER)

    @pytest.mark.parametrize("tid", [None, "", "x", "..", 1, [ONE], ONE.upper() + "A", f"{ONE}/v2.0#"])
    def test_a_directory_that_is_none_is_refused(self, enter: Enter, tid: Any):
        with pytest.raises(ProviderRefused):
            enter("common", tid=tid)

    def test_the_issuer_has_to_be_that_of_the_directory(self, enter: Enter, upstream: Upstream):
        for iss in (f"{upstream.issuer}/{OTHER}/v2.0", f"{upstream.issuer}/{{tenantid}}/v2.0", None, [], 1):
            with pytest.raises(ProviderRefused):
                enter("common", bent=iss)

    def test_personal_accounts_are_of_common_and_not_of_organizations(self, enter: Enter):
        assert enter("common", tid=CONSUMERS).subject == "alice-4711"
        with pytest.raises(ProviderRefused):
            enter("organizations", tid=CONSUMERS)

    @pytest.mark.parametrize(
        ("iss", "is_known"),
        [
            *((f"BASE/{ONE}/v2.0", True), ("BASE/{tenantid}/v2.0", True), ("BASE/common/v2.0", False)),
            *((f"BASE/{ONE}/v2.0/", False), ("https://other.example", False), ("", False), (ONE, False)),
            *((f"BASE/{ONE}", False), (f"/{ONE}/v2.0", False), (f"BASE/{ONE}/../{ONE}/v2.0", False)),
        ],
    )
    def test_o54_a_callback_names_a_directory_of_microsofts(self, enter: Enter, iss: str, is_known: bool):
        if is_known:
            assert enter("common", iss=iss).subject == "alice-4711"
        else:
            with pytest.raises(ProviderRefused):
                enter("common", iss=iss)

    def test_o54_of_one_directory_only_that_one(self, enter: Enter):
        assert enter(ONE, iss=f"BASE/{ONE}/v2.0").subject == "alice-4711"
        with pytest.raises(ProviderRefused):
            enter(ONE, iss=f"BASE/{OTHER}/v2.0")

    def test_a_key_signs_only_for_its_issuer(self, enter: Enter, upstream: Upstream):
        key = jwk.public_jwk(upstream.pair)
        other = jwk.public_jwk(key_pair(4))
        assert enter("common", [other, {**key, "issuer": f"BASE/{ONE}/v2.0"}]).subject == "alice-4711"
        assert enter("common", [{**key, "issuer": "BASE/{tenantid}/v2.0"}]).subject == "alice-4711"
        with pytest.raises(ProviderRefused):
            enter("common", [{**key, "issuer": f"BASE/{OTHER}/v2.0"}])

    def test_r109_of_any_directory_no_address_is_proved(self, enter: Enter):
        """nOAuth: whoever owns a directory writes what they like into `email`."""
        claims = enter("common", email="victim@example.com", email_verified=True)
        assert (claims.email, claims.email_verified) == ("victim@example.com", False)
        assert enter(ONE, email="a@example.com", email_verified=True).email_verified is True
        assert enter(ONE, email="a@example.com", email_verified=None, upn="b@example.com").email_verified is False
