"""Codes as people type and paste them, with separators of any kind."""


def strip_separators(text: str) -> str:
    """Return only the letters and digits of a text, of any script: no blanks, dashes, quotes or zero-width characters.

    Digits of other scripts are not converted: a code of ASCII digits must be typed in ASCII digits.
    """
    return "".join(filter(str.isalnum, text))
