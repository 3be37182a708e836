"""The project's conventions, measured over its own files."""

import ast
import graphlib
import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("agents", "bot", "playground", "policies", "tools")
ROOTS = (*PACKAGES, "tests")

LONG_FUNCTION_LINES = 50
LONG_FUNCTIONS_PER_CENT = 0.5
BROAD_EXCEPTS_PER_CENT = 8.0
FILE_LINES = 400
NESTING = 3
REASON_CHARACTERS = 4

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def modules() -> dict[Path, ast.Module]:
    """Return every Python file of the packages and the tests, parsed, by its path from the root."""
    found = sorted(path for root in ROOTS for path in (ROOT / root).rglob("*.py"))
    return {
        path.relative_to(ROOT): ast.parse(path.read_text(encoding="utf-8"), str(path))
        for path in found
    }


@cache
def repository_files() -> tuple[Path, ...]:
    """Return what git tracks or would track; without git, everything that `make` did not make."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        found = [Path(line) for line in listed]
    else:
        made = re.compile(
            r"^(\.venv|build|dist|\.\w+_cache|\.hypothesis)/|\.egg-info/|__pycache__/"
        )
        found = [path.relative_to(ROOT) for path in ROOT.rglob("*")]
        found = [path for path in found if not made.search(path.as_posix())]
    return tuple(sorted(path for path in set(found) if (ROOT / path).is_file()))


def nodes() -> Iterator[tuple[Path, ast.AST]]:
    for path, tree in modules().items():
        yield from ((path, node) for node in ast.walk(tree))


def at(path: Path, node: ast.AST) -> str:
    return f"{path}:{getattr(node, 'lineno', 1)}"


def functions() -> Iterator[tuple[Path, Function]]:
    for path, node in nodes():
        if isinstance(node, FUNCTIONS):
            yield path, node


# --- the numbers ----------------------------------------------------------------------------


def lines_without_docstring(function: Function) -> int:
    total = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is None:
        return total
    return total - ((first.end_lineno or first.lineno) - first.lineno + 1)


def test_long_functions_are_the_exception() -> None:
    everything = list(functions())
    long = [
        f"{at(path, function)} {function.name}: {lines_without_docstring(function)} lines"
        for path, function in everything
        if lines_without_docstring(function) > LONG_FUNCTION_LINES
    ]
    assert len(long) * 100 <= LONG_FUNCTIONS_PER_CENT * len(everything), long


def is_broad(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(
        isinstance(one, ast.Name) and one.id in {"Exception", "BaseException"} for one in caught
    )


def test_broad_excepts_are_kept_for_boundaries() -> None:
    tries = [(path, node) for path, node in nodes() if isinstance(node, ast.Try | ast.TryStar)]
    broad = [
        at(path, handler)
        for path, statement in tries
        for handler in statement.handlers
        if is_broad(handler)
    ]
    assert len(broad) * 100 <= BROAD_EXCEPTS_PER_CENT * len(tries), broad


def is_mock(node: ast.AST) -> bool:
    match node:
        case ast.Import(names=names):
            return any(one.name in {"mock", "unittest.mock"} for one in names)
        case ast.ImportFrom(module="unittest", names=names):
            return any(one.name == "mock" for one in names)
        case ast.ImportFrom(module="mock" | "unittest.mock" | "pytest_mock"):
            return True
        case ast.Attribute(
            attr="setattr" | "delattr" | "setitem" | "delitem", value=ast.Name(id=name)
        ):
            return name in {"monkeypatch", "mp", "patch"}
        case ast.arg(arg="mocker"):
            return True
        case _:
            return False


def test_nothing_is_mocked_or_patched() -> None:
    assert [at(path, node) for path, node in nodes() if is_mock(node)] == []


def imported_names(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [one.name for one in names]
        case ast.ImportFrom(module=str(module), level=0):
            return [module]
        case _:
            return []


def test_no_import_of_our_own_is_hidden_in_a_function() -> None:
    hidden = [
        at(path, node)
        for path, function in functions()
        for node in ast.walk(function)
        for name in imported_names(node)
        if name.partition(".")[0] in ROOTS
    ]
    assert hidden == []


def dotted(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def own_imports(tree: ast.Module, known: frozenset[str]) -> Iterator[str]:
    """Yield the modules of ours that one file imports, the type checker's imports included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in known:
            for one in node.names:
                inner = f"{node.module}.{one.name}"
                yield inner if inner in known else node.module
        else:
            yield from (name for name in imported_names(node) if name in known)


