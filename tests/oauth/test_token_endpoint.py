"""The token endpoint takes one form, and answers whatever else anybody sends with an error of OAuth."""

import base64
import json
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as options
from hypothesis import strategies as st

from tests.conftest import Person
from tests.support.assertions import assertion, shown
from tests.support.oauth import FORM, TOKEN, AppClient, basic, check_refusal, new_app, send

UNCLEAR = (400, "invalid_request")


@pytest.fixture
def notes(app: Flask, client: FlaskClient) -> AppClient:
    """Return an app with a secret."""
    return new_app(app, client)


class TestForm:
    """O23 (RFC 6749 section 3.2 and appendix B), A6, A7, A8, A15"""

    @pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
    def test_o23_only_post(self, notes: AppClient, method: str) -> None:
        code = f"{TOKEN}?{urlencode({'grant_type': 'authorization_code', 'client_id': notes.id})}"
        for path in (TOKEN, code):
            answer = send(notes.client, method, path)
            assert (answer.status, answer.error) == (405, "invalid_request")
            assert "POST" in answer.headers["Allow"]
            check_refusal(answer)

    @pytest.mark.parametrize(
        "kind",
        [
            *("application/json", "multipart/form-data; boundary=x", "text/plain", "", "x", "*/*"),
            *("application/x-www-form-urlencoded; charset=latin-1", "application/x-www-form-urlencoded; boundary=x"),
            *("application/x-www-form-urlencoded, text/plain", "Application/X-www-form-urlencoded-"),
        ],
    )
    def test_o23_any_other_type(self, notes: AppClient, alice: Person, kind: str) -> None:
        code = notes.authorize(alice.tokens["accessToken"])
        own = basic(notes.id, notes.secret)
        for body in (urlencode(code.form), json.dumps(code.form)):
            headers = {"Content-Type": kind, **own} if kind else own
            answer = send(notes.client, "POST", TOKEN, data=body, headers=headers)
            assert (answer.status, answer.error) == UNCLEAR
            check_refusal(answer)
        assert notes.exchange(code).status == 200  # none of them used it up

    def test_o23_a_multipart_form(self, notes: AppClient, alice: Person) -> None:
        code = notes.authorize(alice.tokens["accessToken"])
        answer = notes.client.post(
            TOKEN, data=code.form, content_type="multipart/form-data", headers=basic(notes.id, notes.secret)
        )
        assert (answer.status_code, answer.get_json()["error"]) == UNCLEAR

    def test_o23_a_charset_of_utf_8_is_fine(self, notes: AppClient, alice: Person) -> None:
        code = notes.authorize(alice.tokens["accessToken"])
        headers = {"Content-Type": f"{FORM['Content-Type']};charset=UTF-8", **basic(notes.id, notes.secret)}
        assert send(notes.client, "POST", TOKEN, data=urlencode(code.form), headers=headers).status == 200

    @pytest.mark.parametrize("name", ["grant_type", "code", "redirect_uri", "code_verifier", "client_id"])
    def test_o23_parameters_in_the_query(self, notes: AppClient, alice: Person, name: str) -> None:
        code = notes.authorize(alice.tokens["accessToken"])
        whole = {**code.form, "client_id": notes.id}
        rest = {one: value for one, value in whole.items() if one != name}
        for form in (rest, whole):
            path = f"{TOKEN}?{urlencode({name: whole[name]})}"
            answer = notes.post(path, form)
            assert (answer.status, answer.error) == UNCLEAR
        assert notes.exchange(code).status == 200

    @pytest.mark.parametrize("name", ["grant_type", "code", "redirect_uri", "code_verifier", "client_id", "other"])
    def test_o23_twice(self, notes: AppClient, alice: Person, name: str) -> None:
        code = notes.authorize(alice.tokens["accessToken"])
        pairs = list({"other": "x", **code.form, "client_id": notes.id}.items())
        for extra in ("", "x", dict(pairs)[name]):
            body = urlencode([*pairs, (name, extra)])
            answer = send(notes.client, "POST", TOKEN, data=body, headers={**FORM, **basic(notes.id, notes.secret)})
            assert (answer.status, answer.error) == UNCLEAR
        assert notes.exchange(code).status == 200

    def test_unknown_parameters_are_ignored_and_empty_ones_are_as_none(self, notes: AppClient, alice: Person) -> None:
        """RFC 6749 section 3.2"""
        code = notes.authorize(alice.tokens["accessToken"])
        answer = notes.token({**code.form, "client_id": "", "client_secret": "", "strange": "x", "scope": ""})
        assert answer.status == 200, answer.text

    @pytest.mark.parametrize(
        "body",
        [b"\xff", b"a=%ff", b"a=%00", b"grant_type=%", b"=&=&=", b"&" * 200, b"a=1&" * 101, b"a", b"+", b"%ED%A0%80"],
    )
    def test_o23_a_body_that_is_no_form(self, notes: AppClient, body: bytes) -> None:
        check_refusal(send(notes.client, "POST", TOKEN, data=body, headers={**FORM, **basic(notes.id, notes.secret)}))

    def test_o23_a_body_that_is_too_large_or_cut_off(self, app: Flask, notes: AppClient) -> None:
        headers = {**FORM, **basic(notes.id, notes.secret)}
        answer = send(notes.client, "POST", TOKEN, data=b"a" * (app.config["MAX_BODY_BYTES"] + 1), headers=headers)
        assert (answer.status, answer.error) == (413, "invalid_request")
        answer = send(notes.client, "POST", TOKEN, data=b"a=b", headers={**headers, "Content-Length": "100"})
        check_refusal(answer)

    @pytest.mark.parametrize(
        "grant", [None, "", "password", "implicit", "client_credentials ", "AUTHORIZATION_CODE", "ü"]
    )
    def test_a_grant_that_there_is_not(self, notes: AppClient, grant: str | None) -> None:
        answer = notes.token({} if grant is None else {"grant_type": grant})
        assert (answer.status, answer.error) == (400, "unsupported_grant_type")

    def test_what_is_given_is_not_stored_on_the_way(self, notes: AppClient, alice: Person) -> None:
        """RFC 6749 section 5.1"""
        answer = notes.exchange(notes.authorize(alice.tokens["accessToken"]))
        assert (answer.headers["Cache-Control"], answer.headers["Pragma"]) == ("no-store", "no-cache")
        assert answer.json["token_type"] == "Bearer"
        assert not answer.cookies


