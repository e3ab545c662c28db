"""A vault opens what was sealed with its secret or one of its predecessors, for its purpose, and knows which it was."""

import pytest

from authsvc.security.envelope import SealBroken
from authsvc.security.vault import Vault

OLD = Vault("old secret " * 4, (), "letters")
NEW = Vault("new secret " * 4, ("older secret " * 4, OLD.secret), "letters")


class TestVault:
    def test_what_is_sealed_is_opened(self):
        sealed = NEW.seal(b"dear Ada", "a letter")
        assert "Ada" not in sealed
        assert NEW.open(sealed, "a letter") == b"dear Ada"
        assert NEW.opens(sealed, "a letter")
        assert NEW.is_current(sealed, "a letter")
        assert not NEW.is_outdated(sealed, "a letter")

    def test_what_a_predecessor_sealed_is_opened_and_outdated(self):
        sealed = OLD.seal(b"dear Ada", "a letter")
        assert NEW.open(sealed, "a letter") == b"dear Ada"
        assert NEW.opens(sealed, "a letter")
        assert not NEW.is_current(sealed, "a letter")
        assert NEW.is_outdated(sealed, "a letter")

    @pytest.mark.parametrize(
        "other", [Vault("another secret " * 3, (), "letters"), Vault(NEW.secret, NEW.fallbacks, "keys")]
    )
    def test_what_was_sealed_otherwise_is_not(self, other: Vault):
        sealed = other.seal(b"dear Ada", "a letter")
        assert not NEW.opens(sealed, "a letter")
        assert not NEW.is_current(sealed, "a letter")
        assert not NEW.is_outdated(sealed, "a letter")

    def test_what_was_sealed_for_something_else_is_not(self):
        sealed = NEW.seal(b"dear Ada", "a letter")
        assert not NEW.opens(sealed, "another letter")
        with pytest.raises(SealBroken):
            NEW.open(sealed, "another letter")

    def test_what_is_sealed_again_is_current(self):
        sealed = NEW.reseal(OLD.seal(b"dear Ada", "a letter"), "a letter")
        assert NEW.is_current(sealed, "a letter")
        assert NEW.open(sealed, "a letter") == b"dear Ada"


class TestFingerprint:
    """Of a text that is too short to be hashed: the digits of a code."""

    def test_it_matches_its_text_only(self):
        kept = NEW.fingerprint("123456", "a challenge")
        assert "123456" not in kept
        assert NEW.matches(kept, "123456", "a challenge")
        assert not NEW.matches(kept, "123457", "a challenge")
        assert not NEW.matches(kept, "123456", "another challenge")

    def test_it_needs_the_secret_and_the_purpose(self):
        kept = NEW.fingerprint("123456", "a challenge")
        assert not Vault("another secret " * 4, (), "letters").matches(kept, "123456", "a challenge")
        assert not Vault(NEW.secret, (), "sessions").matches(kept, "123456", "a challenge")

    def test_a_predecessor_s_still_matches(self):
        """R98: whoever is typing a code while the secret is replaced is let in."""
        assert NEW.matches(OLD.fingerprint("123456", "a challenge"), "123456", "a challenge")
