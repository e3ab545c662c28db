"""The file of IDENTITY_PROVIDERS: what is taken, and what is refused at the start, without a value in the message."""

import contextlib
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import settings as options
from hypothesis import strategies as st

import config
from authsvc.settings import identity_providers
from authsvc.settings.identity_providers import PRESETS, NotUsable, ProviderSettings
from tests.support.production import GOOD
from tests.support.upstreams import providers_file

CANARY = "cANARYvALUE"
SECRET = f'client_secret = "{CANARY}"'
CLIENT = f'client_id = "id"\n{SECRET}'
OIDC = f'[work]\nkind = "oidc"\nissuer = "https://login.example.com"\n{CLIENT}'
TENANT = "11111111-2222-3333-4444-555555555555"


def pem(key: Any, encryption: Any = None) -> str:
    """Return a private key as a file has it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()).decode()


LOCKED = pem(ec.generate_private_key(ec.SECP256R1()), BestAvailableEncryption(b"x"))
P256 = pem(ec.generate_private_key(ec.SECP256R1()))
APPLE = '[apple]\nclient_id = "com.example"\nteam_id = "T"\nkey_id = "K"\n'
MINIMAL = {
    "oidc": OIDC,
    "google": f"[google]\n{CLIENT}",
    "github": f"[github]\n{CLIENT}",
    "gitlab": f"[gitlab]\n{CLIENT}",
    "microsoft": f'[microsoft]\ntenant = "common"\n{CLIENT}',
    "apple": f'{APPLE}key = """{P256}"""',
}

Read = Callable[..., tuple[ProviderSettings, ...]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Return what production makes of a file with this text."""

    def from_file(text: str, *, production: bool = True, **environ: str) -> tuple[ProviderSettings, ...]:
        path = providers_file(tmp_path, text)["IDENTITY_PROVIDERS"]
        return identity_providers.read(path, environ, production=production)

    return from_file


class TestWhatIsTaken:
    @pytest.mark.parametrize("kind", PRESETS)
    def test_six_lines_are_enough(self, read: Read, kind: str):
        if kind != "apple":
            assert len(MINIMAL[kind].splitlines()) <= 6
        (one,) = read(MINIMAL[kind])
        assert (one.kind, one.enabled, one.trusted) == (kind, True, False)
        assert one.issuer.startswith("https://")
        assert one.label == {"oidc": "work"}.get(kind, PRESETS[kind].label)
        assert CANARY not in repr(one)
        assert "PRIVATE" not in repr(one)

    def test_no_file_no_provider(self, read: Read):
        assert identity_providers.read("", {}, production=True) == ()
        assert read("") == ()

    def test_they_come_in_the_order_of_the_file_and_one_kind_may_come_twice(self, read: Read):
        text = "\n".join([OIDC, MINIMAL["google"], OIDC.replace("work", "a-1"), f'[other]\nkind = "google"\n{CLIENT}'])
        assert [(one.name, one.kind) for one in read(text)] == [
            ("work", "oidc"),
            ("google", "google"),
            ("a-1", "oidc"),
            ("other", "google"),
        ]

    def test_a_secret_comes_from_the_table_the_environment_or_a_file(self, read: Read, tmp_path: Path):
        file = tmp_path / "secret"
        file.write_text("of the file\n".replace(" ", "-"))
        for line, secret in (
            (SECRET, CANARY),
            ('client_secret_env = "THE_SECRET"', "of-the-environment"),
            (f'client_secret_file = "{file}"', "of-the-file"),
        ):
            (one,) = read(MINIMAL["google"].replace(SECRET, line), THE_SECRET="of-the-environment")
            assert one.client_secret == secret

    def test_the_key_of_apple_too(self, read: Read, tmp_path: Path):
        file = tmp_path / "AuthKey.p8"
        file.write_text(P256)
        (from_file,) = read(f'{APPLE}key_file = "{file}"')
        (from_environment,) = read(f'{APPLE}key_env = "KEY"', KEY=P256)
        assert from_file.key.strip() == from_environment.key.strip() == P256.strip()

    def test_of_one_that_is_off_no_secret_is_needed(self, read: Read):
        (one,) = read(MINIMAL["google"].replace(SECRET, 'client_secret_env = "UNSET"\nenabled = false'))
        assert not one.enabled

    def test_a_tenant_is_an_issuer(self, read: Read):
        def issuer(tenant: str) -> str:
            return read(MINIMAL["microsoft"].replace("common", tenant))[0].issuer

        assert issuer(TENANT) == f"https://login.microsoftonline.com/{TENANT}/v2.0"
        assert issuer("consumers") == f"https://login.microsoftonline.com/{identity_providers.CONSUMERS}/v2.0"

    def test_the_letters_of_an_issuer_stay(self, read: Read):
        for issuer in ("https://Login.example.com/Realm/", "https://a.example:8443/realms/x"):
            assert read(OIDC.replace("https://login.example.com", issuer))[0].issuer == issuer

    def test_everything_else_that_may_be_said(self, read: Read):
        more = 'scope = "openid email"\nalgorithms = ["ES256", "EdDSA"]\naudiences = ["p"]\nauthentication = "post"\n'
        more += 'domains = ["example.com", "xn--bcher-kva.example"]\n'
        (one,) = read(f'{OIDC}\n{more}label = "Büro"\ntrusted = true')
        assert one.domains == ("example.com", "xn--bcher-kva.example")
        assert (one.scope, one.algorithms, one.audiences) == ("openid email", ("ES256", "EdDSA"), ("p",))
        assert (one.authentication, one.label, one.trusted) == ("post", "Büro", True)

    def test_plain_http_only_to_this_machine_and_never_in_production(self, read: Read):
        for issuer in ("http://localhost:9000", "http://127.0.0.1:9000/x", "http://[::1]:9000"):
            text = OIDC.replace("https://login.example.com", issuer)
            assert read(text, production=False)[0].issuer == issuer
            with pytest.raises(NotUsable, match="issuer"):
                read(text)
        with pytest.raises(NotUsable, match="issuer"):
            read(OIDC.replace("https:", "http:"), production=False)


