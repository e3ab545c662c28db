"""Hashes of other programs: those of Django, Werkzeug and argon2-cffi are known, what would cost too much is not."""

import base64
import hashlib
import hmac
import json
import subprocess
import sys
import textwrap
from contextlib import suppress

import bcrypt
import pytest
from argon2.low_level import Type, hash_secret_raw
from hypothesis import given, settings
from hypothesis import strategies as st

from authsvc.security import foreign_hashes, passwords
from authsvc.security.foreign_hashes import NotKnown
from authsvc.security.hashing_pool import HashingPool
from authsvc.security.passwords import Hasher, PasswordHash, Verdict, is_hash, scheme_of
from tests.conftest import PASSWORD
from tests.support.accounts import counted_work
from tests.support.elsewhere import EveryKind, argon2_hash, django_hash
from tests.support.hashes_elsewhere import FIREBASE, KNOWN_ELSEWHERE

CHEAP = Hasher(4, HashingPool(2, 60))
MADE = EveryKind(PASSWORD)
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
    (f"scrypt:256:8193:1$salt${HEX}", "memory"),
    (f"scrypt:2:1:17$salt${HEX}", "lanes"),
    (f"scrypt:32768:8:17$salt${HEX}", "work"),
    (f"scrypt$4194304$salt$8$1${B64}", "memory"),
    (f"bcrypt_sha256$$2b$17${BCRYPT}", "cost"),
    (f"bcrypt$$2b$31${BCRYPT}", "cost"),
    (f"$wp$2y$17${BCRYPT}", "cost"),
    (f"$wp$2y$31${BCRYPT}", "cost"),
    ("$P$F" + "a" * 30, "cost"),
    ("$H$z" + "a" * 30, "cost"),
    (f"$pbkdf2-sha512$i=5000001,l=64$c2FsdA${'A' * 86}", "iterations"),
    (f"$pbkdf2-sha256$9999999999$c2FsdA${'A' * 43}", "iterations"),
    (f"$scrypt$ln=20,r=8,p=1$c2FsdA${'A' * 43}", "memory"),
    (f"$scrypt$ln=8,r=8193,p=1$c2FsdA${'A' * 43}", "memory"),
    (f"$scrypt$ln=18,r=8,p=3$c2FsdA${'A' * 43}", "work"),
    (f"$scrypt$ln=1,r=1,p=17$c2FsdA${'A' * 43}", "lanes"),
    (f"$scrypt$ln=99,r=8,p=1$c2FsdA${'A' * 43}", "memory"),
    (f"$scrypt$ln=1,r=1,p=9999999$c2FsdA${'A' * 43}", "memory"),
    (f"$fbscrypt$v=1,n=30,r=8,p=1,sk=AAAA$AAAA${'A' * 86}==", "memory"),
    (f"$fbscrypt$v=1,n=14,r=9999999,p=1,sk=AAAA$AAAA${'A' * 86}==", "memory"),
]
AT_THE_LIMIT = [
    f"$argon2id$v=19$m=262144,t=4,p=16${SALT}${KEY}",
    f"$argon2i$v=19$m=8,t=1,p=1${SALT}${KEY}",
    f"pbkdf2_sha256$5000000$salt${SHA256}",
    f"scrypt:262144:8:2$salt${HEX}",
    f"scrypt:256:8192:1$salt${HEX}",
    f"scrypt:2:1:16$salt${HEX}",
    f"scrypt:32768:1:1$salt${HEX}",
    f"bcrypt$$2b$04${BCRYPT}",
    f"bcrypt_sha256$$2b$16${BCRYPT}",
    f"$wp$2y$04${BCRYPT}",
    f"$wp$2y$16${BCRYPT}",
    "$P$5" + "a" * 30,
    "$H$E" + "a" * 30,
    f"$pbkdf2-sha512$i=5000000,l=64$c2FsdA${'A' * 86}",
    f"$scrypt$ln=18,r=8,p=2$c2FsdA${'A' * 43}",
    f"$scrypt$ln=8,r=8192,p=1$c2FsdA${'A' * 43}",
    f"$scrypt$ln=1,r=1,p=16$c2FsdA${'A' * 43}",
    f"$scrypt$ln=15,r=1,p=1$c2FsdA${'A' * 43}",
    f"$fbscrypt$v=1,n=14,r=8,p=1,ss={'A' * 120},sk={'A' * 128}${'A' * 100}${'A' * 128}",
]
"""As dear, as cheap or as long as a hash may be."""
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
    f"pbkdf2_sha256$1000$salt${SHA256[:-1]}",
    f"pbkdf2_md5$1000$salt${SHA256}",
    f"pbkdf2:sha256:1000$salt${'g' * 64}",
    f"pbkdf2:sha256:\u0661\u0660$salt${HEX[:64]}",
    f"scrypt:3:8:1$salt${HEX}",
    f"scrypt:1:8:1$salt${HEX}",
    f"scrypt:65536:1:1$salt${HEX}",
    f"scrypt:32768:8:1$salt${HEX[:-2]}",
    f"bcrypt_sha256$$2b$03${BCRYPT}",
    f"bcrypt_sha256$$2b$12${BCRYPT[:-1]}",
    f"$wp$2y$03${BCRYPT}",
    "$P$4" + "a" * 30,
    f"$scrypt$ln=16,r=1,p=1$c2FsdA${'A' * 43}",
    f"$pbkdf2-sha256$1000$c2Fsd${'A' * 43}",
    f"$fbscrypt$v=1,n=14,r=8,p=1,sk=AAAAA$AAAA${'A' * 86}==",
    f"$fbscrypt$v=1,n=14,r=8,p=1,sk=AAAA$AAAA${'A' * 85}",
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

    @pytest.mark.parametrize("text", AT_THE_LIMIT, ids=lambda value: value[:24])
    def test_the_limits_themselves_are_not_too_much(self, text: str):
        assert foreign_hashes.read(text).scheme

    def test_scrypt_with_large_blocks_gets_the_memory_that_it_needs(self):
        salt = b"sixteen-of-bytes"
        digest = hashlib.scrypt(PASSWORD.encode(), salt=salt, n=2, r=8192, p=1, maxmem=2**23, dklen=64)
        for stored in (
            f"scrypt:2:8192:1${salt.decode()}${digest.hex()}",
            foreign_hashes.scrypt(1, 8192, 1, salt, digest),
        ):
            assert CHEAP.verify(PASSWORD, stored, foreign=True).right

    @pytest.mark.parametrize("text", BROKEN, ids=lambda value: value[:24])
    def test_what_is_broken_is_none(self, text: str):
        with pytest.raises(NotKnown) as refusal:
            foreign_hashes.read(text)
        assert not text or text not in str(refusal.value)
        assert scheme_of(text) is None
        assert CHEAP.verify(PASSWORD, text, foreign=True) == Verdict(False)
        with pytest.raises(ValueError, match="not a hash of a known kind"):
            PasswordHash(text)

    @given(
        st.sampled_from([shape for shape, _ in foreign_hashes._READERS]).flatmap(
            lambda shape: st.from_regex(shape, fullmatch=True)
        )
    )
    @settings(deadline=None, max_examples=100)
    def test_whatever_has_the_shape_of_one_is_one_or_none(self, text: str):
        """It may be any member of a document: no export and no sign-in fails because of it."""
        with suppress(NotKnown):
            assert foreign_hashes.read(text).scheme

    def test_there_is_no_scheme_without_a_hash(self):
        assert scheme_of(None) is None


