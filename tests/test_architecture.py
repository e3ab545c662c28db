"""The house rules that no other tool checks."""

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from authsvc.errors import all_problems
from authsvc.settings import schema

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
RING = r"\bpytest\.mark\.(?:external|browser)\b"
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

PARTICIPLES = {"found", "given", "left", "said", "seen", "shown", "taken", "told"}
PUNS = {
    *("Accounts", "Claim", "Given", "Place", "Seen", "Shown", "Standing"),
    *("announcing", "answer_headers", "documenting", "forgetful", "give", "harmless", "killable", "moving", "places"),
    *("post_in_silence", "post_in_vain", "issue_in_vain", "read_in_vain", "requests", "signed_in", "stage", "standing"),
    *("swaps", "tell", "verdict"),
}
"""Names that a reader would have to guess, and that have others now."""
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def tree_of(module: Path) -> ast.Module:
    """Return the syntax tree of a module."""
    return ast.parse(module.read_text())


def functions(module: Path) -> Iterator[Function]:
    """Yield every function of a module, also those inside classes and functions."""
    yield from (node for node in ast.walk(tree_of(module)) if isinstance(node, Function))


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


def offenders(modules: Iterable[Path], rule: Callable[[Path], Iterable[Any]]) -> list[str]:
    """Return what breaks a rule, which yields what it objects to in a module: each with the module's name."""
    return [f"{module.relative_to(ROOT)}: {offence}" for module in modules for offence in rule(module)]


def imports_within(package: str) -> dict[str, set[str]]:
    """Return what each module of a package imports from the same package, by full names."""
    folder = ROOT / package.replace(".", "/")
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted(folder.rglob("*.py"))
    }
    imports: dict[str, set[str]] = {}
    for module, path in modules.items():
        nodes = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.ImportFrom)]
        names = {(node.module or "", f"{node.module}.{alias.name}") for node in nodes for alias in node.names}
        found = {whole if whole in modules else source for source, whole in names}
        imports[module] = (found & modules.keys()) - {module, package}
    return imports


def longest_chain(module: str, imports: dict[str, set[str]]) -> list[str]:
    """Return the longest way from a module along what it imports, the module first."""
    return [module, *max((longest_chain(one, imports) for one in imports[module]), key=len, default=[])]


class TestSize:
    def test_a_module_has_at_most_450_lines(self):
        lines = {str(module.relative_to(ROOT)): len(module.read_text().splitlines()) for module in OURS}
        assert {name: count for name, count in lines.items() if count > 450} == {}

    def test_a_function_has_at_most_40_lines(self):
        assert offenders(OURS, lambda module: (f.name for f in functions(module) if length(f) > 40)) == []

    def test_a_view_body_has_at_most_15_lines(self):
        modules = [path for folder in ("api", "oauth", "web") for path in sorted((PACKAGE / folder).glob("*.py"))]
        views = [view for module in modules for view in functions(module) if is_view(view)]
        assert len(views) >= 14
        assert {view.name: body_length(view) for view in views if body_length(view) > 15} == {}


