"""Apps by libraries that people use: openid-client and oauth4webapi, against the service as it stands."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask

from authsvc.models.apps import AppKind, AuthMethod
from tests.support.app_devices import new_device_app
from tests.support.app_programs import run
from tests.support.app_visits import Somebody
from tests.support.assertions import KEYS, jwk_of, public_jwks
from tests.support.npm import installed
from tests.support.oauth import new_app
from tests.support.service import Visitor

pytestmark = [pytest.mark.external, pytest.mark.timeout(180)]

PROGRAMS = Path(__file__).parent / "oauth"


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the programs, with the libraries that they need."""
    return installed(PROGRAMS, tmp_path_factory.mktemp("clients") / "oauth")


PROOFS = {
    "none": (AppKind.SPA, AuthMethod.NONE, None),
    "client_secret_basic": (AppKind.WEB, AuthMethod.BASIC, None),
    "client_secret_post": (AppKind.WEB, AuthMethod.POST, None),
    "default": (AppKind.WEB, AuthMethod.POST, None),
    "private_key_jwt ES256": (AppKind.WEB, AuthMethod.PRIVATE_KEY, "ES256"),
    "private_key_jwt RS256": (AppKind.WEB, AuthMethod.PRIVATE_KEY, "RS256"),
}
"""How apps show who they are: the kind of app, what it is registered for, and the algorithm of its key."""


class TestOpenidClient:
    @pytest.fixture(params=PROOFS)
    def about(self, app: Flask, somebody: Somebody, request: pytest.FixtureRequest) -> dict[str, Any]:
        """Return what the program is told of an app, which shows who it is in one of the ways."""
        kind, method, alg = PROOFS[request.param]
        key = {} if alg is None else {"jwks": public_jwks(alg, kid="1", use="sig")}
        made = new_app(app, Visitor(somebody.url), kind, auth_method=method, **key)
        private = None if alg is None else jwk_of(KEYS[alg], alg, kid="1")
        return {
            "clientId": made.id,
            "secret": made.secret,
            "method": request.param.partition(" ")[0],
            "alg": alg,
            "jwk": private,
        }

    def test_it_signs_somebody_in(self, programs: Path, somebody: Somebody, about: dict[str, Any]):
        """O28 and O41 with a program that was not written here: the default of ID tokens is RS256."""
        told = run(["node", "openid_client.mjs"], programs, somebody, **about)
        claims = told["claims"]
        assert (claims["sub"], claims["aud"], claims["iss"]) == (somebody.id, about["clientId"], somebody.url)
        assert told["algorithm"] == "RS256"
        assert told["scope"] == "openid profile email offline_access"
        assert told["userinfo"]["email"] == somebody.email
        assert told["refreshed"] is told["userinfo again"] is True
        assert told["introspection refused"] == ("invalid_client" if about["method"] == "none" else "none")
        assert (told["revoked"], told["access after it"]) == ("invalid_grant", "invalid_token")
        assert told["replay"] == "invalid_grant"
        assert told["silent"] == "login_required"
        assert (told["the same person"], told["a forged hint"]) == (True, "invalid_request")
        assert somebody.steps == ["consent"]

    def test_o48_it_signs_somebody_out(self, app: Flask, programs: Path, somebody: Somebody):
        """By an ID token whose session has ended: that says whom the app means, and no more is needed."""
        after = "https://app.example.net/signed-out"
        made = new_app(app, Visitor(somebody.url), logout_uris=[after])
        about = {"clientId": made.id, "secret": made.secret, "method": "client_secret_basic", "logoutUri": after}
        told = run(["node", "openid_client.mjs"], programs, somebody, **about)
        assert somebody.is_signed_in()
        back = urlsplit(somebody.leave(told["end session"]) or "")
        assert (back.scheme, back.netloc, back.path) == ("https", "app.example.net", "/signed-out")
        assert parse_qs(back.query) == {"state": ["s t&=#"]}
        assert somebody.steps == ["consent", "sign_out"]
        assert not somebody.is_signed_in()

    @pytest.mark.parametrize(("registered", "wanted"), [("ES256", "ES256"), ("RS256", "RS256"), ("ES256", "RS256")])
    def test_o41_an_app_gets_the_algorithm_that_it_is_registered_for(
        self,
        app: Flask,
        programs: Path,
        somebody: Somebody,
        registered: str,
        wanted: str,
    ):
        made = new_app(app, Visitor(somebody.url), id_token_alg=registered)
        about = {"clientId": made.id, "secret": made.secret, "method": "client_secret_basic", "idTokenAlg": wanted}
        if registered != wanted:
            with pytest.raises(AssertionError, match='unexpected JWT "alg"'):
                run(["node", "openid_client.mjs"], programs, somebody, **about)
            return
        told = run(["node", "openid_client.mjs"], programs, somebody, **about)
        assert told["algorithm"] == registered

    def test_o47_a_device(self, app: Flask, programs: Path, somebody: Somebody):
        """It asks again and again, as it was told to, while the person still reads."""
        telly = new_device_app(app, Visitor(somebody.url))
        told = run(["node", "openid_device.mjs"], programs, somebody, clientId=telly.id)
        assert (told["claims"]["sub"], told["claims"]["aud"]) == (somebody.id, telly.id)
        assert told["scope"] == "openid profile email offline_access"
        assert told["userinfo"]["email"] == somebody.email
        assert told["refreshed"] is True
        assert told["revoked"] == "invalid_grant"
        assert told["somebody says no"] == "access_denied"
        assert somebody.steps == ["consent", "allowed", "consent", "denied"]