class TestU33PublishedHashes:
    @pytest.mark.parametrize(("scheme", "password", "stored"), KNOWN_ELSEWHERE, ids=lambda value: value[:16])
    def test_what_their_makers_publish_is_understood(self, scheme: str, password: str, stored: str):
        assert scheme_of(stored) == scheme
        assert CHEAP.verify(password, stored, foreign=True) == Verdict(True, outdated=True)
        assert CHEAP.verify(password + "?", stored, foreign=True) == Verdict(False)

    @pytest.mark.parametrize("wrapping", ["{bcrypt}", "{BCRYPT}", "{CRYPT}"])
    def test_what_spring_writes_before_a_hash_goes(self, monkeypatch: pytest.MonkeyPatch, wrapping: str):
        monkeypatch.setattr(passwords._process, "hasher", CHEAP)
        hash_ = MADE["bcrypt $2a$"][1]
        assert passwords.imported(wrapping + hash_) == hash_
        with pytest.raises(NotKnown):
            passwords.imported(wrapping + PASSWORD)

    def test_only_what_is_before_a_hash_is_such_a_prefix(self):
        salted = "pbkdf2_sha256$1000000$salt{CRYPT}$" + "A" * 43 + "="
        assert foreign_hashes.unwrapped(salted) == salted

    def test_what_is_refused_by_name_is_never_compared_with(self):
        for text in ("a" * 32, "a" * 40, "$2x$10$" + BCRYPT, "{SSHA}" + "A" * 32, "$S$" + "D" * 52):
            assert foreign_hashes.refused_kind(text)
            assert scheme_of(text) is None
        for _, stored in MADE.values():
            assert foreign_hashes.refused_kind(stored) is None

    def test_no_longer_text_is_taken_for_a_hash(self):
        """Of more than 512 characters, whatever they are."""
        assert foreign_hashes.refused_kind("md5$" + "a" * 508) == "MD5"
        assert foreign_hashes.refused_kind("md5$" + "a" * 509) is None


