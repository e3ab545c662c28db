"""Addresses that other programs stored: their owners get in however they type them, and nobody else does. U29, U35."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authsvc.security.addresses import BLANK, LINE_ENDS, NotAnAddress, canonical
from authsvc.security.stored_addresses import (
    LONGEST,
    folded,
    form,
    gets_letters,
    has_forms,
    is_reachable,
    is_same,
    mailbox,
    require_possible,
    spellings,
    trimmed,
)

AS_LONG_AS_CAN_BE = "x" * (LONGEST - len("@corp.local")) + "@corp.local"
IDN = ("idn@xn--mnchen-3ya.de", "idn@m\u00fcnchen.de")


class TestLength:
    """As MongoDB's index accepts a thousand characters, no longer text is anybody's address."""

    def test_u29_the_longest_is_looked_up_and_accepted(self):
        assert AS_LONG_AS_CAN_BE in spellings(AS_LONG_AS_CAN_BE)
        assert is_reachable(AS_LONG_AS_CAN_BE)
        require_possible(AS_LONG_AS_CAN_BE)

    def test_u29_a_longer_one_is_nobody_s_and_refused(self):
        assert spellings(f"x{AS_LONG_AS_CAN_BE}") == ("",)
        assert not is_reachable(f"x{AS_LONG_AS_CAN_BE}")
        with pytest.raises(NotAnAddress) as refusal:
            require_possible(f"x{AS_LONG_AS_CAN_BE}")
        assert refusal.value.code == "too_long"

    def test_u29_blanks_around_it_do_not_count_where_somebody_types(self):
        assert AS_LONG_AS_CAN_BE in spellings(f"  {AS_LONG_AS_CAN_BE}\u200b")


class TestPossible:
    @pytest.mark.parametrize(
        "text", ["", "ada", "@", "a@", "@b", "a b@c.io", "a@b,c@d.io", "a@b@c", "a\0@b.io", "a@b.\x7f"]
    )
    def test_u29_what_can_be_no_address_is_refused(self, text: str):
        with pytest.raises(NotAnAddress) as refusal:
            require_possible(text)
        assert refusal.value.code == "bad_format"

    @pytest.mark.parametrize(
        "text", ["root@localhost", "ops@corp.local", "j\u00fc@m\u00fcnchen.de", " a@b.io\n", "'@_"]
    )
    def test_u29_what_another_program_accepted_is_not(self, text: str):
        require_possible(text)


class TestSpellings:
    @pytest.mark.parametrize("stored", ["root@localhost", "ops@corp.local", "a@b.test", "me@intranet", "a@10.0.0.1"])
    def test_u29_names_of_a_local_network_have_one_form(self, stored: str):
        with pytest.raises(NotAnAddress):
            canonical(stored)
        assert form(stored) == form(stored.upper()) == stored
        assert spellings(f" {stored.upper()}\u2028") == (stored,)

    def test_u35_names_of_a_local_network_may_be_stored_in_unicode(self):
        assert spellings("a@xn--bcher-kva.local") == ("a@xn--bcher-kva.local", "a@b\u00fccher.local")

    @pytest.mark.parametrize("text", ["kate@corp.loca\uff4c", "\uff4bate@corp.local", "x" * 65 + "@corp.local"])
    def test_r11_u29_look_alikes_of_one_have_none(self, text: str):
        assert form(text) is None

    @pytest.mark.parametrize("typed", [*IDN, "IDN@M\u00dcNCHEN.DE", "idn@mu\u0308nchen.de"])
    def test_u35_a_domain_of_other_letters_is_looked_up_in_both(self, typed: str):
        assert {*IDN} <= {*spellings(typed)}
        assert spellings(typed)[0] == IDN[0]

    @pytest.mark.parametrize("hidden", ["=?utf-8?q?a=40evil.example?=@corp.local", "x=?us-ascii?q?y?=z@localhost"])
    def test_u2_u29_one_that_hides_another_has_no_form(self, hidden: str):
        """Not at a local name either; its owner, if there is one, types what is stored."""
        assert form(hidden) is None
        assert spellings(hidden) == (hidden,)

    @pytest.mark.parametrize(
        "text", ["j\u00fc@corp.local", "ada", "a b@corp.local", "a..b@corp.local", "a@m\u00fcnchen_.de"]
    )
    def test_u29_what_has_no_form_is_looked_up_as_it_is(self, text: str):
        assert form(text) is None
        assert spellings(text) == (text,)

    def test_u29_their_number_depends_on_the_text_alone(self):
        assert [len(spellings(text)) for text in ("a@b.io", "A@B.io", *IDN, "ada")] == [1, 1, 2, 2, 1]

    @given(st.text(max_size=20), st.text(BLANK + LINE_ENDS, max_size=4))
    @settings(deadline=None)
    def test_u29_blanks_and_line_ends_around_it_are_nothing(self, text: str, around: str):
        assert spellings(f"{around}{text}{around}") == spellings(text)
        assert trimmed(f"{around}{text}{around}") == trimmed(text)


class TestSame:
    @pytest.mark.parametrize("other", ["\u212aate@corp.local", "\uff4bate@corp.local", "kate@corp.loca\u0142"])
    def test_u29_no_letter_of_another_script_becomes_a_latin_one(self, other: str):
        """The Kelvin sign's lower case is `k`, and MongoDB's index takes it for one."""
        assert not is_same(other, "kate@corp.local")
        assert "kate@corp.local" not in spellings(other)
        assert is_same("KATE@corp.Local", "kate@corp.local")

    @given(st.text(max_size=12))
    def test_u29_no_text_becomes_ascii_in_lower_case(self, text: str):
        assert folded(text).isascii() == text.isascii()

    def test_u29_letters_of_any_script_are_in_any_case_unless_that_makes_latin_ones(self):
        assert is_same("JO.\u0130@Example.com", "jo.\u0130@example.com")
        assert not is_same("JO.\u0130@Example.com", "jo.i\u0307@example.com")
        assert is_same("JO.\u00dc@Example.com", "jo.\u00fc@example.com")

    def test_u29_who_was_stored_with_blanks_is_not_reached(self):
        assert not is_reachable(" spaced@example.com")
        assert is_reachable("MiXeD@Example.COM")


class TestForms:
    @pytest.mark.parametrize("stored", [*IDN, "Idn@XN--Mnchen-3ya.de", "j\u00fc@corp.local"])
    def test_u35_only_these_may_be_stored_otherwise(self, stored: str):
        assert has_forms(stored)
        assert not has_forms("ada@example.com")


class TestLetters:
    @pytest.mark.parametrize(
        ("stored", "to"),
        [
            ("Ada@Example.com", "Ada@Example.com"),
            ("Idn@m\u00fcnchen.de", "Idn@xn--mnchen-3ya.de"),
            ("a.a@m\u00fcnchen.de", "a.a@xn--mnchen-3ya.de"),
            ("j\u00fc@example.com", "j\u00fc@example.com"),
            ("x@m\u00fcnchen_.de", "x@m\u00fcnchen_.de"),
        ],
    )
    def test_u29_they_go_to_the_local_part_that_is_stored(self, stored: str, to: str):
        assert mailbox(stored) == to
        assert gets_letters(stored) == to.rpartition("@")[2].isascii()

    @pytest.mark.parametrize(
        "stored",
        [
            "=?utf-8?q?attacker=40evil.example=28=29?=x@corp.example.com",
            "Ada <ada@example.com>",
            "ada(comment)@example.com",
            "ada@example.com, eve@evil.example",
            "<ada@example.com>",
            "ada",
            "",
        ],
    )
    def test_u29_what_a_header_would_read_as_another_gets_none(self, stored: str):
        assert not gets_letters(stored)
