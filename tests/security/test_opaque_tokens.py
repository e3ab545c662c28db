"""Opaque tokens: random, recognisable by their shape, kept as a hash."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.security.opaque_tokens import digest, generate, is_well_formed

PREFIX = "asv_"


class TestGenerate:
    def test_a_scanner_finds_it(self) -> None:
        """One expression, no other text around it: what secret scanners ask of a provider."""
        token = generate(PREFIX)
        assert re.findall(r"\basv_[0-9A-Za-z]{49}\b", f"export TOKEN={token}; curl") == [token]
        assert is_well_formed(token, PREFIX)

    def test_it_has_256_random_bits(self) -> None:
        tokens = [generate(PREFIX).removeprefix(PREFIX)[:43] for _ in range(2000)]
        assert len(set(tokens)) == 2000
        for place in range(43):
            assert len({token[place] for token in tokens}) > 55


class TestShape:
    @given(st.integers(4, 52), st.sampled_from(string.digits + string.ascii_letters))
    def test_a_mistyped_character_is_told(self, place: int, typed: str) -> None:
        token = generate(PREFIX)
        changed = token[:place] + typed + token[place + 1 :]
        assert is_well_formed(changed, PREFIX) == (changed == token)

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda token: token[:-1],
            lambda token: token + "0",
            lambda token: token + "\n",
            lambda token: " " + token,
            lambda token: token.upper(),
            lambda token: token.replace("asv_", "asx_"),
            lambda token: token[4:],
            lambda token: "asv_" + token,
            lambda token: "asv_" + "\uff10" * 49,
            lambda _: "asv_" + "0" * 49,
            lambda _: "asv_",
            lambda _: "",
        ],
    )
    def test_nothing_else_has_it(self, spoil) -> None:
        assert not is_well_formed(spoil(generate(PREFIX)), PREFIX)

    def test_a_token_of_another_kind_is_none(self) -> None:
        assert is_well_formed(generate("asx_"), "asx_") is True
        assert is_well_formed(generate("asx_"), PREFIX) is False


class TestDigest:
    def test_it_is_the_hash_of_the_text(self) -> None:
        """FIPS 180-4, appendix: SHA-256 of `abc`."""
        assert digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
