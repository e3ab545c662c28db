"""Hashes of other programs: those of Django, Werkzeug and argon2-cffi are known, what would cost too much is not."""

import json
import subprocess
import sys
import textwrap

import bcrypt
import pytest

from authsvc.security import foreign_hashes, passwords
from authsvc.security.foreign_hashes import NotKnown
from authsvc.security.hashing_pool import HashingPool
from authsvc.security.passwords import Hasher, PasswordHash, Verdict, is_hash, scheme_of
from tests.accounts import counted_work
from tests.conftest import PASSWORD
from tests.support.elsewhere import argon2_hash, django_hash, of_every_kind

CHEAP = Hasher(4, HashingPool(2, 60))
MADE = of_every_kind(PASSWORD)
SALT, KEY = "c29tZXNhbHQ", "RdescudvJCsgt3ub+b+dWRWJTmaaJObG"
HEX = "ab" * 64
B64 = "A" * 86 + "=="
SHA256 = "A" * 43 + "="
BCRYPT = "." * 53
HOSTILE = [
    (f"$argon2id$v=19$m=4294967,t=3,p=4${SALT}${KEY}", "memory"),
    (f"$argon2id$v=19$m=262145,t=1,p=1${SALT}${KEY}", "memory"),
    (f"$argon2id$v=19$m=65536,t=4294967,p=4${SALT}${KEY}", "work"),
    (f"argon2$argon2id$v=19$m=65536,t=17,p=4${SALT}${KEY}", "work"),
    (f"$argon2i$v=19$m=65536,t=3,p=17${SALT}${KEY}", "lanes"),
    (f"pbkdf2_sha256$5000001$salt${SHA256}", "iterations"),
    (f"scrypt:2:1:2097152$salt${HEX}", "lanes"),
    (f"pbkdf2_sha256$9999999999$salt${SHA256}", "iterations"),
    (f"pbkdf2:sha512:2000000000$salt${HEX}", "iterations"),
    (f"scrypt:4194304:8:1$salt${HEX}", "memory"),
    (f"scrypt:2:1048576:1$salt${HEX}", "memory"),
    (f"scrypt:2:1:9999999$salt${HEX}", "memory"),
    (f"scrypt:32768:8:17$salt${HEX}", "work"),
    (f"scrypt$4194304$salt$8$1${B64}", "memory"),
    (f"bcrypt_sha256$$2b$17${BCRYPT}", "cost"),
    (f"bcrypt$$2b$31${BCRYPT}", "cost"),
]
BROKEN = [
    "",
    PASSWORD,
    "$argon2id$",
    f"$argon2d$v=19$m=65536,t=3,p=4${SALT}${KEY}",
    f"$argon2id$v=18$m=65536,t=3,p=4${SALT}${KEY}",
    f"$argon2id$v=19$m=8,t=3,p=4${SALT}${KEY}",
    f"$argon2id$v=19$m=0,t=3,p=4${SALT}${KEY}",
    f"$argon2id$v=19$m=65536,t=-3,p=4${SALT}${KEY}",
    f"$argon2id$v=19$m=65536,t=3,p=4$short${KEY}",
    f"$argon2id$v=19$m=65536,t=3,p=4${SALT[:-1]}R${KEY}",
    f"$argon2id$v=19$m=65536,t=3,p=4${SALT}${KEY}\n",
    f"argon2$$argon2id$v=19$m=65536,t=3,p=4${SALT}${KEY}",
    f"pbkdf2_sha256$0$salt${SHA256}",
    f"pbkdf2_sha256$1000$$ {SHA256}",
    "pbkdf2_sha256$1000$salt$" + "A" * 28,
    "pbkdf2_sha256$1000$salt$" + "A" * 42 + "B=",
    f"pbkdf2_md5$1000$salt${SHA256}",
    f"pbkdf2:sha256:1000$salt${'g' * 64}",
    f"pbkdf2:sha256:\u0661\u0660$salt${HEX[:64]}",
    f"scrypt:3:8:1$salt${HEX}",
    f"scrypt:1:8:1$salt${HEX}",
    f"scrypt:65536:1:1$salt${HEX}",
    f"scrypt:32768:8:1$salt${HEX[:-2]}",
    f"bcrypt_sha256$$2b$03${BCRYPT}",
    f"bcrypt_sha256$$2b$12${BCRYPT[:-1]}",
    "md5$salt$" + "a" * 32,
    "sha1$salt$" + "a" * 40,
    "!" + "a" * 40,
    f"pbkdf2_sha256$1000${'s' * 600}${SHA256}",
]