NAMES = (
    *("grant_type", "code", "redirect_uri", "code_verifier", "client_id", "client_secret", "client_assertion"),
    *("client_assertion_type", "refresh_token", "scope", "resource", "audience", "device_code", "username"),
)
anything = st.one_of(
    st.text(max_size=60),
    st.sampled_from(["authorization_code", "refresh_token", "openid", "https://app.example.net/callback", "%", "a b"]),
)
pairs = st.lists(st.tuples(st.one_of(st.sampled_from(NAMES), st.text(max_size=10)), anything), max_size=12)
headers = st.one_of(
    st.none(),
    st.binary(max_size=40).map(lambda raw: f"Basic {base64.b64encode(raw).decode()}"),
    st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=40),
)


class TestNeverAFault:
    """O23: whatever comes, the answer is an error of OAuth and never a 5xx."""

    @options(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(pairs=pairs, header=headers, owned=st.booleans(), signed=st.booleans())
    def test_o23_any_parameters(
        self, notes: AppClient, pairs: list[tuple[str, str]], header: str | None, owned: bool, signed: bool
    ) -> None:
        own = basic(notes.id, notes.secret) if owned else {} if header is None else {"Authorization": header}
        extra = list(shown(assertion("app_unknown")).items()) if signed else []
        body = urlencode([*pairs, *extra], errors="replace")
        check_refusal(send(notes.client, "POST", TOKEN, data=body, headers={**FORM, **own}))

    @options(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(body=st.binary(max_size=200), kind=st.one_of(st.just(FORM["Content-Type"]), st.text("abx/=;-", max_size=30)))
    def test_o23_any_bytes(self, notes: AppClient, body: bytes, kind: str) -> None:
        own = basic(notes.id, notes.secret)
        check_refusal(send(notes.client, "POST", TOKEN, data=body, headers={"Content-Type": kind, **own}))
