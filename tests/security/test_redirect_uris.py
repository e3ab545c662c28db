"""O3, O4, O5: which URIs an app may register, and which of a request is a registered one."""

import pytest

from authsvc.security import redirect_uris

OWN = "https://auth.example.com"


def fault(uri: str, *, native: bool = False, own: str = OWN) -> str | None:
    """Return what is wrong with a URI."""
    return redirect_uris.fault_of(uri, own_origin=own, native=native)


class TestO5Registration:
    @pytest.mark.parametrize(
        "uri",
        [
            "https://app.example.net/callback",
            "https://app.example.net",
            "https://app.example.net:8443/a?b=c&d=%2F",
            "https://xn--mnchen-3ya.example/",
            "https://192.0.2.7/back",
            "https://[2001:db8::7]/back",
            "http://localhost/",
            "http://localhost:3000/cb",
            "http://127.0.0.1:3000/cb",
            "http://[::1]:3000/cb",
            "https://other.auth.example.com/",
            "https://auth.example.com:8443/",
            "https://APP.example.net/",
        ],
    )
    def test_o5_these_may(self, uri: str):
        assert fault(uri) is None

    @pytest.mark.parametrize(
        "uri",
        [
            "",
            "/callback",
            "//app.example.net/callback",
            "app.example.net/callback",
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "javascript://app.example.net/%0aalert(1)",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc/passwd",
            "blob:https://app.example.net/1",
            "about:blank",
            "urn:ietf:wg:oauth:2.0:oob",
            "ftp://app.example.net/",
            "ws://app.example.net/",
            "http://app.example.net/",
            "http://localhost.example.net/",
            "http://app.localhost/",
            "http://127.0.0.2/",
            "http://127.1/",
            "http://0x7f000001/",
            "http://2130706433/",
            "http://0.0.0.0/",
            "http://[::]/",
            "http://[0:0:0:0:0:0:0:1]/",
            "http://[::ffff:127.0.0.1]/",
            "https://0x7f.1/",
            "https://127.0.0.1.0x1/",
            "https://app.example.net/#",
            "https://app.example.net/#fragment",
            "https://user@app.example.net/",
            "https://user:word@app.example.net/",
            "https://@app.example.net/",
            "https://auth.example.com@app.example.net/",
            "https://app.example.net\\@auth.example.com/",
            "https://münchen.example/",
            "https://app.example.net/ü",
            "https://app\u3002example.net/",
            "https://%61uth.example.com/",
            "https://app%2eexample.net/",
            "https://app.example.net./",
            "https://.example.net/",
            "https://app..example.net/",
            "https://-app.example.net/",
            "https://*.example.net/",
            "https://app.example.net,evil.example/",
            "https://app.example.net:99999/",
            "https://app.example.net:-1/",
            "https://app.example.net:80a/",
            "https://",
            "https:///callback",
            "https:/app.example.net/",
            "https:app.example.net",
            "HTTPS://app.example.net/",
            "https://[::1/",
            "https://[fe80::1%25eth0]/",
            "https://[v1.x]/",
            " https://app.example.net/",
            "https://app.example.net/\n",
            "https://app.example.net/\tx",
            "https://app.example.net/\0",
            "https://app.example.net/ x",
            'https://app.example.net/"',
            "https://app.example.net/<x>",
            "https://app.example.net/{x}",
            "https://app.example.net/`",
            "https://app.example.net/" + "x" * 2000,
            "com.example.app:/callback",
        ],
    )
    def test_o5_these_may_not(self, uri: str):
        assert fault(uri)

    @pytest.mark.parametrize(
        "uri",
        [
            OWN,
            f"{OWN}/account/",
            f"{OWN}:443/x",
            f"{OWN}:/x",
            f"{OWN}?x",
            "https://AUTH.example.com/",
            "https://Auth.Example.Com:443/x",
            "https://auth.example.com./",
            "https://auth.example.com:0443/x",
        ],
    )
    def test_o5_nobody_may_have_an_address_of_ours(self, uri: str):
        assert fault(uri)
        assert fault(uri, native=True)

    @pytest.mark.parametrize("uri", ["http://localhost:8000/", "http://127.0.0.1:8000/x", "http://[::1]:8000/"])
    def test_o5_nor_one_that_means_the_same_on_this_machine(self, uri: str):
        assert fault(uri, own="http://localhost:8000")
        assert fault(uri, own="http://127.0.0.1:8000")
        assert fault(uri, own="http://localhost:8001") is None

    @pytest.mark.parametrize(
        ("uri", "may"),
        [
            ("com.example.app:/callback", True),
            ("com.example.app://callback", True),
            ("io.identityserver.demo:/x?y=z", True),
            ("com.example.app:callback", False),
            ("COM.example.app:/callback", False),
            ("myapp:/callback", False),
            ("myapp://callback", False),
            ("javascript:/x", False),
            ("intent://x", False),
            ("com.example.app:/callback#x", False),
            ("com..app:/callback", False),
            (".app:/callback", False),
        ],
    )
    def test_o5_a_native_app_may_have_a_scheme_that_is_a_name_in_reverse(self, uri: str, may: bool):
        assert (fault(uri, native=True) is None) is may


class TestO3Comparison:
    REGISTERED = ("https://app.example.net/cb",)

    @pytest.mark.parametrize(
        "uri",
        [
            "https://app.example.net/cb/",
            "https://app.example.net/CB",
            "https://APP.example.net/cb",
            "https://app.example.net:443/cb",
            "https://app.example.net/cb?x",
            "https://app.example.net/cb#x",
            "https://app.example.net/cb%2f",
            "https://app.example.net/%63b",
            "https://app.example.net/x/../cb",
            "https://app.example.net/cb/..;/x",
            "https://app.example.net@evil.example/cb",
            "https://app.example.net/cb\n",
            "",
        ],
    )
    def test_o3_only_the_whole_text_is_the_same(self, uri: str):
        assert redirect_uris.find(uri, self.REGISTERED, any_port=True) is None
        assert redirect_uris.find(self.REGISTERED[0], self.REGISTERED, any_port=False) == self.REGISTERED[0]

    @pytest.mark.parametrize(
        ("uri", "registered", "same"),
        [
            ("http://127.0.0.1:49152/cb", "http://127.0.0.1/cb", True),
            ("http://127.0.0.1:49152/cb", "http://127.0.0.1:3000/cb", True),
            ("http://[::1]:49152/cb", "http://[::1]/cb", True),
            ("http://127.0.0.1:49152/x", "http://127.0.0.1/cb", False),
            ("http://127.0.0.1:49152/cb#x", "http://127.0.0.1/cb", False),
            ("http://127.0.0.1:1@evil.example/cb", "http://127.0.0.1/cb", False),
            ("http://localhost:49152/cb", "http://localhost/cb", False),
            ("http://[::1]:49152/cb", "http://127.0.0.1/cb", False),
            ("https://127.0.0.1:49152/cb", "https://127.0.0.1/cb", False),
        ],
    )
    def test_o4_only_the_port_of_a_loopback_address_is_free(self, uri: str, registered: str, same: bool):
        assert (redirect_uris.find(uri, [registered], any_port=True) == uri) is same