class TestRead:
    @pytest.mark.parametrize("maker", MADE)
    def test_the_right_password_is_right_and_any_other_wrong(self, maker: str):
        """R3, R4"""
        scheme, stored = MADE[maker]
        assert scheme_of(stored) == scheme
        assert type(PasswordHash(stored)) is PasswordHash
        verdict = CHEAP.verify(PASSWORD, stored, foreign=True)
        assert (verdict.right, verdict.outdated) == (True, stored[:4] != "$2b$")
        for other in (PASSWORD[:-1], f"{PASSWORD} "):
            assert CHEAP.verify(other, stored, foreign=True) == Verdict(False)

    @pytest.mark.parametrize("password", ["é" * 100, "🦊" * 256, "a\0b", "x" * 73], ids=len)
    def test_long_and_strange_passwords(self, password: str):
        """R3: what is not bcrypt's counts to the last byte."""
        cheap = {
            "PBKDF2": {"iterations": 9},
            "Scrypt": {"n": 16},
            "BCryptSHA256": {"salt": bcrypt.gensalt(4)},
            "Argon2": {},
        }
        for name, parameters in cheap.items():
            stored = django_hash(password, name, **parameters)
            assert CHEAP.verify(password, stored, foreign=True).right
            assert not CHEAP.verify(password[:-1] + "y", stored, foreign=True).right

    def test_a_version_that_is_not_named_is_the_first(self):
        """argon2 1.0 wrote none."""
        old = "$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ"
        assert CHEAP.verify("password", old, foreign=True).right

    def test_django_needs_iterations_enough_for_years(self):
        for iterations in (1_200_000, 1_500_000, 4_000_000):
            assert is_hash(f"pbkdf2_sha256${iterations}$salt${SHA256}")

    @pytest.mark.parametrize(("text", "what"), HOSTILE, ids=lambda value: value[:24])
    def test_what_would_cost_too_much_is_none(self, text: str, what: str):
        """R93"""
        with pytest.raises(NotKnown, match=what) as refusal:
            foreign_hashes.read(text)
        assert not set(text.split("$")) & set(str(refusal.value).split())
        assert scheme_of(text) is None

    @pytest.mark.parametrize("text", BROKEN, ids=lambda value: value[:24])
    def test_what_is_broken_is_none(self, text: str):
        with pytest.raises(NotKnown) as refusal:
            foreign_hashes.read(text)
        assert not text or text not in str(refusal.value)
        assert scheme_of(text) is None
        assert CHEAP.verify(PASSWORD, text, foreign=True) == Verdict(False)
        with pytest.raises(ValueError, match="not a hash of a known kind"):
            PasswordHash(text)

    def test_there_is_no_scheme_without_a_hash(self):
        assert scheme_of(None) is None


class TestImported:
    def test_a_bcrypt_hash_may_cost_what_ours_do(self, monkeypatch: pytest.MonkeyPatch):
        """R93"""
        dear = f"$2b$17${BCRYPT}"
        monkeypatch.setattr(passwords, "_current", [CHEAP])
        with pytest.raises(NotKnown, match="cost over 16"):
            passwords.imported(dear)
        monkeypatch.setattr(passwords, "_current", [Hasher(17, HashingPool(1, 60))])
        assert passwords.imported(dear) == dear


class TestWork:
    @pytest.mark.parametrize("stored", [argon2_hash(PASSWORD), MADE["werkzeug scrypt"][1]], ids=["argon2", "scrypt"])
    def test_a_wrong_answer_costs_the_same_bcrypt_on_top(self, stored: str):
        """R18: the cheapest foreign hash is not told by a fast answer."""
        dearer = Hasher(7, HashingPool(1, 60))
        with counted_work() as work:
            assert not dearer.verify("wrong", stored, foreign=True).right
        assert work.rounds == 2**7

    def test_under_gevent_nothing_waits_for_it(self):
        """R93: each of them lets go of the interpreter while it works."""
        dear = {
            "argon2": argon2_hash(PASSWORD, memory_cost=2**17, time_cost=4, parallelism=1),
            "pbkdf2": MADE["django pbkdf2"][1],
            "scrypt": MADE["werkzeug scrypt"][1],
            "bcrypt_sha256": MADE["django bcrypt_sha256"][1],
        }
        code = """
            from gevent import monkey; monkey.patch_all()
            import gevent, json, sys, time
            from authsvc.security.hashing_pool import HashingPool
            from authsvc.security.passwords import Hasher

            hasher, result = Hasher(4, HashingPool(1, 60)), {}
            for name, stored in json.loads(sys.argv[2]).items():
                gaps, done = [], []
                def tick():
                    while not done:
                        begin = time.perf_counter(); gevent.sleep(0.001); gaps.append(time.perf_counter() - begin)
                ticking = gevent.spawn(tick)
                begin = time.perf_counter()
                right = all(hasher.verify(sys.argv[1], stored, foreign=True).right for _ in range(3))
                took = time.perf_counter() - begin
                done.append(True); ticking.join()
                result[name] = [right, took / 3, sorted(gaps)[len(gaps) // 2], len(gaps)]
            print(json.dumps(result))
        """
        command = [sys.executable, "-c", textwrap.dedent(code), PASSWORD, json.dumps(dear)]
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
        for name, (right, took, median, ticks) in json.loads(said).items():
            assert right, name
            assert median < took / 3, f"{name}: {took}, {median}"
            assert ticks > 10, name