class TestOauth4webapi:
    @pytest.mark.parametrize("kind", [AppKind.DEVICE, AppKind.WEB])
    def test_o47_a_device_question_by_question(self, app: Flask, programs: Path, somebody: Somebody, kind: AppKind):
        telly = new_device_app(app, Visitor(somebody.url), kind)
        told = run(
            ["node", "oauth4webapi_device.mjs"], programs, somebody, clientId=telly.id, secret=telly.secret or ""
        )
        code, page, lasts, interval = told["codes"]
        assert (len(code), page, lasts, interval) == (9, f"{somebody.url}/account/device", 900, 5)
        assert (told["first"], told["at once"]) == ("authorization_pending", "slow_down")
        assert (told["audience"], told["userinfo"]) == (telly.id, somebody.email)
        assert told["once more"] == told["of nobody"] == "invalid_grant"
        assert told["somebody says no"] == "access_denied"
        assert told["unknown scope"] == "invalid_scope"

    @pytest.mark.parametrize("max_age", [10_000, 0])
    def test_it_finds_nothing_amiss(self, app: Flask, programs: Path, somebody: Somebody, max_age: int):
        """O12, O17, O40, O44: it checks what specifications say, and refuses by itself."""
        made = new_app(app, Visitor(somebody.url))
        told = run(
            ["node", "oauth4webapi.mjs"],
            programs,
            somebody,
            clientId=made.id,
            secret=made.secret,
            maxAge=max_age,
            audience=f"{somebody.url}/oauth2/userinfo",
            others={"first-party access": somebody.tokens["accessToken"]},
        )
        assert told["same at both addresses"] is told["iss is announced"] is told["auth_time"] is True
        assert told["userinfo"] == somebody.email
        assert told["rfc 9068"] == [True, True, "string", "openid email"]
        for kind in ("first-party access", "id token", "refresh"):
            assert told[f"{kind} as an access token"].startswith("OAUTH_"), kind
        assert told["refreshed"] is True
        assert told["access as a refresh token"] == "invalid_grant"
        assert told["wrong secret"] == "invalid_client"
        assert told["unknown scope"] == "invalid_scope"
        assert told["nobody is asked"] == "login_required"
        assert told["somebody says no"] == "access_denied"
        assert somebody.steps == (["consent"] if max_age else ["prove", "consent"]) * 2  # and one that said no
