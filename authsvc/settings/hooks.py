"""The settings of hooks: programs of the operator that are asked before something is done."""

import re
from typing import Any
from urllib.parse import urlsplit

from marshmallow import Schema, ValidationError, validates_schema

from authsvc.public_addresses import address_of, is_host, is_private, is_public
from authsvc.settings import formats, webhook_secrets
from authsvc.settings.fields import Setting, Words, each, must

_MOST_SECRETS = 2
_ADDRESS = re.compile(r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?(?:[/?][!-\"$-~]*)?", re.ASCII)


def is_address(text: str) -> bool:
    """Tell whether the text is an address that can be asked: http or https, without a user name or a fragment."""
    match = _ADDRESS.fullmatch(text)
    return match is not None and is_host(match[1]) and (match[2] is None or formats.is_port(match[2]))


def is_elsewhere(url: str) -> bool:
    """Tell whether an address may be asked in production: not this machine, nor what only its link or cloud knows.

    A name may still lead there: whoever connects looks again (`clients.connector`).
    """
    host = (urlsplit(url).hostname or "").rstrip(".")
    address = address_of(host)
    if address is None:
        return host != "localhost" and not host.endswith(".localhost")
    return is_public(address) or is_private(address)


_AN_ADDRESS = must(is_address, "must be an address: https://hooks.example.com/sign-up")
_SECURE = must(lambda url: url.startswith("https://"), "must be https")
_ELSEWHERE = must(
    is_elsewhere, "must not be on this machine: in production a hook is on the internet or in a private network"
)


class HookSettings(Schema):
    """What is asked, where, and signed by what."""

    HOOK_SIGN_UP = Setting(
        "a program of yours that is asked whether an account may be made, on every way that makes one. While it gives"
        " no usable answer, none is made",
        bounds="an address; in production https, and not on this machine",
        rules=(_AN_ADDRESS,),
        strict=(_SECURE, _ELSEWHERE),
    )
    HOOK_TOKEN = Setting(
        "a program of yours that is asked what each access token says besides, under `ext`. While it gives no usable"
        " answer, nobody gets a token",
        bounds="an address; in production https, and not on this machine",
        rules=(_AN_ADDRESS,),
        strict=(_SECURE, _ELSEWHERE),
    )
    HOOK_SECRET = Words(
        "signs the questions to hooks (Standard Webhooks): `whsec_` and base64 of 24 to 64 random bytes"
        " (`echo whsec_$(openssl rand -base64 32)`). Two, separated by a comma, while a hook changes from one to the"
        " other: both sign",
        bounds="one secret, or two",
        rules=(
            must(lambda texts: len(texts) <= _MOST_SECRETS, "must be one secret, or two"),
            each(webhook_secrets.fault),
        ),
        strict=(
            must(
                lambda texts: not any(map(formats.is_weak, texts)),
                "is weak: use `echo whsec_$(openssl rand -base64 32)`",
            ),
        ),
    )

    @validates_schema(skip_on_field_errors=False)
    def _check_hooks(self, values: dict[str, Any], **_: Any) -> None:
        if (values.get("HOOK_SIGN_UP") or values.get("HOOK_TOKEN")) and values.get("HOOK_SECRET") == []:
            raise ValidationError({"HOOK_SECRET": ["is missing: questions to hooks are signed"]})
