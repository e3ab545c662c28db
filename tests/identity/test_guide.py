"""The guide to signing in with others: its examples are read, and say what has to be registered."""

import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask import Flask

from authsvc.services import providers
from authsvc.settings import identity_providers
from authsvc.settings.identity_providers import PRESETS, ProviderSettings
from tests.support.service import ROOT
from tests.support.upstreams import signing_in_with

GUIDE = (ROOT / "docs/guides/sign-in-with-others.md").read_text()
SECTIONS = {
    title: text for title, text in re.findall(r"(?ms)^## ([^\n]+)\n(.*?)(?=^## |\Z)", GUIDE) if "```toml" in text
}
HERE = "https://auth.example.com"
KEY = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def read(text: str, folder: Path) -> tuple[ProviderSettings, ...]:
    """Return the providers of a section's table, whose secrets are there."""
    table = "\n".join(re.findall(r"(?s)```toml\n(.*?)```", text))
    for member, secret in (("key", KEY), ("client_secret", "of the provider\n")):
        (folder / member).write_text(secret)
        table = re.sub(rf'{member}_file = "[^"]*"', f'{member}_file = "{folder / member}"', table)
    file = folder / "providers.toml"
    file.write_text(table)
    environ = dict.fromkeys(re.findall(r'_env = "(\w+)"', table), "of the provider")
    return identity_providers.read(str(file), environ, production=True)


class TestExamples:
    @pytest.mark.parametrize("title", SECTIONS)
    def test_it_is_read_and_its_redirect_uri_is_the_one_to_register(self, app: Flask, tmp_path: Path, title: str):
        (settings,) = read(SECTIONS[title], tmp_path)
        with app.app_context(), signing_in_with(app, settings), pytest.MonkeyPatch.context() as patch:
            patch.setitem(app.config, "PUBLIC_URL", HERE)
            uri = providers.redirect_uri(providers.find(settings.name))
        assert f"`{uri}`" in SECTIONS[title]
        assert [one for one in re.findall(rf"`({HERE}/\S*federation\S*)`", SECTIONS[title]) if one != uri] == []
        for scope in settings.scope.split():
            assert scope in SECTIONS[title] or f"userinfo.{scope}" in SECTIONS[title]

    def test_there_is_one_for_each_preset(self, tmp_path: Path):
        kinds = {one.kind for text in SECTIONS.values() for one in read(text, tmp_path)}
        assert kinds == PRESETS.keys()

    def test_together_they_are_one_file(self, tmp_path: Path):
        names = [one.name for one in read(GUIDE, tmp_path)]
        assert names == ["google", "github", "microsoft", "apple", "gitlab", "work"]


class TestWarnings:
    @pytest.mark.parametrize("member", ["trusted", "private", "audiences"])
    def test_what_lets_others_in_is_warned_of(self, member: str):
        (warnings,) = re.findall(r"(?ms)^## What you must never switch on\n(.*?)^## ", GUIDE)
        assert f"**`{member}`" in warnings