def with_line(line: str, text: str = OIDC) -> str:
    """Return a table with one more line, instead of the one with the same name."""
    name = line.partition("=")[0].strip()
    kept = [one for one in text.splitlines() if not re.match(rf"{re.escape(name)}\s*=", one)]
    return "\n".join([*kept, line])


BAD = {
    **{f"a name: {name}": OIDC.replace("work", name) for name in ("Work", "a_b", "-a", "a-", '""', "a" * 33, '"a/b"')},
    **{f"a name of ours: {name}": OIDC.replace("work", name) for name in ("complete", "confirm")},
    **{
        f"a line: {line[:40]}": with_line(line)
        for line in (
            *(f"issuer = {value}" for value in ('""', "1", "[]", '"login.example.com"', '"https://"', '"https:///x"')),
            *('issuer = "https://u:p@a.example"', 'issuer = "https://a.example?x"', 'issuer = "https://a.example#"'),
            *('issuer = "https://a.example/ x"', 'issuer = "https://ä.example"', 'issuer = "https://a.example:99999"'),
            *('issuer = "ftp://a.example"', 'issuer = "https://[::1"', 'issuer = "https://a.example:0"'),
            *('client_id = ""', "client_id = 1", 'client_id = "ä"', 'client_id = "a b"', 'client_id_env = "X"'),
            *('client_secret = ""', "client_secret = 1", 'client_secret = "ä"', 'client_secret = "a\\nb"'),
            *('label = ""', "label = 1", 'label = " "', 'label = "a\\nb"', f'label = "{"x" * 41}"', "label = ['x']"),
            *('scope = "email"', 'scope = ""', "scope = []", 'scope = "openid ä"'),
            *('algorithms = ["none"]', 'algorithms = ["HS256"]', "algorithms = []", 'algorithms = "RS256"'),
            *('audiences = [""]', "audiences = [1]", 'audiences = "x"', 'authentication = "none"'),
            *('domains = "example.com"', "domains = []", 'domains = ["Example.com"]', 'domains = ["bücher.example"]'),
            *('domains = ["*.example.com"]', 'domains = ["@example.com"]', 'domains = ["com"]', "domains = [1]"),
            *('trusted = "true"', "trusted = 1", "enabled = 0", 'kind = "saml"', "kind = 1", "kind = []"),
            *('unknown = "x"', 'tenant = "common"', 'key_file = "x"', 'client_secret_file = "/nowhere"'),
            *('client_secret_env = "UNSET"', 'team_id = "x"', "client_secret_env = 1", 'client_secret_file = "/"'),
        )
    },
    "no kind": OIDC.replace('kind = "oidc"\n', ""),
    "no issuer": OIDC.replace('issuer = "https://login.example.com"\n', ""),
    "no client": OIDC.replace('client_id = "id"\n', ""),
    "no secret": OIDC.replace(SECRET, ""),
    "only a secret in an environment that lacks it": OIDC.replace(SECRET, 'client_secret_env = "UNSET"'),
    "only a secret in a file that is not there": OIDC.replace(SECRET, 'client_secret_file = "/nowhere"'),
    "no tenant": f"[microsoft]\n{CLIENT}",
    "a tenant by its domain": f'[microsoft]\ntenant = "example.com"\n{CLIENT}',
    "a tenant that leads elsewhere": f'[microsoft]\ntenant = "../x"\n{CLIENT}',
    "an issuer of Microsoft's": f'[microsoft]\ntenant = "common"\nissuer = "https://a.example"\n{CLIENT}',
    "algorithms of Google": f'[google]\nalgorithms = ["ES256"]\n{CLIENT}',
    "no table": 'work = "x"',
    "a list of tables": OIDC.replace("[work]", "[[work]]"),
    "no TOML": f"[work\n{SECRET}",
    "twice": f"{OIDC}\n{OIDC}",
    "too many": "\n".join(OIDC.replace("work", f"w{number}") for number in range(21)),
    "too long": f"# {'x' * 100_000}",
    "deep": f"a = {'[' * 5000}",
    "a key of another curve": f'{APPLE}key = """{pem(ec.generate_private_key(ec.SECP384R1()))}"""',
    "a key of another kind": f'{APPLE}key = """{pem(rsa.generate_private_key(65537, 2048))}"""',
    "a key that is encrypted": f'{APPLE}key = """{LOCKED}"""',
    "no key": f'{APPLE}key = "{CANARY}"',
}


