"""Signatures by Standard Webhooks 1.0, verified by the library of PyPI."""

import base64
import json
import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from authsvc.security import standard_webhooks

BODY = json.dumps({"type": "sign_up", "data": {"name": "Zoë 😀"}}, ensure_ascii=False).encode()


def signed(*secrets: str, body: bytes = BODY, at: float | None = None) -> dict[str, str]:
    keys = [standard_webhooks.read_secret(one) for one in secrets]
    return standard_webhooks.headers(keys, "msg_1", int(time.time() if at is None else at), body)


class TestSignature:
    def test_it_is_that_of_the_specification(self) -> None:
        """The example of Standard Webhooks' own documentation, which its libraries test themselves with."""
        key = standard_webhooks.read_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        body = b'{"test": 2432232314}'
        signature = standard_webhooks.signature([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
        assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

    def test_the_library_verifies_it(self) -> None:
        secret = standard_webhooks.new_secret()
        assert Webhook(secret).verify(BODY, signed(secret)) == json.loads(BODY)

    def test_r122_while_rotating_each_secret_verifies_it(self) -> None:
        new, old = standard_webhooks.new_secret(), standard_webhooks.new_secret()
        headers = signed(new, old)
        Webhook(new).verify(BODY, headers)
        Webhook(old).verify(BODY, headers)
        with pytest.raises(WebhookVerificationError):
            Webhook(standard_webhooks.new_secret()).verify(BODY, headers)

    @pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp"])
    def test_r122_the_id_and_the_time_are_signed(self, name: str) -> None:
        secret = standard_webhooks.new_secret()
        headers = signed(secret)
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(BODY, {**headers, name: headers[name] + "0"})

    def test_r122_the_body_is_signed(self) -> None:
        secret = standard_webhooks.new_secret()
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(BODY + b" ", signed(secret))

    def test_an_old_one_is_a_replay(self) -> None:
        secret = standard_webhooks.new_secret()
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(BODY, signed(secret, at=time.time() - 301))


class TestReadSecret:
    @pytest.mark.parametrize("length", [24, 25, 32, 64])
    @pytest.mark.parametrize("padding", ["", "="])
    def test_it_is_24_to_64_bytes(self, length: int, padding: str) -> None:
        key = bytes(range(length))
        text = base64.b64encode(key).decode()
        assert standard_webhooks.read_secret("whsec_" + (text if padding else text.rstrip("="))) == key

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "whsec_",
            base64.b64encode(bytes(32)).decode(),
            "whsec_" + base64.b64encode(bytes(23)).decode(),
            "whsec_" + base64.b64encode(bytes(65)).decode(),
            "whsec_" + base64.urlsafe_b64encode(b"\xff" * 32).decode(),
            "whsec_" + base64.b64encode(bytes(32)).decode() + "\n",
            "whsec_" + "é" * 44,
            "whsec_A" + base64.b64encode(bytes(30)).decode(),
        ],
    )
    def test_anything_else_is_refused_without_being_repeated(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"^must be(gin with)? ") as refusal:
            standard_webhooks.read_secret(text)
        assert not text.removeprefix("whsec_") or text not in str(refusal.value)
