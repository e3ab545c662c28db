"""Signing keys of both kinds, and their JWK form."""

import base64
import hashlib
import json
import random
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from authsvc.security import jwk
from authsvc.security.jwk import Algorithm

BOTH = pytest.mark.parametrize("algorithm", list(Algorithm))


def number_in(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def der_of(private: Any) -> bytes:
    der: bytes = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return der


class TestPair:
    @BOTH
    def test_its_id_is_its_thumbprint(self, algorithm: Algorithm) -> None:
        """RFC 7638 section 3: over the members that are required, by name, without blanks."""
        pair = jwk.generate(algorithm)
        public = jwk.public_jwk(pair)
        required = ("crv", "kty", "x", "y") if algorithm == Algorithm.ES256 else ("e", "kty", "n")
        text = json.dumps({name: public[name] for name in required}, separators=(",", ":"))
        digest = hashlib.sha256(text.encode()).digest()
        assert pair.kid == public["kid"] == base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def test_the_thumbprint_is_that_of_the_standard(self) -> None:
        """RFC 7638 section 3.1: its example, an RSA key."""
        modulus = (
            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3ok"
            "njhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6"
            "qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awa"
            "pJzKnqDKgw"
        )
        public = rsa.RSAPublicNumbers(65537, number_in(modulus)).public_key()
        members = jwk.public_members(public)
        assert members == {"e": "AQAB", "kty": "RSA", "n": modulus}
        text = json.dumps(members, separators=(",", ":"), sort_keys=True)
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        assert digest == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"

    @BOTH
    def test_what_it_signs_verifies_with_its_jwk_alone(self, algorithm: Algorithm) -> None:
        pair = jwk.generate(algorithm)
        token = jwt.encode({"a": 1}, pair.private, algorithm=algorithm.value)
        published = jwt.PyJWK.from_dict(jwk.public_jwk(pair))
        assert jwt.decode(token, published, algorithms=[algorithm.value]) == {"a": 1}
        with pytest.raises(jwt.InvalidSignatureError):
            jwt.decode(token, jwk.generate(algorithm).public, algorithms=[algorithm.value])

    @BOTH
    def test_nothing_private_is_published_or_shown(self, algorithm: Algorithm) -> None:
        """RFC 7518 sections 6.2.2 and 6.3.2"""
        pair = jwk.generate(algorithm)
        assert not {"d", "p", "q", "dp", "dq", "qi", "oth"} & set(jwk.public_jwk(pair))
        assert "private" not in repr(pair)

    def test_an_rsa_key_is_long_enough_and_has_the_usual_exponent(self) -> None:
        """RFC 7518 section 3.3: 2048 bits or more."""
        public = jwk.public_jwk(jwk.generate(Algorithm.RS256))
        assert number_in(public["n"]).bit_length() == 2048
        assert public["e"] == "AQAB"

    def test_no_number_has_a_leading_zero_but_coordinates_do(self) -> None:
        """RFC 7518 sections 2, 6.2.1.2 and 6.3.1.1: a modulus has as few octets as it needs, a coordinate always 32."""
        chance = random.Random(7)
        small = None
        while small is None:
            public = ec.derive_private_key(chance.getrandbits(250) + 1, ec.SECP256R1()).public_key()
            small = public if public.public_numbers().x < 2**248 else None
        assert len(jwk.public_members(small)["x"]) == 43
        for bits in (2041, 2048):
            modulus = rsa.RSAPublicNumbers(65537, (1 << (bits - 1)) | 1).public_key()
            octets = base64.urlsafe_b64decode(jwk.public_members(modulus)["n"] + "==")
            assert len(octets) == 256
            assert octets[0] != 0


class TestStored:
    def test_one_is_the_der_that_former_versions_wrote(self) -> None:
        private = ec.generate_private_key(ec.SECP256R1())
        (pair,) = jwk.from_der(der_of(private))
        assert pair.algorithm == Algorithm.ES256
        assert jwk.to_der(pair) == der_of(private)

    def test_several_come_back_in_their_order(self) -> None:
        pairs = tuple(jwk.generate(algorithm) for algorithm in (Algorithm.RS256, Algorithm.ES256))
        again = jwk.from_der(jwk.to_der(*pairs), (Algorithm.RS256, Algorithm.ES256))
        assert again == pairs
        token = jwt.encode({"a": 1}, again[0].private, algorithm="RS256")
        assert jwt.decode(token, pairs[0].public, algorithms=["RS256"]) == {"a": 1}

    @pytest.mark.parametrize(
        "wanted",
        [
            (Algorithm.ES256,),
            (Algorithm.RS256,),
            (Algorithm.ES256, Algorithm.RS256),
            (Algorithm.RS256, Algorithm.ES256, Algorithm.ES256),
            (),
        ],
    )
    def test_keys_of_another_ring_are_refused(self, wanted: tuple[Algorithm, ...]) -> None:
        pairs = [jwk.generate(algorithm) for algorithm in (Algorithm.RS256, Algorithm.ES256)]
        with pytest.raises(ValueError, match="another kind"):
            jwk.from_der(jwk.to_der(*pairs), wanted)

    def test_an_rsa_key_is_none_for_tokens(self) -> None:
        with pytest.raises(ValueError, match="another kind"):
            jwk.from_der(jwk.to_der(jwk.generate(Algorithm.RS256)))

    @pytest.mark.parametrize(
        "text",
        [
            b"",
            b"no key",
            b"[",
            b"[]",
            b'["no base64"]',
            b"[1]",
            b"[null]",
            b"[{}]",
            b"\x30\x03\x02\x01\x00",
            der_of(ed25519.Ed25519PrivateKey.generate()),
            der_of(ec.generate_private_key(ec.SECP384R1())),
            der_of(ec.generate_private_key(ec.SECP256K1())),
            der_of(rsa.generate_private_key(65537, 1024)),
        ],
        ids=range(13),
    )
    def test_anything_else_is_refused(self, text: bytes) -> None:
        with pytest.raises(ValueError):  # noqa: PT011 - the library's own have many texts
            jwk.from_der(text)