VALUES = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["https://a", "oidc", "post"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
MEMBERS = (
    *("kind", "issuer", "client_id", "client_secret", "client_secret_env", "client_secret_file", "label", "scope"),
    *(
        "algorithms",
        "audiences",
        "domains",
        "authentication",
        "trusted",
        "enabled",
        "tenant",
        "team_id",
        "key_id",
        "key",
    ),
    *("key_env", "key_file"),
)


class TestWhatIsRefused:
    @pytest.mark.parametrize("way", BAD)
    def test_each_says_what_it_is_and_quotes_no_value(self, read: Read, way: str):
        with pytest.raises(NotUsable) as caught:
            read(BAD[way])
        assert CANARY not in str(caught.value)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) > 10

    def test_a_file_that_is_not_there_or_no_text(self, tmp_path: Path):
        (tmp_path / "bytes").write_bytes(b"\xff\xfe")
        for path in ("nowhere", "bytes", "."):
            with pytest.raises(NotUsable, match="must name a file"):
                identity_providers.read(str(tmp_path / path), {}, production=True)
        with pytest.raises(NotUsable, match="must name a file"):
            identity_providers.read("a\x00b", {}, production=True)

    def test_the_service_does_not_start_and_says_so_with_the_rest(self, tmp_path: Path):
        environ = {**GOOD, **providers_file(tmp_path, BAD["no issuer"]), "PUBLIC_URL": CANARY}
        with pytest.raises(SystemExit) as caught:
            config.from_environment(environ)
        assert "PUBLIC_URL must be an origin" in str(caught.value)
        assert "IDENTITY_PROVIDERS [work]: issuer is missing" in str(caught.value)
        assert CANARY not in str(caught.value)

    def test_a_good_one_starts(self, tmp_path: Path):
        environ = {**GOOD, **providers_file(tmp_path, OIDC.replace(SECRET, 'client_secret_env = "S"')), "S": CANARY}
        (one,) = config.from_environment(environ).IDENTITY_PROVIDERS  # type: ignore[attr-defined]
        assert one.client_secret == CANARY

    @pytest.mark.parametrize("kind", PRESETS)
    @given(value=VALUES, member=st.sampled_from(MEMBERS))
    @options(max_examples=100, deadline=None)
    def test_no_value_of_any_member_is_an_error_of_ours(self, kind: str, member: str, value: Any):
        (table,) = tomllib.loads(MINIMAL[kind]).values()
        with contextlib.suppress(NotUsable):
            made = identity_providers._read("work", {"kind": kind, **table, member: value}, {}, production=True)
            assert made.issuer.startswith("https://")
