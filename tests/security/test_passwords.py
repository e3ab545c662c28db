"""Hashing: nothing is cut, Node's hashes are understood, and every wrong answer costs the same. R3, R16, R18, D13."""

import bcrypt
import pytest
from argon2 import PasswordHasher
from hypothesis import given, settings
from hypothesis import strategies as st

from authsvc.errors import HashingBusy
from authsvc.security import passwords
from authsvc.security.foreign_hashes import NotKnown
from authsvc.security.hashing_pool import HashingPool
from authsvc.security.passwords import MAX_LENGTH, Hasher, PasswordHash, Verdict, is_hash
from tests.support.accounts import BAD_HASHES, counted_work, node_hash, occupied

CHEAP = Hasher(4, HashingPool(4, 60))
DEARER = Hasher(7, HashingPool(4, 60))
ARGON2 = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash("an old phrase")

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

    def test_one_of_another_kind_is_verified_and_outdated(self):
        assert CHEAP.verify("an old phrase", ARGON2, foreign=True) == Verdict(True, outdated=True)
        assert CHEAP.verify("another phrase", ARGON2, foreign=True) == Verdict(False)

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


class TestScheme:
    @pytest.mark.parametrize(
        ("text", "scheme"),
        [(node_hash("x", 4), "bcrypt"), (ARGON2, "argon2id"), (None, None), ("?", None)],
        ids=["bcrypt", "argon2id", "nothing", "another text"],
    )
    def test_a_hash_is_named_by_what_made_it(self, text: str | None, scheme: str | None):
        assert passwords.scheme_of(text) == scheme

    @pytest.mark.parametrize("text", ["", "hunter2", "$2b$99$" + "." * 53])
    def test_no_other_text_is_a_hash_and_none_is_quoted(self, text: str):
        """R95"""
        with pytest.raises(ValueError, match=r"^not a hash of a known kind$"):
            PasswordHash(text)


class TestImported:
    @pytest.fixture(autouse=True)
    def _hasher(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(passwords._process, "hasher", CHEAP)

    @pytest.mark.parametrize(
        "text",
        [ARGON2, node_hash("x", 4), "{bcrypt}" + node_hash("x", 4), "$2y$16$" + "." * 53],
        ids=["argon2id", "bcrypt", "wrapped", "as dear as may be"],
    )
    def test_what_can_be_verified_is_taken_as_a_hash(self, text: str):
        assert type(passwords.imported(text)) is PasswordHash

    def test_a_bcrypt_hash_may_cost_as_much_as_one_of_ours(self, monkeypatch: pytest.MonkeyPatch):
        dearer = "$2b$17$" + "." * 53
        with pytest.raises(NotKnown, match="too expensive: cost over 16"):
            passwords.imported(dearer)
        monkeypatch.setattr(passwords._process, "hasher", Hasher(17, HashingPool(1, 60)))
        assert passwords.imported(dearer) == dearer

    @pytest.mark.parametrize("text", ["hunter2", "", "!", "$argon2id$v=19$m=9999999,t=3,p=4$c2FsdHNhbHQ$aGFzaA"])
    def test_anything_else_is_refused_with_a_reason_that_quotes_nothing(self, text: str):
        with pytest.raises(NotKnown) as refused:
            passwords.imported(text)
        assert not text or text not in str(refused.value)


class TestTurns:
    def test_it_tells_that_there_is_no_room_and_whose_turn_it_is(self):
        """U13"""
        pool = HashingPool(1, 0)
        busy = Hasher(4, pool)
        busy.require_room()
        with occupied(pool), pytest.raises(HashingBusy):
            busy.require_room()
        with busy.in_turn("mallory"), busy.in_turn("alice"):
            assert busy.hash("x")


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
        monkeypatch.setattr(passwords._process, "hasher", None)
        with pytest.raises(RuntimeError, match="create_app"):
            passwords.hasher()
        passwords.use(CHEAP)
        assert passwords.hasher() is CHEAP
