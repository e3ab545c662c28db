"""The house rules that no other tool checks."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import config
from authsvc.errors import all_problems

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "authsvc"
MODULES = sorted(PACKAGE.rglob("*.py"))
OURS = [*MODULES, ROOT / "config.py", ROOT / "wsgi.py", ROOT / "gunicorn.conf.py"]

REQUEST_NAMES = {
    "request",
    "g",
    "session",
    "abort",
    "jsonify",
    "redirect",
    "make_response",
    "url_for",
    "render_template",
    "after_this_request",
    "Response",
    "Request",
}
CLOCKS = re.compile(r"\b(?:datetime|date)\.(?:now|utcnow|today)\(|\btime\.time(?:_ns)?\(|\bfrom time import .*\btime\b")
NOT_IMPERATIVE = {"a", "an", "the", "this", "it", "is", "are", "was", "helper", "function", "method"}
VERBS_IN_S = {
    "pass",
    "process",
    "compress",
    "express",
    "address",
    "discuss",
    "focus",
    "guess",
    "dress",
    "press",
    "cross",
}

each_module = pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
each_of_ours = pytest.mark.parametrize("module", OURS, ids=lambda path: str(path.relative_to(ROOT)))

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(module: Path) -> Iterator[Function]:
    """Yield every function of a module, also those inside classes and functions."""
    yield from (node for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, Function))


def length(function: Function) -> int:
    """Return how many lines a function has, from its signature to its end, without decorators."""
    return (function.end_lineno or 0) - function.lineno + 1


def body_length(function: Function) -> int:
    """Return how many lines a function's body has, without its docstring."""
    statements = function.body[1:] if ast.get_docstring(function) else function.body
    return (statements[-1].end_lineno or 0) - statements[0].lineno + 1 if statements else 0


def is_view(function: Function) -> bool:
    """Tell whether a function is decorated as a route."""
    return any("blp." in ast.unparse(decorator) for decorator in function.decorator_list)


def is_public(function: Function) -> bool:
    """Tell whether a function is one that others call or read about."""
    return not function.name.startswith("_")


def outermost(module: Path) -> Iterator[Function]:
    """Yield the functions of a module and the methods of its classes, and none inside a function."""
    tree = ast.parse(module.read_text())
    for node in tree.body:
        if isinstance(node, Function):
            yield node
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from (inner for inner in node.body if isinstance(inner, Function))


class TestSize:
    @each_of_ours
    def test_a_module_has_at_most_250_lines(self, module: Path):
        assert len(module.read_text().splitlines()) <= 250

    @each_of_ours
    def test_a_function_has_at_most_40_lines(self, module: Path):
        assert {function.name: length(function) for function in functions(module) if length(function) > 40} == {}

    def test_a_view_body_has_at_most_15_lines(self):
        modules = [*sorted((PACKAGE / "api").glob("*.py")), *sorted((PACKAGE / "web").glob("*.py"))]
        views = [view for module in modules for view in functions(module) if is_view(view)]
        assert len(views) >= 14
        assert {view.name: body_length(view) for view in views if body_length(view) > 15} == {}


class TestDocstring:
    @each_of_ours
    def test_every_module_says_what_it_is(self, module: Path):
        if module.name != "__init__.py" or module.read_text().strip():
            assert ast.get_docstring(ast.parse(module.read_text()))

    @each_of_ours
    def test_every_public_function_starts_with_an_imperative_sentence(self, module: Path):
        for function in outermost(module):
            said = ast.get_docstring(function)
            if not is_public(function) or (said is None and is_known_to_a_framework(function)):
                continue
            assert said, function.name
            sentence = said.partition("\n\n")[0].replace("\n", " ")
            assert sentence.endswith((".", ":")), f"{function.name}: {sentence}"
            first = sentence.split()[0].lower()
            assert sentence[0].isupper(), f"{function.name}: {sentence}"
            assert first not in NOT_IMPERATIVE, f"{function.name}: {sentence}"
            assert not first.endswith("s") or first in VERBS_IN_S, f"{function.name}: {sentence}"
            assert not first.endswith("ing"), f"{function.name}: {sentence}"

    @each_module
    def test_every_public_class_says_what_it_is(self, module: Path):
        bare = [
            node.name
            for node in ast.parse(module.read_text()).body
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and not ast.get_docstring(node)
        ]
        if module.match("errors/__init__.py"):
            bare = [name for name in bare if name in {kind.__name__ for kind in all_problems().values()}]
        assert bare == []


