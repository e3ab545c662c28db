"""The objects of a JSON text, as it comes: of an array, of an export's list of users, or one after another."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

_BRACKET_OR_QUOTE = re.compile(r'["{}\[\]]')
_QUOTE_OR_ESCAPE = re.compile(r'["\\]')
_LISTS = frozenset({"users", "data"})
"""Members that hold the accounts of an export: Firebase, Keycloak and Supabase say `users`, phpMyAdmin `data`."""
_LONGEST_KEY = 100


@dataclass(frozen=True, slots=True)
class Element:
    """The text of an object with the lines that it begins and ends in, or what is wrong there.

    `around` marks what an export has before its list of accounts.
    """

    line: int
    end: int
    text: str = ""
    fault: str | None = None
    around: bool = False


class Elements:
    """Splits a JSON text, which comes in pieces within lines, into its objects; linear, in bounded memory.

    `frames` are the brackets around the accounts: `[` for a list of them, `{` for an object that holds such a list.
    Everything deeper is only counted (`depth`).
    """

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._frames: list[str] = []
        self._depth = 0
        self._collecting = False
        self._parts: list[str] = []
        self._size = 0
        self._first = 0
        self._in_string = self._escaped = False
        self._key: list[str] | None = None
        self._last_key = ""
        self._has_email = False

    def feed(self, text: str, line: int) -> Iterator[Element]:
        """Read the next piece, which is of this line; yield the objects that it completes."""
        at = done = 0
        while True:
            if self._escaped:
                if at >= len(text):
                    break
                at, self._escaped = at + 1, False
            match = (_QUOTE_OR_ESCAPE if self._in_string else _BRACKET_OR_QUOTE).search(text, at)
            if match is None:
                break
            if self._in_string:
                self._note_key(text[at : match.start()])
                self._escaped = match[0] == "\\"
                self._in_string = self._escaped
                if not self._in_string:
                    self._keep(text[done : match.end()])
                    done = match.end()
            else:
                between = text[done : match.start()]
                if not self._collecting:
                    yield from self._stray(between, line)
                    between = ""
                self._keep(between)
                yield from self._bracket(match[0], line) if match[0] != '"' else self._quote(line)
                done = match.end()
            at = match.end()
        yield from self._rest(text, done, at, line)

    @property
    def is_lost(self) -> bool:
        """Tell whether an object outside any list has not ended: the next line may be another one."""
        return self._collecting and not self._frames

    def give_up(self) -> Iterator[Element]:
        """Begin anew after an object that did not end."""
        yield Element(self._first, self._first, fault="broken JSON")
        self._drop()
        self._in_string = self._escaped = False

    def end(self, line: int) -> Iterator[Element]:
        """Yield what is wrong with a text that ends here."""
        if self._collecting or self._in_string or self._frames:
            start = self._first if self._collecting else line
            yield Element(start, line, fault="broken JSON: it ends in the middle")

    def _rest(self, text: str, start: int, at: int, line: int) -> Iterator[Element]:
        if self._in_string:
            self._note_key(text[at:])
        if self._collecting:
            self._keep(text[start:])
        elif not self._in_string:
            yield from self._stray(text[start:], line)

    def _quote(self, line: int) -> Iterator[Element]:
        self._in_string = True
        self._keep('"')
        is_key = self._depth == 1 if self._collecting else (self._frames[-1:] == ["{"] and not self._depth)
        self._key = [] if is_key else None
        if not self._collecting and not self._depth and self._frames[-1:] != ["{"]:
            yield Element(line, line, fault="no JSON object")

    def _note_key(self, text: str) -> None:
        if self._key is not None and len(self._key) < _LONGEST_KEY:
            self._key.append(text[:_LONGEST_KEY])
            self._last_key = "".join(self._key)
            self._has_email |= self._last_key == "email"

    def _bracket(self, char: str, line: int) -> Iterator[Element]:
        if char in "{[":
            yield from self._open(char, line)
        else:
            yield from self._close(char, line)

    def _open(self, char: str, line: int) -> Iterator[Element]:
        holds_accounts = char == "[" and self._last_key in _LISTS
        if self._collecting and self._depth == 1 and holds_accounts and not self._has_email:
            yield Element(self._first, line, text=_closed("".join(self._parts)), around=True)
            self._frames += ["{", "["]
            self._drop()
        elif self._collecting or self._depth:
            self._depth += 1
            self._keep(char)
        elif self._frames[-1:] == ["{"]:
            self._frames += ["["] if holds_accounts else []
            self._depth = 0 if holds_accounts else 1
        elif char == "[":
            yield from () if not self._frames else (Element(line, line, fault="no JSON object"),)
            self._depth = int(bool(self._frames))
            self._frames += [] if self._frames else ["["]
        else:
            self._drop()
            self._collecting, self._depth, self._first = True, 1, line
            self._keep(char)

    def _close(self, char: str, line: int) -> Iterator[Element]:
        if self._depth:
            self._keep(char)
            self._depth -= 1
            if self._collecting and not self._depth:
                fault = f"longer than {self._longest} bytes" if self._size > self._longest else None
                yield Element(self._first, line, text="".join(self._parts), fault=fault)
                self._drop()
        elif self._frames and self._frames[-1] == {"]": "[", "}": "{"}[char]:
            if self._frames.pop() == "{" and self._has_email:
                yield Element(line, line, fault="an object with an email and a list of accounts: which is meant?")
            self._has_email = False
        else:
            yield Element(line, line, fault="broken JSON")

    def _stray(self, text: str, line: int) -> Iterator[Element]:
        if not self._depth and self._frames[-1:] != ["{"] and text.strip(" \t\r\n,"):
            yield Element(line, line, fault="broken JSON" if not self._frames else "no JSON object")

    def _keep(self, text: str) -> None:
        if self._collecting and text:
            self._size += len(text)
            if self._size <= self._longest:
                self._parts.append(text)

    def _drop(self) -> None:
        self._parts, self._size, self._depth, self._collecting = [], 0, 0, False
        self._last_key, self._has_email = "", False


def is_export(members: dict[str, object]) -> bool:
    """Tell whether an object holds a list of accounts, and is none itself."""
    return "email" not in members and any(isinstance(members.get(name), list) for name in _LISTS)


def _closed(text: str) -> str:
    """Return the object that a text begins, up to the member whose value is about to come."""
    head = text[: text.rfind('"', 0, text.rfind('"'))].rstrip().rstrip(",")
    try:
        json.loads(head + "}")
    except ValueError:
        return "{}"
    return head + "}"
