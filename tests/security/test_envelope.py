"""Secrets at rest open with the operator's key, for their purpose and place, and untouched. R98."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authsvc.security.envelope import SealBroken, opens, seal, unseal

SECRET, OTHER = "the operator's secret, of some length", "another secret, of the same length!!"


class TestSeal:
    @given(st.binary(max_size=500), st.text(min_size=1, max_size=50), st.text(max_size=20))
    @settings(deadline=None)
    def test_what_was_sealed_is_unsealed(self, plaintext: bytes, purpose: str, context: str):
        assert unseal(seal(plaintext, SECRET, purpose, context), [SECRET], purpose, context) == plaintext

    def test_nothing_of_it_is_legible_and_no_two_are_alike(self):
        sealed = {seal(b"a private key", SECRET, "keys", "1") for _ in range(100)}
        assert len(sealed) == 100
        assert not any(b"private" in base64.urlsafe_b64decode(text) for text in sealed)
        assert len({base64.urlsafe_b64decode(text)[:12] for text in sealed}) == 100

    def test_a_former_secret_still_opens(self):
        """R98"""
        sealed = seal(b"x", OTHER, "keys", "1")
        assert unseal(sealed, [SECRET, OTHER], "keys", "1") == b"x"
        assert unseal(sealed, iter([OTHER]), "keys", "1") == b"x"

    @pytest.mark.parametrize(
        ("secrets", "purpose", "context"),
        [
            ([OTHER], "keys", "1"),
            ([], "keys", "1"),
            ([""], "keys", "1"),
            ([SECRET + " "], "keys", "1"),
            ([SECRET], "totp", "1"),
            ([SECRET], "keys", "2"),
            ([SECRET], "keys", ""),
            ([SECRET], "", "keys1"),
        ],
    )
    def test_another_secret_purpose_or_place_does_not_open_it(self, secrets: list[str], purpose: str, context: str):
        with pytest.raises(SealBroken):
            unseal(seal(b"x", SECRET, "keys", "1"), secrets, purpose, context)

    def test_any_changed_byte_breaks_it(self):
        raw = base64.urlsafe_b64decode(seal(b"a private key", SECRET, "keys", "1"))
        for position in range(len(raw)):
            changed = raw[:position] + bytes([raw[position] ^ 1]) + raw[position + 1 :]
            with pytest.raises(SealBroken):
                unseal(base64.urlsafe_b64encode(changed).decode(), [SECRET], "keys", "1")

    @pytest.mark.parametrize("length", range(0, 44, 4))
    def test_a_cut_one_is_broken(self, length: int):
        with pytest.raises(SealBroken):
            unseal(seal(b"", SECRET, "keys", "1")[:length][:-4], [SECRET], "keys", "1")

    @pytest.mark.parametrize("text", ["", "=", "a", "ü", "not base64!", "\0", "AAAA", "A" * 16, "A" * 400])
    def test_what_never_was_one_is_broken(self, text: str):
        with pytest.raises(SealBroken):
            unseal(text, [SECRET], "keys", "1")


class TestOpens:
    @pytest.mark.parametrize(("secret", "expected"), [(SECRET, True), (OTHER, False)])
    def test_it_tells_whether_a_secret_opens_it(self, secret: str, expected: bool):
        assert opens(seal(b"x", SECRET, "keys", "1"), secret, "keys", "1") is expected
