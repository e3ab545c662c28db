"""How the cost of some work grows with its input: whether anybody can make it grow faster."""

import base64
import gc
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from tests.support.races import ROUNDS, SOAK

SMALL, LARGE = 8_192, 65_536
"""Bytes."""

_MOST_RATIO = 10
_FLOOR_SECONDS = 0.005
_RUNS = 3
_TRIES = 3
"""How often what looks slow is measured: a machine that is busy makes one of two measurements look so."""

Shape = Callable[[int], str]
"""Returns a text of about so many characters."""


def _repeated(unit: str, *, before: str = "", behind: str = "") -> Shape:
    return lambda size: before + unit * ((size - len(before) - len(behind)) // len(unit)) + behind


def _numbered(each: str, *, before: str = "", between: str = "", behind: str = "") -> Shape:
    def shape(size: int) -> str:
        count = size // (len(each.format(10_000)) + len(between))
        return before + between.join(each.format(10_000 + number) for number in range(count)) + behind

    return shape


TEXTS: dict[str, Shape] = {
    f"{unit!a} over and over": _repeated(unit)
    for unit in (
        *"\"\\'`{}[](),:;=&%#?!@.-_~+*/|<>^$ \t\n09aeEZ",
        *("\u00a0", "\u0301", "\u200b", "\ufdfa", "\ud800", "\U0001f468\u200d", "\u00e9", "\u3000", "\uff11"),
        *('\\"', '"\\', "[]", "{}", "[[]", "[],", '"",', "1,", "1e9,", "-1.5E+9,", "null,", "\\u0041", "\\ud800"),
        *("a.", "a@", "a@b.", "@a.", ".a@", "b\u00fccher.", "xn--", "xn--a.", "\u0301a.", "a\u0301", "A1", "=?", "?="),
        *("=?utf-8?q?a", "=41", "%41", "%", "%f", "%ff", "a=b&", "a=b;", "a=b; ", "=;", "; =", "a;", '";', "&&", ";;"),
        *('"a",', 'W/"a", ', "a, ", "a;q=0.1, ", "bytes=0-1,", "Bearer ", "bearer  ", "eyJ", "eyJ.", "a.b.c.", "eyJ-_"),
        *("asv_", "asl_a ", "$2b$", "$argon2", "argon2", "bcrypt$", "pbkdf2:", "scrypt:1", "mongodb://", "mongodb+srv"),
        *("127.0.0.1, ", "[::1]:80, ", "::", "/a", "//", "/../", "http://", "a:b@", "A=", "AA==", "-_", "()", "Az09"),
        *("www.", "a-a.", "\r\n", "\x00", "\x1b[31m", "key=", 'a="\\"', "charset=utf-8;", "--", "<a ", "&amp;", "`a"),
    )
} | {
    "quotes escaped, never closed": _repeated('\\"', before='{"email":"'),
    "backslashes, never closed": _repeated("\\", before='"'),
    "a string never closed": _repeated("a", before='"'),
    "one number": _repeated("9", before="1"),
    "one fraction": _repeated("9", before="0."),
    "one exponent": _repeated("9", before="1e"),
    "one exponent below zero": _repeated("9", before="1e-"),
    "zeros and an exponent": _repeated("0", before="1", behind="e-99999"),
    "long numbers": _repeated("9" * 4000 + ",", before="[", behind="1]"),
    "long fractions": _repeated("9." + "9" * 700 + ",", before="[", behind="1]"),
    "many keys": _numbered('"k{}":1', before="{", between=",", behind="}"),
    "one key over and over": _repeated('"k":1,', before="{", behind='"k":1}'),
    "many parameters": _numbered("k{}=v", between="&"),
    "one parameter over and over": _repeated("k=v", behind="&k=w"),
    "many cookies": _numbered("k{}=v", between="; "),
    "many attributes": _numbered('k{}="v"', before="application/json; ", between="; "),
    "continued attributes": _numbered("charset*{}=u", before="application/json; ", between=";"),
    "an attribute never closed": _repeated('\\"', before='application/json; charset="'),
    "blanks before the end": _repeated(" ", before="a", behind="b"),
    "a blank value": _repeated(" ", before="a=", behind=";"),
    "a long local part": _repeated("a", behind="@example.com"),
    "a long domain": _repeated("a", before="a@"),
    "a long label in another script": _repeated("\u00fc", before="a@", behind=".de"),
    "labels": _repeated("a.", before="a@", behind="com"),
    "a local part and a domain without a dot": lambda size: "a" * (size // 2) + "@" + "b" * (size // 2),
    "no JWT": _repeated("-", before="eyJ"),
    "half a JWT": _repeated("a", before="eyJ."),
    "a JWT of brackets": lambda size: _base64("[" * (size * 3 // 4)) + ".YQ.YQ",
    "a JWT of numbers": lambda size: _base64('{"alg":' + "9" * (size * 3 // 4) + "}") + ".YQ.YQ",
    "a JWT of keys": lambda size: _base64("{" + '"k":1,' * (size // 8) + '"alg":"ES256"}') + ".YQ.YQ",
    "no hash": _repeated("a", before="$pbkdf2"),
    "no hash of Django's": _repeated("scrypt", behind="@"),
    "a hash of Django's": _repeated("argon2", behind="$"),
    "an opaque token": _repeated("a", before="asv_"),
    "a bearer": _repeated("a", before="Bearer ", behind="!"),
    "blanks behind a bearer": _repeated(" ", before="Bearer ", behind="!"),
    "weights": _numbered("text/a{};q=0.5", between=", "),
    "a range": _numbered("{}-", before="bytes=", between=","),
    "addresses": _numbered("192.0.2.1:{}", between=", "),
}
"""Hostile texts, by what they are."""

FEW = [name for number, name in enumerate(TEXTS) if number % 6 == 0 or "over and over" not in name]
"""Of each kind some, for work that costs more than a look at the text."""


SOME = FEW if ROUNDS >= SOAK else FEW[::4]
"""Some of these, and in `make soak` all, for whole routes: their parsers are tested with every shape."""


def _base64(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def faster_than_its_input(work: Callable[[str], object], *names: str) -> Iterator[str]:
    """Yield the shapes (all, or those named) of which 64 kB cost this thread more than ten times what 8 kB cost.

    What takes less than five milliseconds is taken for noise. `work` may raise: a refusal costs time too.
    """
    for name in names or TEXTS:
        small, large = TEXTS[name](SMALL), TEXTS[name](LARGE)
        once = _cost(work, large)
        if once <= _FLOOR_SECONDS:
            continue
        if once <= _in_proportion(_least(work, small)):  # the least of several measurements would be no more
            continue
        for _ in range(_TRIES):
            least, most = _least(work, small, LARGE // SMALL), _least(work, large)
            if most <= _in_proportion(least):
                break
        else:
            yield f"{name}: {least * 1e3:.1f} ms for {SMALL} bytes, {most * 1e3:.1f} ms for {LARGE}"


def _in_proportion(seconds: float) -> float:
    return _MOST_RATIO * seconds + _FLOOR_SECONDS


def _least(work: Callable[[str], object], given: str, times: int = 1) -> float:
    """Return the cost of one run: the least of several measurements of so many runs.

    A long measurement meets more of what disturbs it than a short one: what is compared takes about as long.
    """
    return min(sum(_cost(work, given) for _ in range(times)) / times for _ in range(_RUNS))


def _cost(work: Callable[[str], object], given: str) -> float:
    gc.disable()  # its time grows with all that the tests have made, not with this input
    begun = time.thread_time()
    try:
        with suppress(Exception):
            work(given)
        return time.thread_time() - begun
    finally:
        gc.enable()
