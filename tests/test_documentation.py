"""What is written agrees with the code: pages, names, numbers, and what a number in a test's docstring means."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask

import config
from authsvc import __version__, cli
from authsvc.api import auth
from authsvc.errors import all_problems
from authsvc.events import catalogue
from authsvc.models.readiness import INDEXED
from authsvc.security import password_policy
from docs.generate import DOCS, PAGES, client, commands, layers, letters, metrics
from tests.conftest import COLLECTIONS, COLLECTIONS_OF_KEYS
from tests.support.invariants import INDEXES
from tests.support.programs import require
from tests.support.races import eventually
from tests.support.service import ROOT, free_port

README = (ROOT / "README.md").read_text()
REQUIREMENTS = (DOCS / "requirements.md").read_text()
SETTINGS = (DOCS / "reference/settings.md").read_text()
AT_THE_TOP = sorted(ROOT.glob("*.md"))
WRITTEN = {
    str(path.relative_to(ROOT)): path.read_text()
    for path in [*AT_THE_TOP, *sorted(DOCS.rglob("*.md"))]
    if "_build" not in path.parts
}
"""Every page, by its path."""
TEXT = "\n".join(WRITTEN.values())
EXAMPLES = sorted(path for path in (ROOT / "examples").iterdir() if path.is_dir())
LETTERS = {path.stem for path in letters.FOLDER.glob("*.txt")}
CODE = [path for folder in ("authsvc", "bench", "tests", "docs") for path in sorted((ROOT / folder).rglob("*.py"))]
DEFAULTS = re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", SETTINGS, re.MULTILINE)
ENOUGH = {
    "SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJK",
    "MONGODB_URI": "mongodb://user:word@db.example.com/authsvc",
    "PUBLIC_URL": "https://auth.example.com",
    "MAIL_URL": "smtps://mail.example.com",
}


def section(text: str, title: str) -> str:
    """Return a chapter of a page, from its title to the next."""
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


class TestGenerated:
    @pytest.mark.parametrize("name", PAGES)
    def test_a_page_is_what_the_code_says(self, app: Flask, name: str):
        """If this fails, run `make reference`."""
        assert (DOCS / name).read_text() == PAGES[name](app)

    def test_every_route_has_its_reference(self, app: Flask):
        page = WRITTEN["docs/reference/http.md"]
        paths = {re.sub("<(?:[^:>]+:)?", "{", rule.rule).replace(">", "}") for rule in app.url_map.iter_rules()}
        assert [path for path in sorted(paths) if f" {path}`\n" not in page] == []

    def test_every_error_has_its_reference(self):
        page = WRITTEN["docs/reference/errors.md"]
        assert [code for code in all_problems() if f"### `{code}`\n" not in page] == []

    def test_every_command_has_its_reference(self):
        page = WRITTEN["docs/reference/commands.md"]
        assert [name for name, _ in commands.leaves(cli.COMMANDS, "flask") if f"## `{name}`\n" not in page] == []

    def test_every_event_has_a_sentence(self):
        """Its docstring; a dataclass without one is given its signature as such."""
        sentences = catalogue.sentences()
        assert [name for name in catalogue.names() if not re.match(r"[A-Z][^(]*\.$", sentences.get(name, ""))] == []

    def test_every_export_of_the_client_is_in_it(self):
        declared = re.findall(
            r"^export (?:\w+ )?(?:interface|class|const|function) (\w+)", client.DECLARATIONS.read_text(), re.MULTILINE
        )
        assert sorted(client.names()) == sorted(declared)


class TestSite:
    @pytest.mark.slow
    def test_it_builds_without_a_warning(self, tmp_path: Path):
        """Links between pages and into them are checked there, too."""
        run([sys.executable, "-m", "sphinx", "--fail-on-warning", "-q", "-b", "dummy", "docs", str(tmp_path)], ROOT)

    def test_links_from_the_top_lead_somewhere(self):
        for path in AT_THE_TOP:
            for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text()):
                assert (ROOT / target).exists(), f"{path.name}: {target}"

    def test_every_decision_has_a_number_of_its_own(self):
        pages = sorted(path for path in (DOCS / "decisions").glob("*.md") if path.name != "index.md")
        numbers = [path.name[:4] for path in pages]
        assert [path.name for path in pages if not re.match(r"\d{4}-[a-z0-9-]+\.md$", path.name)] == []
        assert len(set(numbers)) == len(numbers) > 30
        for number, path in zip(numbers, pages, strict=True):
            text = path.read_text()
            assert text.startswith(f"# {number}: "), path.name
            for part in ("Context", "Decision", "Alternatives", "Consequences"):
                assert f"**{part}." in text or f"## {part}\n" in text, (path.name, part)


class TestReadme:
    def test_it_is_one_page(self):
        assert len(README.splitlines()) <= 120

    def test_its_first_screen_says_what_it_is_and_the_two_commands(self):
        screen = "\n".join(README.splitlines()[:20])
        for said in ("**It is**", "**It is not**", "make run", "make test", "docs/images/account.png"):
            assert said in screen

    def test_it_leads_to_every_page(self):
        guides = [name for name in WRITTEN if re.match(r"docs/(start|guides|operate|reference|explain)/", name)]
        assert [name for name in guides if f"]({name})" not in README] == []


class TestExamples:
    @pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
    def test_its_readme_names_its_files_and_what_tests_it(self, folder: Path):
        (git,) = require("git")
        text = (folder / "README.md").read_text()
        tracked = run([git, "ls-files", "--", str(folder)], ROOT).splitlines()
        files = {Path(path).name for path in tracked} - {"README.md"}
        assert files
        assert [name for name in sorted(files) if name not in text] == []
        tests = re.findall(r"`(tests/[\w/.]+)`", text)
        assert tests
        assert [path for path in tests if not (ROOT / path).exists()] == []
        assert 15 <= len(text.splitlines()) <= 36

    @pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
    def test_a_page_leads_to_it(self, folder: Path):
        assert f"](examples/{folder.name})" in README
        assert f"`examples/{folder.name}`" in TEXT

    @pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
    def test_its_links_lead_somewhere(self, folder: Path):
        targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (folder / "README.md").read_text())
        assert [target for target in targets if not (folder / target).exists()] == []


ENTRIES = {f"authsvc{entry[1:]}" for entry in json.loads((ROOT / "sdk/js/package.json").read_text())["exports"]}
"""What the npm package is imported by."""


def is_there(place: str) -> bool:
    """Tell whether a page names a file, a module or an entry of the package: `authsvc/cli/`, `security.names`."""
    module = place.replace(".", "/")
    return place in ENTRIES or any(
        (folder / name).exists() for folder in (ROOT, ROOT / "authsvc") for name in (place, module, f"{module}.py")
    )


class TestNames:
    @pytest.mark.parametrize(("name", "default"), DEFAULTS)
    def test_a_setting_has_the_default_that_it_says(self, name: str, default: str):
        settings = config.from_environment(ENOUGH)
        if name.islower():
            found = "{}/{}".format(*settings.LIMITS[name])
        else:
            value = getattr(settings, name)
            found = {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value
        found = ",".join(found) if isinstance(found, list) else str(found)
        assert default in (found, "PUBLIC_URL")

    def test_most_settings_have_a_default(self):
        assert len(DEFAULTS) > 30

    def test_every_place_in_the_code_is_there(self):
        """Paths and dotted names of modules, except in what tells of former versions."""
        folders = "|".join(sorted({path.name for path in (ROOT / "authsvc").iterdir() if path.is_dir()}))
        pattern = re.compile(rf"`(?!authsvc\.js`)((?:authsvc|tests|deploy|{folders})(?:[/.]\w+)+(?:\.\w+)?/?)`")
        examples = {f"examples/{path.name}": (path / "README.md").read_text() for path in EXAMPLES}
        pages = {
            name: text
            for name, text in (WRITTEN | examples).items()
            if not name.startswith(("CHANGELOG", "UPG", "docs/dur"))
        }
        named = {(place, name) for name, text in pages.items() for place in pattern.findall(text)}
        assert len(named) > 40
        assert {(place, name) for place, name in named if not is_there(place)} == set()

    def test_the_report_of_an_import_is_what_is_printed(self):
        """The words after each number, and the sentence about hashes that can't be imported."""
        report = (
            section(WRITTEN["docs/guides/importing.md"], "The report").partition("```text\n")[2].partition("```")[0]
        )
        remarks = re.findall(r"^\w+ +[\d,]+  (\S.*)$", report, re.MULTILINE)
        sentences = [
            re.sub(r"[\d,]+ ", "", line.partition(" hashes ")[2]) for line in report.splitlines() if ": 12 " in line
        ]
        source = (ROOT / "authsvc/cli/user_transfer.py").read_text().replace("{_accounts(count)}", "accounts")
        assert len(remarks) == 5
        assert len(sentences) == 1
        assert [text for text in remarks + sentences if text not in source] == []

    def test_every_letter_is_in_the_guide_once(self):
        table = section(WRITTEN["docs/guides/letters.md"], "Which letters there are")
        rows = [line.split("|")[2] for line in table.splitlines() if line.startswith("| ")]
        named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
        assert sorted(named) == sorted(LETTERS)

    def test_every_command_is_one(self):
        known = {name for name, _ in commands.leaves(cli.COMMANDS, "flask")}
        groups = "|".join(str(command.name) for command in cli.COMMANDS)
        shown = re.findall(rf"(?:^|`)flask ((?:{groups})(?: [a-z][a-z-]+)?)\b", TEXT, re.MULTILINE)
        assert len(shown) > 40
        assert {f"flask {name}" for name in shown} - known == set()

    def test_every_make_target_is_one(self):
        (targets,) = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
        shown = set(re.findall(r"(?:^|`)make ([a-z]+)\b", TEXT, re.MULTILINE))
        assert {"run", "test", "docs", "check"} <= shown
        assert shown - set(targets.split()) == set()

    def test_every_route_is_one(self, app: Flask):
        rules = {re.sub("<[^>]+>", "*", rule.rule) for rule in app.url_map.iter_rules()}
        named = re.findall(r"`(?:GET|POST|PATCH|PUT|DELETE) (/[^`?\s]*)", TEXT)
        assert len(named) > 80
        for path in named:
            assert re.sub(r"\{[^}]+\}|<[^>]+>", "*", path) in rules, path

    def test_every_error_has_the_status_that_is_said(self):
        problems = all_problems()
        named = re.findall(r"`([45]\d\d) ([a-z_]+)`", TEXT)
        assert len(named) > 100
        for status, code in named:
            assert problems[code].status == int(status)

    def test_every_metric_is_one(self):
        known = {row[0].strip("`") for row in metrics.rows()}
        assert {"authsvc_letters_total"} <= known
        assert set(re.findall(r"(?<!cookie )`(authsvc_[a-z_]+)[`{]", TEXT)) - known == set()

    def test_every_layer_is_explained(self):
        table = section(WRITTEN["docs/explain/architecture.md"], "Layers")
        rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
        named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
        assert sorted(named) == sorted(name for row in layers.rows() for name in row)

    def test_every_collection_is_explained(self):
        table = section(WRITTEN["docs/explain/architecture.md"], "Data")
        named = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
        assert sorted(named) == sorted([*COLLECTIONS, *COLLECTIONS_OF_KEYS])

    def test_what_the_tests_need_is_said(self):
        """What is missing on a machine is skipped, and fails in CI."""
        calls = [call for path in CODE for call in re.findall(r"\brequire\(([^)]*)\)", path.read_text())]
        programs = {name for call in calls for name in re.findall(r'"([a-z]+)"', call)} - {
            "bash",
            "browser",
            "external",
        }
        needed = section(WRITTEN["docs/start/first-run.md"], "What you need").lower()
        words = {"node": "node.js", "javac": "jdk"}
        assert {"npm", "nginx", "curl"} <= programs
        for program in programs | {"chromium", "caddy", "go", "javac"}:
            assert words.get(program, program) in needed, program


