"""The client for browsers, as it is served, and what its declarations promise."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.programs import require
from tests.support.service import ROOT
from tests.support.wire import EVIL

JS, TYPES = "/authsvc.js", "/authsvc.d.ts"
LISTED = "https://app.example.com"
USAGE = Path(__file__).with_name("usage.ts")
TYPESCRIPT = "typescript@5.9.3"

each = pytest.mark.parametrize("path", [JS, TYPES])


class TestServed:
    def test_it_is_small_and_needs_nothing(self, client: FlaskClient) -> None:
        module = client.get(JS).data
        assert 1_000 < len(module) < 10_000
        assert not re.search(rb"\bimport\b(?!\.meta\b)", module)

    @pytest.mark.external
    def test_it_is_the_source_minified(self, client: FlaskClient, tmp_path: Path) -> None:
        """If this fails, run `make client`."""
        require("npm")
        built = tmp_path / "authsvc.min.js"
        subprocess.run(["make", "-s", "client", f"CLIENT={built}"], cwd=ROOT, check=True, timeout=100)
        assert client.get(JS).data == built.read_bytes()

    def test_each_has_its_type(self, client: FlaskClient) -> None:
        assert client.get(JS).content_type == "text/javascript; charset=utf-8"
        assert client.get(TYPES).content_type == "text/plain; charset=utf-8"
        for path in (JS, TYPES):
            assert client.get(path).headers["X-Content-Type-Options"] == "nosniff"

    @each
    @pytest.mark.parametrize("origin", [None, LISTED, EVIL, "null"])
    def test_any_page_may_load_it_and_a_listed_one_with_credentials(
        self, client: FlaskClient, path: str, origin: str | None
    ) -> None:
        """A module is fetched with CORS; what is in it is no secret, and the same for all."""
        answer = client.get(path, headers={"Origin": origin} if origin else {})
        assert answer.headers.getlist("Access-Control-Allow-Origin") == [LISTED if origin == LISTED else "*"]
        assert answer.headers.getlist("Cross-Origin-Resource-Policy") == ["cross-origin"]
        assert ("Access-Control-Allow-Credentials" in answer.headers) is (origin == LISTED)
        assert "Set-Cookie" not in answer.headers

    @each
    def test_also_where_no_origin_is_listed(self, make_app: Callable[..., Flask], path: str) -> None:
        answer = make_app(CORS_ORIGINS="").test_client().get(path, headers={"Origin": EVIL})
        assert answer.headers.getlist("Access-Control-Allow-Origin") == ["*"]

    @each
    def test_one_that_has_not_changed_is_not_sent_again(self, client: FlaskClient, path: str) -> None:
        """RFC 9110 section 13.1.2"""
        first = client.get(path)
        assert first.headers["Cache-Control"] == "public, max-age=300"
        again = client.get(path, headers={"If-None-Match": first.headers["ETag"], "Origin": EVIL})
        assert (again.status_code, again.data) == (304, b"")
        assert again.headers["Access-Control-Allow-Origin"] == "*"
        assert client.get(path, headers={"If-None-Match": '"another"'}).status_code == 200

    @each
    def test_it_takes_any_query_and_nothing_but_get(self, client: FlaskClient, path: str) -> None:
        """What a page writes behind the name of a script, so that it is fetched anew, changes nothing."""
        assert client.get(f"{path}?v=1").data == client.get(path).data
        assert client.post(path, json={}).status_code == 405


class TestDeclarations:
    def test_they_name_what_there_is(self, client: FlaskClient) -> None:
        (exported,) = re.findall(r"\bexport\{([^}]*)\}", client.get(JS).text)
        there = {name.rpartition(" as ")[2] for name in exported.split(",")}
        declared = r"^export (?:const|class|function) (\w+)"
        assert there == set(re.findall(declared, client.get(TYPES).text, re.MULTILINE))
        assert there >= {"register", "login", "loginWithPasskey", "completeMfa", "logout", "user", "onChange", "fetch"}

    def test_the_page_about_it_names_it_all(self, client: FlaskClient) -> None:
        page = (ROOT / "docs/start/browser.md").read_text()
        for name in re.findall(r"^export (?:const|class|function) (\w+)", client.get(TYPES).text, re.MULTILINE):
            assert re.search(rf"`(?:await )?{name}\b", page), name

    @pytest.mark.slow
    @pytest.mark.external
    def test_they_fit_how_it_is_used(self, client: FlaskClient, tmp_path: Path) -> None:
        """Checked by the real compiler; what must not pass is marked `@ts-expect-error` there."""
        require("npm")
        (tmp_path / "authsvc.d.ts").write_bytes(client.get(TYPES).data)
        shutil.copy(USAGE, tmp_path)
        install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(tmp_path), TYPESCRIPT]
        subprocess.run(install, check=True, timeout=100)
        options = "--noEmit --strict --target es2022 --module es2022 --moduleResolution bundler --lib es2022,dom"
        compiler = [str(tmp_path / "node_modules/.bin/tsc"), *options.split(), "usage.ts"]
        done = subprocess.run(compiler, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout

    @pytest.mark.slow
    @pytest.mark.external
    def test_an_import_by_the_address_is_typed_as_the_page_says(self, client: FlaskClient, tmp_path: Path) -> None:
        """And without that setting the compiler knows no such module, so that it is what does it."""
        require("npm")
        install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(tmp_path), TYPESCRIPT]
        subprocess.run(install, check=True, timeout=100)
        page = (ROOT / "docs/start/browser.md").read_text()
        (settings,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
        address = "http://localhost:8000/authsvc.js"
        (tmp_path / "types").mkdir()
        (tmp_path / "types/authsvc.d.ts").write_bytes(client.get(TYPES).data)
        (tmp_path / "page.ts").write_text(
            f'import {{ login }} from "{address}";\n'
            'export const answer = login({ email: "ada@example.com", password: "an engine" });\n'
            "// @ts-expect-error: it takes a password\n"
            'export const without = login({ email: "ada@example.com" });\n'
        )
        compiler = [str(tmp_path / "node_modules/.bin/tsc"), "--noEmit", "-p", "."]
        for text, fits in ((settings, True), (settings.replace(address, "x"), False)):
            (tmp_path / "tsconfig.json").write_text(
                text.replace('"target"', '"noEmit": true, "strict": true, "target"')
            )
            done = subprocess.run(compiler, cwd=tmp_path, capture_output=True, text=True, timeout=60)
            assert (done.returncode == 0) is fits, done.stdout
