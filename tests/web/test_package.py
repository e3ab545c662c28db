"""The npm package `authsvc`, installed from what `npm pack` makes of `sdk/js`."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from authsvc import __version__
from tests.support.npm import with_package
from tests.support.service import ROOT

SDK = ROOT / "sdk/js"
USAGE = Path(__file__).with_name("package_usage.ts")
NEEDED = ["typescript@5.9.3", "react@19.3.1", "react-dom@19.3.1", "@types/react@19", "esbuild@0.28.2"]
QUIET = """
const before = Object.getOwnPropertyNames(globalThis).join();
const {createClient} = await import("authsvc");
await import("authsvc/react");
await import("authsvc/server");
const client = createClient({url: "http://localhost:1"});
createClient({url: "/api"}); // relative to a page, which there is none of where a server renders it
const seen = [client.current, before === Object.getOwnPropertyNames(globalThis).join()];
const kept = process.getActiveResourcesInfo().filter((one) => /Timeout|Immediate|TCP|MessagePort/.test(one));
console.log(JSON.stringify([...seen.map(String), ...kept]));
"""
"""What importing the package and making a client leaves behind in Node: nothing, and it ends by itself."""
STORED = """
import {createClient} from "authsvc";
const user = {id: "1", name: "Ada"}, kept = new Map(), sent = [];
let generation = 0, isOut = false;
const service = async (request) => {
  const body = await request.text();
  sent.push([new URL(request.url).pathname, body && JSON.parse(body).refreshToken]);
  if (isOut) throw new TypeError("no network");
  if (/login|refresh/.test(request.url)) {
    generation += 1;
    return Response.json({accessToken: `a${generation}`, refreshToken: `r${generation}`, expiresIn: 900, user});
  }
  return new Response(null, {status: 204});
};
const storage = {
  getItem: async (key) => kept.get(key) ?? null,
  setItem: async (key, value) => { kept.set(key, value); },
  removeItem: async (key) => { kept.delete(key); },
};
const make = () => createClient({url: "https://auth.example.com", storage, fetch: service});
const first = make(), events = [];
first.subscribe((who, {event, reason}) => events.push([who && who.name, event, reason]));
await first.login({email: "a", password: "b"});
first.dispose();
const second = make();
second.subscribe((who, {event, reason}) => events.push([who && who.name, event, reason]));
const token = await second.getAccessToken();
await Promise.all([second.refresh(), second.refresh(), second.refresh()]);
isOut = true;
const offline = await second.refresh().catch((error) => error.code);
isOut = false;
const held = [...kept];
await second.logout();
const disposed = await first.refresh().catch((error) => error.code);
await new Promise(setImmediate);
console.log(JSON.stringify({token, sent, held, kept: [...kept], events, offline, disposed}));
"""
"""A client with a storage, as in React Native: it is started anew, refreshes, is offline, and signs out."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which the package is installed."""
    return with_package(tmp_path_factory.mktemp("package"), *NEEDED)


def run(folder: Path, script: str) -> object:
    """Run a script beside the package; return what it writes, as JSON."""
    (folder / "script.mjs").write_text(script)
    done = subprocess.run(["node", "script.mjs"], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_it_has_the_version_and_the_license_of_the_service() -> None:
    package = json.loads((SDK / "package.json").read_text())
    assert (package["version"], package["license"], package["sideEffects"]) == (__version__, "MIT", False)
    assert (SDK / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


@pytest.mark.slow
@pytest.mark.external
class TestInstalled:
    def test_importing_it_in_node_does_nothing(self, folder: Path) -> None:
        assert run(folder, QUIET) == ["undefined", "true"]

    def test_its_types_fit_how_it_is_used(self, folder: Path) -> None:
        """Checked by the real compiler; what must not pass is marked `@ts-expect-error` there."""
        shutil.copy(USAGE, folder)
        options = "--noEmit --strict --target es2022 --module nodenext --lib es2022,dom,dom.iterable"
        compiler = [str(folder / "node_modules/.bin/tsc"), *options.split(), USAGE.name]
        done = subprocess.run(compiler, cwd=folder, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout

    def test_a_storage_holds_the_newest_token_and_nothing_after_a_sign_out(self, folder: Path) -> None:
        seen = run(folder, STORED)
        assert isinstance(seen, dict)
        name = "authsvc.https_auth.example.com"
        newest = f"r{sum(path != '/auth/logout' for path, _ in seen['sent'][:-1]) - 1}"
        assert seen["held"] == [[name, newest]]
        assert seen["kept"] == []
        assert seen["sent"][-1] == ["/auth/logout", newest]
        shown = [token for path, token in seen["sent"] if path == "/auth/refresh-token"]
        assert shown == [f"r{number + 1}" for number in range(len(shown))], "each once, in order"
        assert seen["events"] == [
            [None, "restored", "token_missing"],
            ["Ada", "signed_in", None],
            ["Ada", "restored", None],
            [None, "signed_out", "logout"],
        ]
        assert (seen["offline"], seen["disposed"], seen["token"]) == ("offline", "disposed", "a2")

    def test_the_react_entry_is_small(self, folder: Path) -> None:
        built = folder / "react.min.js"
        options = ["--minify", "--format=esm", f"--outfile={built}", "--log-level=warning"]
        entry = folder / "node_modules/authsvc/src/react.js"
        subprocess.run([folder / "node_modules/.bin/esbuild", entry, *options], check=True, env=os.environ, timeout=60)
        packed = subprocess.run(["gzip", "-9c", built], check=True, capture_output=True).stdout
        assert len(packed) < 1_000


class TestRoutes:
    LEFT_TO_CALL = {
        "POST /auth/authorizations/advance",  # steps of the account pages
        "POST /auth/devices/advance",
        "POST /auth/sign-outs/advance",
        "POST /auth/federation/complete",
        "POST /auth/federation/confirm",
        "POST /auth/login/email/link",
        "POST /auth/introspect",  # of services
        "GET /auth/verify",
        "GET /auth/me",  # `refresh` knows who is signed in
        "DELETE /auth/logout",  # the same as by POST
    }
    """What has no function of its own: `call` and `signIn` do it."""

    def test_each_about_an_account_has_a_function(self) -> None:
        """A new one needs a function in `account.js`, or stands above."""
        types = (SDK / "src/api.d.ts").read_text()
        routes = set(re.findall(r'^  "(\w+ /auth/[^"]+)":', types, re.MULTILINE))
        source = "\n".join(path.read_text() for path in (SDK / "src").glob("*.js"))
        verbs = {"get": "GET", "post": "POST", "wire.post": "POST", "signIn": "POST", "end": "DELETE"}
        pattern = r'(?:\b(wire\.post|get|post|end|signIn)\(|call\("(\w+)", )["`](/auth/[^"`]+)["`]'
        calls = {
            (method or verbs[verb], re.sub(r"\$\{[^}]*\}", "*", path.partition("?")[0]))
            for verb, method, path in re.findall(pattern, source)
        }
        missing = {
            route for route in routes if (route.split()[0], re.sub(r"\{\w+\}", "*", route.split()[1])) not in calls
        }
        assert len(routes) > 40
        assert missing == self.LEFT_TO_CALL
