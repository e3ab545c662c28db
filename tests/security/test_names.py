"""One rule says what a name may be, and in which form it is kept. U30; RFC 8266 is the model."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authsvc.security.names import MAX_LENGTH, NotAName, canonical

KEPT = [
    "Ada",
    "O'Brien <b>&amp;",
    "张伟",
    "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627",
    "\U0001f469\u200d\U0001f4bb",
    "\U0001f468\U0001f3fd\u200d\U0001f680",
    "\U0001f469\u200d\u2764\ufe0f\u200d\U0001f48b\u200d\U0001f468",
    "\U0001f3f3\ufe0f\u200d\U0001f308",
    "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "1\ufe0f\u20e3",
    "葛\U000e0100城",
    "ශ\u0dca\u200dර\u0dd3",
    "സോമന\u0d4d\u200d പിള്ള",
    "ക\u0d4d\u200d",
    "Nguyễn Văn Ắ",
    "שָׁלוֹם",
    "⠓⠑⠇⠇⠕",
    "🇺🇦",
    "\U0001faff",
    "x" * MAX_LENGTH,
]
BROUGHT_INTO_FORM = {
    "山田\u3000太郎": "山田 太郎",
    "A\u00a0B": "A B",
    "  A \u2003\u202f B  ": "A B",
    "Zoe\u0308": "Zoë",
    "⠓⠑\u2800⠇⠇": "⠓⠑ ⠇⠇",
    "김\u3164철수": "김 철수",
    "\u0631\u0636\u0627\u200c": "\u0631\u0636\u0627",
    "\u200d👩": "👩",
}
SHOW_NOTHING = [
    " ",
    "\u2003\u00a0",
    "\u3164",
    "\u2800",
    "\u115f",
    "\u1160",
    "\uffa0",
    "\u200b",
    "\u200c",
    "\u200d",
    "\u00ad",
    "\u034f",
    "\ufeff",
    "\u2060",
    "\ufe0f",
    "\u0301",
    "\u17b4",
    "\u180e",
    "\U000e0041",
    "\u3164\u200d \u2800",
    "\u202e",
    "\x00",
    "\n",
]
REFUSED = [
    "a\nb",
    "a\tb",
    "a\x1b[31mb",
    "a\x7fb",
    "a\u0085b",
    "a\u2028b",
    "a\u202eb",
    "a\u2066b",
    "\u200fa",
    "a\u200bb",
    "a\u200db",
    "a\u00adb",
    "a\ufeffb",
    "a\ue000",
    "a\ufffe",
    "a\ufdd0",
    "\u0301a",
    "a \u0301",
    "Z" + "\u0301" * 10,
    "a\ufe0f\ufe0f",
    "a\U000e0041b",
    "\U0001f3f4\U000e0067",
]


class TestU30Names:
    @pytest.mark.parametrize("name", KEPT, ids=ascii)
    def test_a_name_of_any_script_is_kept_as_it_is(self, name: str):
        assert canonical(name) == name

    @pytest.mark.parametrize(("given", "kept"), BROUGHT_INTO_FORM.items(), ids=ascii)
    def test_blanks_and_composition_have_one_form(self, given: str, kept: str):
        assert canonical(given) == kept

    @pytest.mark.parametrize("name", SHOW_NOTHING, ids=ascii)
    def test_what_shows_nothing_is_no_name(self, name: str):
        with pytest.raises(NotAName) as refusal:
            canonical(name)
        assert refusal.value.code == "blank"

    @pytest.mark.parametrize("name", REFUSED, ids=ascii)
    def test_what_is_hidden_or_plays_with_the_lines_is_refused(self, name: str):
        with pytest.raises(NotAName) as refusal:
            canonical(name)
        assert refusal.value.code == "bad_format"

    @pytest.mark.parametrize(("name", "code"), [("", "too_short"), ("x" * 101, "too_long"), ("é" * 10**6, "too_long")])
    def test_a_name_is_neither_too_short_nor_too_long(self, name: str, code: str):
        with pytest.raises(NotAName) as refusal:
            canonical(name)
        assert refusal.value.code == code

    @given(
        st.text(
            st.sampled_from("aé山ع\u0301\u093c\u200c\u200d\u094dक \u3000\u00a0\u3164\ufe0f\U0001f469\U0001f3fd\u202e\n")
        )
        | st.text()
    )
    @settings(deadline=None, max_examples=500)
    def test_a_form_is_final_visible_and_short(self, text: str):
        try:
            found = canonical(text)
        except NotAName:
            return
        assert canonical(found) == found
        assert 1 <= len(found) <= MAX_LENGTH
        assert found == found.strip()
        assert "  " not in found
        assert unicodedata.is_normalized("NFC", found)
        assert not {unicodedata.category(char) for char in found} & {"Cc", "Cs", "Co", "Zl", "Zp"}
        assert not set(found) & set("\u200b\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u3164\u2800")
        assert any(unicodedata.category(char)[0] in "LNPS" or unicodedata.category(char) == "Cn" for char in found)

    @given(st.text(st.characters(categories=("Lu", "Ll", "Lo", "Nd", "Po")), min_size=1, max_size=MAX_LENGTH))
    @settings(deadline=None)
    def test_letters_digits_and_signs_of_every_script_are_a_name(self, text: str):
        composed = unicodedata.normalize("NFC", text)
        hidden = set("\u115f\u1160\u3164\uffa0")
        if len(composed) <= MAX_LENGTH and not hidden & set(composed):
            assert canonical(text) == composed

    @pytest.mark.parametrize(("blanks", "code"), [(398, None), (399, "too_long")])
    def test_at_most_four_hundred_code_points_are_looked_at(self, blanks: int, code: str | None):
        text = f"a{' ' * blanks}b"
        if code is None:
            assert canonical(text) == "a b"
            return
        with pytest.raises(NotAName) as refusal:
            canonical(text)
        assert refusal.value.code == code

    def test_eight_marks_in_a_row_are_the_most(self):
        tower = "x" + "\u0301" * 8
        assert canonical(tower + tower) == tower + tower
        with pytest.raises(NotAName):
            canonical(tower + "\u0301")

    @pytest.mark.parametrize("char", ["\ufdd0", "\ufdef", "\ufffe", "\uffff", "\U0001fffe", "\U0001ffff", "\U0010ffff"])
    def test_a_noncharacter_is_refused(self, char: str):
        with pytest.raises(NotAName):
            canonical(f"x{char}y")

    @pytest.mark.parametrize("name", ["a\u200dक", "क\u200da", "☎\ufe0f\ufe0f"], ids=ascii)
    def test_a_joiner_needs_both_sides_and_a_selector_a_sign(self, name: str):
        with pytest.raises(NotAName):
            canonical(name)

    def test_each_sign_may_have_its_selector(self):
        assert canonical("☎\ufe0f☎\ufe0f") == "☎\ufe0f☎\ufe0f"