def test_imports_have_no_cycle() -> None:
    known = frozenset(dotted(path) for path in modules())
    graph = {
        dotted(path): set(own_imports(tree, known)) - {dotted(path)}
        for path, tree in modules().items()
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


# --- size and shape -------------------------------------------------------------------------


def test_files_are_short() -> None:
    code = {".py", ".js", ".css", ".html", ".sh"}
    lengths = {
        path: len((ROOT / path).read_text(encoding="utf-8").splitlines())
        for path in repository_files()
        if path.suffix in code
    }
    assert {str(path): n for path, n in lengths.items() if n > FILE_LINES} == {}


BLOCKS = (
    ast.If,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.With,
    ast.AsyncWith,
    ast.Try,
    ast.TryStar,
    ast.Match,
)


def nesting(node: ast.AST, depth: int = 0) -> int:
    """Return how deep the blocks below `node` go; `elif` and inner functions add nothing."""
    deepest = depth
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (*FUNCTIONS, ast.ClassDef, ast.Lambda)):
            continue
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        inner = depth + (isinstance(child, BLOCKS) and not is_elif)
        deepest = max(deepest, nesting(child, inner))
    return deepest


def test_blocks_are_not_nested_deeply() -> None:
    deep = [at(path, function) for path, function in functions() if nesting(function) > NESTING]
    assert deep == []


def test_every_module_says_what_it_is() -> None:
    assert [str(path) for path, tree in modules().items() if not ast.get_docstring(tree)] == []


def test_no_module_is_a_pile() -> None:
    piles = {"common", "core", "helpers", "manager", "service", "utils"}
    assert [str(path) for path in modules() if piles & set(dotted(path).split("."))] == []


# --- exceptions state their reason ----------------------------------------------------------

WAIVER = re.compile(
    r"#\s*(?:noqa(?P<codes>:\s*[A-Z]+\d+(?:[,\s]+[A-Z]+\d+)*)?"
    r"|type:\s*ignore(?P<kinds>\[[a-z-]+(?:,\s*[a-z-]+)*\])?)(?P<reason>.*)"
)


def waivers_without_reason(path: Path) -> Iterator[str]:
    text = (ROOT / path).read_text(encoding="utf-8")
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        found = WAIVER.search(token.string) if token.type == tokenize.COMMENT else None
        if found is None:
            continue
        is_blanket = not (found["codes"] or found["kinds"])
        if is_blanket or len(found["reason"].strip(" -:#")) < REASON_CHARACTERS:
            yield f"{path}:{token.start[0]}: {token.string}"


def test_each_waiver_names_its_rule_and_its_reason() -> None:
    assert [found for path in modules() for found in waivers_without_reason(path)] == []


# --- nothing of a registry or of one machine ------------------------------------------------

# Written so that no pattern matches this file.
FOREIGN = {
    "a package index's path": re.compile(r"/s[i]mple(?:/|\b(?=[\"']))"),
    "a built package's file": re.compile(r"\.w[h]l\b"),
    "a package index's host": re.compile(r"\bpy(?:pi|thonhosted)\.(?:org|io)\b"),
    "a package manager's lock": re.compile(r"\"resolve[d]\":\s*\"http"),
    "a registry's host": re.compile(
        r"https?://[\w.-]*(?:registry|mirror|artifactory|nexus)[\w-]*\."
    ),
    "a machine's path": re.compile(r"(?<![\w.:/-])/(?:work|root|home|Users)/\w"),
}


def test_no_file_names_a_registry_or_a_machine() -> None:
    found = []
    for path in repository_files():
        content = (ROOT / path).read_bytes().decode("utf-8", "replace")
        for number, line in enumerate(content.splitlines(), start=1):
            found += [
                f"{path}:{number}: {what}" for what, one in FOREIGN.items() if one.search(line)
            ]
    assert found == []


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("https://" + "files.python" + "hosted.org/packages/", "a package index's host"),
        ("https://" + "py" + "pi.org/project/x", "a package index's host"),
        ("https://host.example/" + "simple" + "/", "a package index's path"),
        ("signoff-0.1-py3-none-any." + "whl", "a built package's file"),
        ('"resol' + 'ved": "https://host.example/x.' + 'tgz"', "a package manager's lock"),
        ("https://" + "registry" + ".example/x", "a registry's host"),
        ("open('/" + "root/x')", "a machine's path"),
    ],
)
def test_the_search_for_foreign_names_finds_them(line: str, what: str) -> None:
    assert FOREIGN[what].search(line)