class TestPrograms:
    def test_a_missing_program_skips_with_its_name(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.delenv("CI", raising=False)
        with pytest.raises(pytest.skip.Exception, match="external: needs no-such-program"):
            require("python3|python", "no-such-program|nor-this-one")

    def test_in_ci_it_fails(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("CI", "1")
        with pytest.raises(AssertionError, match="CI must have no-such-program"):
            require("no-such-program")

    def test_what_is_there_is_told_by_its_path(self):
        (found,) = require("no-such-program|python3|python")
        assert Path(found).is_absolute()


class TestRequirements:
    def test_every_number_that_is_cited_is_explained(self):
        explained = set(re.findall(r"^- ([RFDUMO]\d+): \S", REQUIREMENTS, re.MULTILINE))
        assert len(explained) > 180
        cited = {(one, path.name) for path in CODE for one in cited_in(path.read_text()) if path != Path(__file__)}
        assert {one for one, _ in cited} >= {"R18", "F3", "D5", "U16"}
        assert {(one, name) for one, name in cited if one not in explained} == set()

    def test_every_requirement_is_tried(self):
        """Those of R and O, by the name of a test or by what is said of one."""
        tests = [path for path in CODE if path.is_relative_to(ROOT / "tests") and path != Path(__file__)]
        tried = {one for path in tests for one in cited_in(path.read_text())}
        assert {one for one in re.findall(r"^- ([RO]\d+): \S", REQUIREMENTS, re.MULTILINE) if one not in tried} == set()

    def test_no_number_is_explained_twice(self):
        numbers = re.findall(r"^- ([RFDUMO]\d+):", REQUIREMENTS, re.MULTILINE)
        assert len(numbers) == len(set(numbers))


def cited_in(code: str) -> set[str]:
    """Return the numbers in docstrings, comments and names of tests: R18, F3, R20-R27, `test_u17_...`."""
    prose = re.findall(r'"""(.*?)"""|#(.*)$', code, re.DOTALL | re.MULTILINE)
    said = "\n".join(text for pair in prose for text in pair)
    spoken = set(re.findall(r"\b[RFDUMO]\d{1,3}\b", said))
    for kind, first, last in re.findall(r"\b([RFDUMO])(\d{1,3})(?:-| to )[RFDUMO]?(\d{1,3})\b", said):
        spoken |= {f"{kind}{number}" for number in range(int(first), int(last) + 1)}
    names = re.findall(r"(?:def test_|class Test)((?:[rfdumoRFDUMO]\d{1,3}_?)+)", code)
    return spoken | {one.upper() for name in names for one in re.findall(r"[rfdumoRFDUMO]\d{1,3}", name)}


class TestNumbers:
    def test_the_decision_says_how_many_passwords_are_common(self):
        """Those long enough to be refused for that reason, in the lists that the code takes."""
        (said,) = re.findall(r"([\d,]+) entries of 8 characters or more", WRITTEN["docs/decisions/0006-passwords.md"])
        assert int(said.replace(",", "")) == sum(len(word) >= 8 for word in password_policy._COMMON)

    def test_auth_says_how_many_routes_it_has(self):
        source = Path(auth.__file__).read_text()
        paths = set(re.findall(r'@blp\.\w+\("([^"]+)"', source)) | set(re.findall(r'blp\.route\("([^"]+)"', source))
        assert auth.__doc__ is not None
        assert "five routes of the Express service" in auth.__doc__
        assert "both steps of re-authentication" in auth.__doc__
        assert {path for path in paths if not path.startswith("/auth/reauthenticate")} == {
            "/",
            "/auth/register",
            "/auth/login",
            "/auth/refresh-token",
            "/auth/logout",
        }


class TestIndexes:
    def test_the_verdict_knows_every_index_that_is_declared(self):
        """They are written down twice on purpose, and neither list may lack one, nor say anything else of it."""
        assert {kind._get_collection_name(): declared(kind) for kind in INDEXED} == INDEXES


def declared(kind: Any) -> dict[str, dict[str, Any]]:
    """Return a document's indexes as the invariants write them."""
    specs = [
        {"key" if name == "fields" else name: said for name, said in spec.items()} for spec in kind._meta["index_specs"]
    ]
    return {spec.pop("name"): spec for spec in specs}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which `pip install` put the wheel that the backend builds, without what it depends on."""
    folder = tmp_path_factory.mktemp("wheel")
    build = "import sys, hatchling.build; hatchling.build.build_wheel(sys.argv[1])"
    run([sys.executable, "-c", build, str(folder)], ROOT)
    (wheel,) = folder.glob(f"authsvc-{__version__}-*.whl")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--no-index"]
    run([*pip, "--no-compile", "--target", str(folder / "site"), str(wheel)], folder)
    return folder / "site"


def run(command: list[str], cwd: Path, **environ: str) -> str:
    """Return what a command prints; it must succeed."""
    env = {**os.environ, **environ}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


class TestPackage:
    def test_a_wheel_has_all_of_the_package_and_nothing_else(self, installed: Path):
        package = {path.relative_to(ROOT) for path in (ROOT / "authsvc").rglob("*") if path.is_file()}
        wanted = {path for path in package if "__pycache__" not in path.parts}
        found = {path.relative_to(installed) for path in installed.rglob("*") if path.is_file()}
        assert wanted <= found
        beside = {path for path in found - wanted if ".dist-info" not in path.parts[0]}
        assert beside == {Path("config.py"), Path("wsgi.py"), Path("authsvc/gunicorn.conf.py"), Path("bin/authsvc")}

    @pytest.mark.slow
    def test_the_command_names_all_that_it_can_do(self, installed: Path, tmp_path: Path):
        """Without a single setting: who has just installed it asks for help first."""
        authsvc = [str(installed / "bin/authsvc")]
        bare = {"PYTHONPATH": str(installed), "SECRET_KEY": "", "APP_ENV": "production"}
        shown = run([*authsvc, "--help"], tmp_path, **bare)
        listed = re.findall(r"^  ([a-z]+)  ", shown.partition("Commands:")[2], re.MULTILINE)
        assert listed == sorted(["serve", *(str(command.name) for command in cli.COMMANDS)])
        assert "--firebase-hash-config" in run([*authsvc, "users", "import", "--help"], tmp_path, **bare)
        assert __version__ in run([*authsvc, "--version"], tmp_path, **bare)

    def test_its_commands_work_beside_a_service(
        self, installed: Path, app: Flask, settings: dict[str, str], clean: None, tmp_path: Path
    ):
        command = [str(installed / "bin/authsvc"), "users", "list", "--json"]
        assert run(command, tmp_path, **{**settings, "PYTHONPATH": str(installed)}).strip() == "[]"

    @pytest.mark.slow
    def test_it_serves_from_where_it_is_installed(
        self, installed: Path, app: Flask, settings: dict[str, str], tmp_path: Path
    ):
        """By the command, in an empty folder: nothing of the checkout is in reach."""
        port = free_port()
        given = {**os.environ, **settings, "PYTHONPATH": str(installed), "PORT": str(port)}
        process = subprocess.Popen(
            [str(installed / "bin/authsvc"), "serve", "--workers", "1"], cwd=tmp_path, env=given, stderr=subprocess.PIPE
        )
        try:
            eventually(lambda: process.poll() is not None or listening(port), 30)
            assert requests.get(f"http://127.0.0.1:{port}/healthz", timeout=10).json()["version"] == __version__
            assert requests.get(f"http://127.0.0.1:{port}/account/sign-in", timeout=10).status_code == 200
        finally:
            process.terminate()
            process.communicate(timeout=30)
        assert process.returncode == 0


def listening(port: int) -> bool:
    """Tell whether something takes connections on a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