def guesswork(module: Path) -> Iterator[str]:
    """Yield the names of a module, its classes, functions, parameters and variables that are participles or puns."""
    names = {module.stem}
    for node in ast.walk(tree_of(module)):
        if isinstance(node, Function | ast.ClassDef):
            names.add(node.name.strip("_"))
        elif isinstance(node, ast.arg):
            names.add(node.arg.strip("_"))
    for function in functions(module):  # not the fields of a class: they are stored under these names
        stores = (node for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
        names.update(node.id.strip("_") for node in stores)
    yield from sorted(names & (PARTICIPLES | PUNS))


class TestNames:
    def test_nothing_is_named_by_a_participle_or_a_pun(self):
        assert offenders([*OURS, *sorted((ROOT / "bench").glob("*.py"))], guesswork) == []


class TestDocstring:
    def test_every_module_says_what_it_is(self):
        silent = [module for module in OURS if not ast.get_docstring(tree_of(module))]
        assert [str(module) for module in silent if module.name != "__init__.py" or module.read_text().strip()] == []

    def test_every_public_function_starts_with_an_imperative_sentence(self):
        assert offenders(OURS, without_imperative_sentence) == []

    def test_every_public_class_says_what_it_is(self):
        assert offenders(MODULES, classes_without_docstring) == []


def without_imperative_sentence(module: Path) -> Iterator[str]:
    """Yield the public functions whose docstring doesn't start with one, with what stands there."""
    for function in outermost(module):
        docstring = ast.get_docstring(function)
        if not is_public(function) or (docstring is None and is_known_to_a_framework(function)):
            continue
        sentence = (docstring or "").partition("\n\n")[0].replace("\n", " ")
        first = (sentence.split() or [""])[0].lower()
        if not (
            sentence.endswith((".", ":"))
            and sentence[0].isupper()
            and first not in NOT_IMPERATIVE
            and (not first.endswith("s") or first in VERBS_IN_S)
            and not first.endswith("ing")
        ):
            yield f"{function.name}: {sentence}"


def classes_without_docstring(module: Path) -> Iterator[str]:
    """Yield the public classes that have none."""
    problems = {kind.__name__ for kind in all_problems().values()}
    for node in tree_of(module).body:
        bare = isinstance(node, ast.ClassDef) and not node.name.startswith("_") and not ast.get_docstring(node)
        if bare and (not module.match("errors/__init__.py") or node.name in problems):
            yield node.name


def is_known_to_a_framework(function: Function) -> bool:
    """Tell whether a function is a method that overrides what its framework documents."""
    return function.name in ("do_handle", "do_close")


class TestImports:
    def test_nothing_is_imported_inside_a_function(self):
        assert offenders(OURS, imports_inside_functions) == []

    def test_only_the_api_and_the_pages_know_the_request(self):
        outside = [
            path for path in MODULES if path.relative_to(PACKAGE).parts[0] not in ("http", "api", "oauth", "web")
        ]
        assert offenders(outside, request_names) == []

    def test_only_the_models_speak_to_the_database(self):
        rest = [module for module in MODULES if not module.is_relative_to(PACKAGE / "models")]
        for name in ("devdb/quirks.py", "devdb/expiry.py"):  # parts of the embedded database, not of the service
            rest.remove(PACKAGE / name)
        driver = r"\.objects\b|\bmodify\(|_get_collection|^\s*(?:import|from) (?:pymongo|bson\.raw)"
        assert offenders(rest, lambda module: re.findall(driver, module.read_text(), re.MULTILINE)) == []
        rest.remove(PACKAGE / "app.py")
        mapper = r"^\s*(?:import|from) mongoengine"
        assert offenders(rest, lambda module: re.findall(mapper, module.read_text(), re.MULTILINE)) == []

    def test_only_one_place_says_what_time_it_is(self):
        rest = [module for module in OURS if module.name != "clock.py"]
        assert offenders(rest, lambda module: CLOCKS.findall(module.read_text())) == []

    def test_only_one_place_makes_ids(self):
        rest = [module for module in OURS if module.name != "ids.py"]
        assert offenders(rest, lambda module: re.findall(r"\bObjectId\(\)", module.read_text())) == []

    def test_u37_no_file_is_read_in_the_encoding_of_the_environment(self):
        assert offenders(OURS, opened_without_encoding) == []

    def test_no_test_module_imports_another(self):
        """What they share is in `tests/support`."""
        modules = sorted((ROOT / "tests").rglob("test_*.py"))
        assert len(modules) > 80
        assert offenders(modules, imports_of_test_modules) == []

    def test_what_needs_another_program_is_in_a_ring(self):
        """So that it can be left out by name, and is skipped with the ring's name if the program is missing."""
        sources = ("tests.support.programs", "tests.support.caddy", "tests.examples.running", "tests.web.scripts")
        needy = [
            module
            for module in sorted((ROOT / "tests").rglob("test_*.py"))
            if any(f"{source}.{name}".startswith((*sources, "playwright")) for source, name in imported(module))
        ]
        assert len(needy) > 15
        needy.remove(ROOT / "tests/test_documentation.py")  # it tests the rings
        assert [str(module) for module in needy if not re.search(RING, module.read_text())] == []

    def test_the_layers_hold(self):
        """The contracts in pyproject.toml: also run by `make check`, here so that nobody forgets."""
        command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout
        assert " 0 broken" in done.stdout

    def test_a_chain_of_imports_through_the_services_has_at_most_five_modules(self):
        """Who reads a service meets its neighbours, and theirs: not half of the house."""
        imports = imports_within("authsvc.services")
        assert len(imports) > 40
        chains = {module: longest_chain(module, imports) for module in imports}
        assert {module: " > ".join(chain) for module, chain in chains.items() if len(chain) > 5} == {}

    def test_no_flow_reaches_into_another_one(self):
        flows = sorted((PACKAGE / "flows").rglob("*.py"))
        assert len(flows) > 5
        assert offenders(flows, private_names_of_flows) == []

    def test_the_package_itself_imports_nothing(self):
        """gunicorn's workers patch the standard library first: what is imported before escapes that."""
        code = "import sys; before = set(sys.modules); import authsvc; print(*set(sys.modules) - before)"
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["authsvc"]


def imports_inside_functions(module: Path) -> Iterator[str]:
    """Yield the functions that import, with the line."""
    for function in functions(module):
        for node in ast.walk(function):
            if isinstance(node, ast.Import | ast.ImportFrom):
                yield f"{function.name}:{node.lineno}"


def private_names_of_flows(module: Path) -> Iterator[str]:
    """Yield the private names that a flow takes from other flows."""
    flows: dict[str, str] = {}
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("authsvc.flows"):
            flows |= {alias.asname or alias.name: alias.name for alias in node.names}
    yield from (name for name in flows.values() if name.startswith("_"))
    for node in ast.walk(tree_of(module)):
        private = isinstance(node, ast.Attribute) and node.attr.startswith("_")
        if private and isinstance(node.value, ast.Name) and node.value.id in flows:
            yield ast.unparse(node)


def imported(module: Path) -> Iterator[tuple[str, str]]:
    """Yield what a module imports: from which module, and the name (empty if it is the module itself)."""
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


def request_names(module: Path) -> Iterator[str]:
    """Yield the names of a request that a module uses."""
    for source, name in imported(module):
        if source in ("flask", "werkzeug", "werkzeug.wrappers") and name in REQUEST_NAMES:
            yield name
    yield from re.findall(r"\bflask\.(?:request|g|session|abort|jsonify)\b", module.read_text())


def opened_without_encoding(module: Path) -> Iterator[str]:
    """Yield the calls that read or write text and name no encoding."""
    calls = re.findall(r"\.(?:read|write)_text\((.*)\)|\bopen\(([^)]*\"[rwa]\+?\"[^)]*)\)", module.read_text())
    yield from ("".join(call) for call in calls if "encoding=" not in "".join(call))


def imports_of_test_modules(module: Path) -> Iterator[str]:
    """Yield the test modules that a module imports, or imports from."""
    for source, name in imported(module):
        if re.match(r"tests\b.*\.test_\w+", f"{source}.{name}"):
            yield f"{source}.{name}"


class TestErrors:
    def test_no_error_is_unused(self):
        code = [module for module in MODULES if not module.match("errors/*.py") and module.name != "documenting.py"]
        words = {word for module in code for word in re.findall(r"\w+", module.read_text())}
        names = {kind.__name__ for kind in all_problems().values()}
        assert len(names) > 30
        assert names - words == set()

    def test_every_error_is_in_the_tree_that_heads_the_module(self):
        heading = ast.get_docstring(ast.parse((PACKAGE / "errors/__init__.py").read_text()))
        assert heading is not None
        assert {kind.__name__ for kind in all_problems().values()} - set(re.findall(r"\w+", heading)) == set()


class TestDocumentation:
    SETTINGS = [row.name for row in (*schema.reference(), *schema.limits_reference())]

    def test_every_setting_is_in_the_reference(self):
        reference = (ROOT / "docs/reference/settings.md").read_text()
        assert len(self.SETTINGS) > 15
        assert [name for name in self.SETTINGS if reference.count(f"\n| `{name}` |") != 1] == []

    def test_every_setting_of_the_reference_is_one(self):
        table = (ROOT / "docs/reference/settings.md").read_text()
        named = re.findall(r"^\| `(\w+)` ", table, re.MULTILINE)
        assert named
        assert {*named} <= {*self.SETTINGS}

    def test_every_make_target_explains_itself(self):
        makefile = (ROOT / "Makefile").read_text()
        (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
        for target in phony.split():
            assert re.search(rf"^{target}:.*## \S", makefile, re.MULTILINE), target