def is_known_to_a_framework(function: Function) -> bool:
    """Tell whether a function is a method that overrides what its framework documents."""
    return function.name in ("do_handle", "do_close")


class TestImports:
    @each_of_ours
    def test_nothing_is_imported_inside_a_function(self, module: Path):
        inside = [
            f"{function.name}:{node.lineno}"
            for function in functions(module)
            for node in ast.walk(function)
            if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        assert inside == []

    @each_module
    def test_only_the_api_knows_the_request(self, module: Path):
        if module.is_relative_to(PACKAGE / "api") or module.is_relative_to(PACKAGE / "web"):
            return
        names = {
            alias.name
            for node in ast.walk(ast.parse(module.read_text()))
            if isinstance(node, ast.ImportFrom) and node.module in ("flask", "werkzeug", "werkzeug.wrappers")
            for alias in node.names
        }
        assert not names & REQUEST_NAMES
        assert not re.search(r"\bflask\.(?:request|g|session|abort|jsonify)\b", module.read_text())

    @each_module
    def test_only_the_models_speak_to_the_database(self, module: Path):
        if module.is_relative_to(PACKAGE / "models"):
            return
        text = module.read_text()
        assert not re.search(
            r"\.objects\b|\bmodify\(|_get_collection|^\s*(?:import|from) (?:pymongo|bson\.raw)", text, re.MULTILINE
        )
        if module.name != "app.py":
            assert not re.search(r"^\s*(?:import|from) mongoengine", text, re.MULTILINE)

    @each_of_ours
    def test_only_one_place_says_what_time_it_is(self, module: Path):
        if module.name != "clock.py":
            assert CLOCKS.findall(module.read_text()) == []

    def test_the_layers_hold(self):
        """The contracts in pyproject.toml: also run by `make check`, here so that nobody forgets."""
        command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout
        assert " 0 broken" in done.stdout

    def test_the_package_itself_imports_nothing(self):
        """gunicorn's workers patch the standard library first: what is imported before escapes that."""
        code = "import sys; before = set(sys.modules); import authsvc; print(*set(sys.modules) - before)"
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["authsvc"]


class TestErrors:
    @pytest.mark.parametrize("code", all_problems())
    def test_no_error_is_unused(self, code: str):
        name = all_problems()[code].__name__
        used = [
            module.name
            for module in MODULES
            if not (module.match("errors/*.py") or module.name == "documenting.py")
            and re.search(rf"\b{name}\b", module.read_text())
        ]
        assert used

    @pytest.mark.parametrize("code", all_problems())
    def test_every_error_is_in_the_tree_that_heads_the_module(self, code: str):
        heading = ast.get_docstring(ast.parse((PACKAGE / "errors/__init__.py").read_text()))
        assert heading is not None
        assert re.search(rf"\b{all_problems()[code].__name__}\b", heading)


class TestDocumentation:
    SETTINGS = re.findall(r"self\._(?:str|int|list|switch)\(\"([A-Z_]+)\"", (ROOT / "config.py").read_text()) + [
        f"LIMIT_{name.upper()}" for name in config.LIMITS
    ]

    def test_every_setting_is_in_the_readme(self):
        readme = (ROOT / "README.md").read_text()
        assert len(self.SETTINGS) > 15
        missing = [name for name in (*self.SETTINGS, "APP_ENV") if not re.search(rf"`{name}`", readme)]
        assert missing == []

    def test_every_setting_of_the_readme_is_one(self):
        table = (ROOT / "README.md").read_text().partition("## Settings")[2].partition("\n## ")[0]
        rows = re.findall(r"^\| (`[A-Z_`, ]+`) ", table, re.MULTILINE)
        named = {name for row in rows for name in re.findall(r"[A-Z_]+", row)}
        assert named
        assert named <= {*self.SETTINGS, "APP_ENV"}

    def test_every_make_target_explains_itself(self):
        makefile = (ROOT / "Makefile").read_text()
        (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
        for target in phony.split():
            assert re.search(rf"^{target}:.*## \S", makefile, re.MULTILINE), target