class TestU33Parts:
    """Products export the parts of a hash; what is written of them opens to the same password, and to no other."""

    SALT = b"\xfb\xff of sixteen.."
    """Its base64 has a plus and a slash, and padding."""

    def opens(self, stored: str) -> bool:
        assert PasswordHash(stored)
        assert not CHEAP.verify(f"{PASSWORD}?", stored, foreign=True).right
        return CHEAP.verify(PASSWORD, stored, foreign=True).right

    @pytest.mark.parametrize("name", ["sha1", "sha256", "sha512"])
    @pytest.mark.parametrize("size", [20, 64])
    def test_u33_pbkdf2(self, name: str, size: int):
        """Keycloak derives 64 bytes whatever the function."""
        digest = hashlib.pbkdf2_hmac(name, PASSWORD.encode(), self.SALT, 30, size)
        stored = foreign_hashes.pbkdf2(name, 30, self.SALT, digest)
        assert stored.startswith(f"$pbkdf2-{name}$i=30,l={size}$")
        assert self.opens(stored)

    def test_u33_scrypt(self):
        digest = hashlib.scrypt(PASSWORD.encode(), salt=self.SALT, n=2**5, r=8, p=2, dklen=64)
        assert self.opens(foreign_hashes.scrypt(5, 8, 2, self.SALT, digest))

    @pytest.mark.parametrize(("kind", "type_"), [("i", Type.I), ("id", Type.ID)])
    @pytest.mark.parametrize("version", [16, 19])
    def test_u33_argon2(self, kind: str, type_: Type, version: int):
        raw = hash_secret_raw(PASSWORD.encode(), self.SALT, 3, 64, 2, 32, type_, version)
        stored = foreign_hashes.argon2(kind, self.SALT, raw, version=version, memory=64, passes=3, lanes=2)
        assert self.opens(stored)

    def test_u33_firebase(self):
        _, _, named, salt, digest = FIREBASE.split("$")
        named = dict(one.split("=", 1) for one in named.split(","))
        key, separator, salted, made = (base64.b64decode(one) for one in (named["sk"], named["ss"], salt, digest))
        stored = foreign_hashes.firebase(salted, made, cost=14, rounds=8, separator=separator, key=key)
        assert stored == FIREBASE
        whole = foreign_hashes.firebase(salted + separator, made, cost=14, rounds=8, separator=b"", key=key)
        assert CHEAP.verify("user1password", whole, foreign=True).right, "a project need not have a separator"


class TestU33Blanks:
    """WordPress cuts the blanks around a password, when it is set and when it is typed."""

    BLANKS = " \t\n\r\0\x0b"

    def test_u33_wordpress_s_owners_may_type_them(self):
        made = base64.b64encode(hmac.digest(b"wp-sha384", PASSWORD.encode(), "sha384"))
        stored = "$wp" + bcrypt.hashpw(made, bcrypt.gensalt(4)).decode()
        assert scheme_of(stored) == "wordpress_bcrypt"
        for typed in (PASSWORD, f"{self.BLANKS}{PASSWORD}{self.BLANKS}"):
            assert CHEAP.verify(typed, stored, foreign=True).right
        for typed in (f"\u00a0{PASSWORD}", f"{PASSWORD}.", ""):
            assert not CHEAP.verify(typed, stored, foreign=True).right

    def test_u33_with_phpass_either_may_be_meant(self):
        """phpBB writes the same hashes and cuts nothing."""
        _, password, stored = KNOWN_ELSEWHERE[0]
        for typed in (password, f"{self.BLANKS}{password}{self.BLANKS}"):
            assert CHEAP.verify(typed, stored, foreign=True).right
        assert not CHEAP.verify(f"\u00a0{password}", stored, foreign=True).right

        state = hashlib.md5(b"saltsalt {").digest()
        for _ in range(2**7):
            state = hashlib.md5(state + b" {").digest()
        untrimmed = f"$H$5saltsalt{foreign_hashes._phpass_text(state)}"
        assert CHEAP.verify(" {", untrimmed, foreign=True).right
        assert not CHEAP.verify("{", untrimmed, foreign=True).right


class TestImported:
    def test_a_bcrypt_hash_may_cost_what_ours_do(self, monkeypatch: pytest.MonkeyPatch):
        """R93"""
        dear = f"$2b$17${BCRYPT}"
        monkeypatch.setattr(passwords._process, "hasher", CHEAP)
        with pytest.raises(NotKnown, match="cost over 16"):
            passwords.imported(dear)
        monkeypatch.setattr(passwords._process, "hasher", Hasher(17, HashingPool(1, 60)))
        assert passwords.imported(dear) == dear


class TestWork:
    @pytest.mark.parametrize("maker", ["argon2id", "werkzeug scrypt"])
    def test_a_wrong_answer_costs_the_same_bcrypt_on_top(self, maker: str):
        """R18: the cheapest foreign hash is not told by a fast answer."""
        dearer, stored = Hasher(7, HashingPool(1, 60)), MADE[maker][1]
        with counted_work() as work:
            assert not dearer.verify("wrong", stored, foreign=True).right
        assert work.rounds == 2**7

    @pytest.mark.slow
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
