"""Hashing: nothing is cut, Node's hashes are understood, and every wrong answer costs the same. R3, R16, R18, D13."""

import bcrypt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authsvc.security import passwords
from authsvc.security.hashing_pool import HashingPool
from authsvc.security.passwords import MAX_LENGTH, Hasher, PasswordHash, Verdict, is_hash
from tests.accounts import BAD_HASHES, counted_work, node_hash

CHEAP = Hasher(4, HashingPool(4, 60))
DEARER = Hasher(7, HashingPool(4, 60))

storable = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
texts = st.one_of(
    st.text(storable, min_size=1, max_size=30),
    st.text(storable, min_size=60, max_size=80),
    st.text(st.sampled_from("aé€🦊"), min_size=15, max_size=MAX_LENGTH),
)


class TestHash:
    @given(texts)
    @settings(deadline=None)
    def test_the_same_password_is_right_and_the_hash_is_bcrypts(self, password: str):
        """R3, R16"""
        hash_ = CHEAP.hash(password)
        assert type(hash_) is PasswordHash
        assert hash_.startswith("$2b$04$")
        assert is_hash(hash_)
        for foreign in (True, False):
            assert CHEAP.verify(password, hash_, foreign=foreign) == Verdict(True)

    @given(texts, texts)
    @settings(deadline=None)
    def test_any_other_password_is_wrong(self, password: str, other: str):
        """R3, R4"""
        assert CHEAP.verify(other, CHEAP.hash(password), foreign=False).right == (password == other)

    @given(texts, storable)
    @settings(deadline=None)
    def test_one_character_more_less_or_other_is_wrong(self, password: str, char: str):
        """R3, R4: whatever the length, as for every one of 256."""
        hash_ = CHEAP.hash(password)
        for other in (password + char, password[:-1], char + password, password[:-1] + char, password.swapcase()):
            assert CHEAP.verify(other, hash_, foreign=False).right == (other == password)

    @given(texts.filter(lambda text: len(text.encode()) <= 72))
    @settings(deadline=None)
    def test_up_to_72_bytes_a_hash_is_as_good_in_node(self, password: str):
        """The hashes stay interchangeable with the Express service's."""
        assert bcrypt.checkpw(password.encode(), CHEAP.hash(password).encode())
        assert CHEAP.verify(password, node_hash(password), foreign=True) == Verdict(True)

    def test_no_two_hashes_are_alike(self):
        assert len({CHEAP.hash("the same") for _ in range(20)}) == 20

    def test_beyond_72_bytes_the_form_is_the_one_in_the_cheat_sheet(self):
        """D13: base64(HMAC-SHA384), with a public key. Changing it would lock everyone with a long password out."""
        reduced = b"zP1Hje9GkqIwQhsWbp7P+HzO+QVj9qBsE5sWmRGGz8QnFbf0tTWP+CGHAH2U+TPb"
        assert len(reduced) == 64
        assert bcrypt.checkpw(reduced, CHEAP.hash("long " * 20).encode())


class TestForeign:
    """Node's bcrypt cut at 72 bytes, in the middle of a character if need be."""

    @given(texts.filter(lambda text: len(text.encode()) > 72), st.text(storable, max_size=20))
    @settings(deadline=None)
    def test_a_long_one_cut_by_node_is_right_and_asks_to_be_written_anew(self, password: str, tail: str):
        stored = node_hash(password)
        assert CHEAP.verify(password, stored, foreign=True) == Verdict(True, outdated=True)
        same_start = password.encode()[:72].decode(errors="ignore")
        assert CHEAP.verify(same_start + "x" * 72, stored, foreign=True).right == (
            (same_start + "x" * 72).encode()[:72] == password.encode()[:72]
        )

    def test_our_own_hashes_are_never_tried_that_way(self):
        """R3"""
        password = "correct horse battery staple " * 3
        assert CHEAP.verify(password, node_hash(password), foreign=False) == Verdict(False)

    @pytest.mark.parametrize("prefix", [b"2a", b"2y"])
    def test_an_older_prefix_is_understood_and_outdated(self, prefix: bytes):
        stored = node_hash("an old phrase", 4, prefix)
        assert CHEAP.verify("an old phrase", stored, foreign=True) == Verdict(True, outdated=True)
        assert CHEAP.verify("another phrase", stored, foreign=True) == Verdict(False)

    @pytest.mark.parametrize(("rounds", "outdated"), [(4, True), (6, True), (7, False), (8, False)])
    def test_a_cheaper_hash_is_outdated_a_dearer_one_is_not(self, rounds: int, outdated: bool):
        """R16"""
        stored = node_hash("an old phrase", rounds)
        assert DEARER.verify("an old phrase", stored, foreign=True) == Verdict(True, outdated=outdated)

    @pytest.mark.parametrize("stored", BAD_HASHES, ids=lambda value: value[:12])
    def test_what_is_no_hash_fits_no_password(self, stored: str):
        """D13"""
        assert not is_hash(stored)
        for password in ("x", stored[:MAX_LENGTH] or "x", "x" * 73):
            assert CHEAP.verify(password, stored, foreign=True) == Verdict(False)


class TestEqualWork:
    """R18, in rounds of bcrypt: an account that is not there, has a cheaper hash or none costs as much."""

    @pytest.mark.parametrize(
        "stored",
        [
            None,
            "",
            "!disabled",
            "$2b$99$" + "." * 53,
            "$2b$10$" + "z" * 53,
            node_hash("right", 7),
            node_hash("right", 4),
            node_hash("right", 6),
            node_hash("right", 5, b"2a"),
        ],
        ids=lambda value: str(value)[:7],
    )
    @pytest.mark.parametrize("foreign", [True, False])
    @pytest.mark.parametrize(("password", "times"), [("wrong", 1), ("w" * 72, 1), ("w" * 73, 2), ("🦊" * 256, 2)])
    def test_every_wrong_answer_takes_the_same(self, stored: str | None, foreign: bool, password: str, times: int):
        fresh = Hasher(7, HashingPool(1, 60))
        with counted_work() as work:
            assert fresh.verify(password, stored, foreign=foreign) == Verdict(False)
        assert work.rounds == times * 2**7

    def test_a_long_hash_is_made_once(self):
        with counted_work() as work:
            DEARER.hash("long " * 30)
        assert work.rounds == 2**7


class TestHasherOfTheProcess:
    def test_there_is_none_before_it_is_set(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(passwords, "_current", [])
        with pytest.raises(RuntimeError, match="create_app"):
            passwords.hasher()
        passwords.use(CHEAP)
        assert passwords.hasher() is CHEAP
