"""What a new password may be: not a common one (R6), nothing like the account (R7)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from authsvc.security.password_policy import is_common, is_like_account

LONG_ENOUGH = [word for word in FREQUENCY_LISTS["passwords"] if len(word) >= 8]
ALSO_NAMES_AND_WORDS = """
    jennifer michelle victoria danielle jonathan nicholas benjamin december williams november kristina kimberly
    caroline courtney patricia anderson alexander marshall veronica brittany franklin mitchell virginia american
    lawrence basketball sterling business remember harrison angelina leonardo birthday savannah kathleen cristina
    hamilton napoleon elizabeth chandler campbell isabella florence margaret christian robinson penelope christine
""".split()  # noqa: SIM905 - as prose, it can be read


class TestCommon:
    def test_the_list_has_ten_thousand_that_are_long_enough(self):
        """R6"""
        assert len({word for word in LONG_ENOUGH if is_common(word)}) >= 10_000

    def test_each_of_the_first_three_thousand_is_refused(self):
        """R6"""
        assert [word for word in LONG_ENOUGH[:3000] if not is_common(word)] == []

    def test_one_that_is_also_a_name_or_a_word_is_refused(self):
        """R6: each is among the first 3,000 of leaked passwords; lists without duplicates have them elsewhere."""
        assert [word for word in ALSO_NAMES_AND_WORDS if not is_common(word)] == []

    def test_case_and_added_digits_make_no_difference(self):
        """R6"""
        added = ("1", "7", "12", "123", "!", "1!", "2026", "69")
        for word in [*LONG_ENOUGH[:100], *ALSO_NAMES_AND_WORDS]:
            variants = [word.upper(), word.title(), word.swapcase(), *(word + digits for digits in added)]
            variants += [word.title() + digits for digits in ("1", "2026", "!")]
            assert [variant for variant in variants if not is_common(variant)] == []

    @pytest.mark.parametrize("word", ["aaaaaaaa", "00000000000", "        ", "ÜÜÜÜÜÜÜÜ", "🦊" * 9, "!" * 256])
    def test_one_character_over_and_over_is_refused(self, word: str):
        assert is_common(word)

    @pytest.mark.parametrize(
        "phrase",
        [
            "plumtreewindowgarden",
            "correct horse battery",
            "a tea pot on the hill",
            "kq7Vz_mw",
            "Tr0ub4dor&3",
            "日本語のパスワード",
            "мойпарольтайна",
            "passwordpasswordplum",
            "🦊🐼🐸🦉🐙🦋🐢🦄",
        ],
    )
    def test_a_phrase_of_ones_own_is_taken(self, phrase: str):
        """R5: no rule about which characters there must be."""
        assert not is_common(phrase)
        assert not is_like_account(phrase, "alice@example.com", "Alice Example")

    @given(st.text(max_size=300))
    @settings(deadline=None)
    def test_any_text_is_judged(self, text: str):
        assert is_common(text) in (True, False)
        assert is_like_account(text, text) in (True, False)

    @pytest.mark.parametrize(
        ("password", "expected"),
        [
            ("dragon!?!?", True),
            ("dragon!?!", True),
            ("dragon!?!?!", False),
            ("love!?!?", True),
            ("the!?!?", False),
            ("drag!?on", False),
        ],
    )
    def test_four_signs_at_the_end_of_a_word_of_four_letters_count_for_nothing(self, password: str, expected: bool):
        assert is_common(password) is expected


class TestLikeAccount:
    @pytest.mark.parametrize(
        ("password", "email", "name"),
        [
            ("alice@example.com", "alice@example.com", "Alice"),
            ("ALICE@EXAMPLE.COM", "alice@example.com", "Alice"),
            ("alicealice", "alice@example.com", "A"),
            ("alice.alice.1", "alice@example.com", "A"),
            ("bobbobbob", "bob@example.com", "Robert"),
            ("jojojojo", "jo@example.com", "Josephine"),
            ("12alice34!", "alice@example.com", "A"),
            ("a.b@c.io1", "a.b@c.io", "X"),
            ("a.b-1852!", "a.b@c.io", "X"),
            ("example1", "x@example.com", "X"),
            ("Example.com1", "x@example.com", "X"),
            ("liddell-1852", "al@example.com", "Alice Liddell"),
            ("AliceLiddell", "al@example.com", "Alice Liddell"),
            ("Alice Liddell", "al@example.com", "Alice Liddell"),
            ("ÜnalÜnal", "z@example.com", "Zoë Ünal"),
            ("authsvc2026", "z@example.com", "Z"),
            ("AuthsvcAuthsvc", "z@example.com", "Z"),
            ("authsvc!alice", "alice@example.com", "A"),
        ],
    )
    def test_one_made_of_the_account_or_the_service_is_refused(self, password: str, email: str, name: str):
        """R7"""
        assert is_like_account(password, email, name)

    @pytest.mark.parametrize(
        "password", ["alice in wonderland", "malice aforethought", "exemplary", "12345678", "authservice plum"]
    )
    def test_one_with_something_else_in_it_is_taken(self, password: str):
        assert not is_like_account(password, "alice@example.com", "Alice")

    @pytest.mark.parametrize("words", [(), ("",), (" ", "@"), ("@@@", "...")], ids=str)
    def test_empty_words_refuse_nothing(self, words: tuple[str, ...]):
        assert not is_like_account("plumtreewindow", *words)
