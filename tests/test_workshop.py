"""The workshop's own promises: layers, lock files, packaging, image, licence, network guard."""

import ast
import contextlib
import hashlib
import os
import re
import socket
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import LeftTheMachine, LoopbackOnly, is_loopback
from tests.test_conventions import PACKAGES, ROOT, ROOTS, imported_names, modules

# --- layers ---------------------------------------------------------------------------------

LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINT_IMPORTS, "--no-cache", "--no-logo"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_imports_keep_the_contracts() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("path", "text", "broken"),
    [
        ("policies/a.py", "import tools", "One direction"),
        ("bot/a.py", "import playground", "One direction"),
        ("bot/slack.py", "import bot.webhooks", "Siblings at the edge"),
        ("tools/connectors/a.py", "import tools.connectors.b", "Connectors do not know"),
        ("bot/app.py", "import sqlalchemy", "Only bot.store"),
        ("agents/a.py", "import slack_sdk.web", "Only bot.slack"),
        ("agents/a.py", "import anthropic", "Only agents.llm"),
        ("policies/a.py", "import random", "The rules do no I/O"),
        ("tools/a.py", "import tests", "Nothing but tests"),
    ],
)
def test_each_contract_notices_its_breach(
    tmp_path: Path, path: str, text: str, broken: str
) -> None:
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    for name in (*PACKAGES, "tests", "tools/connectors", "tools/connectors/b", "bot/webhooks"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    (tmp_path / path).write_text(text, encoding="utf-8")
    result = lint_imports(tmp_path)
    assert re.findall(r"^(.*) BROKEN", result.stdout, re.MULTILINE), result.stdout
    assert re.search(rf"^{re.escape(broken)}.* BROKEN", result.stdout, re.MULTILINE), result.stdout


# --- dependencies ---------------------------------------------------------------------------

# Declared, but used otherwise than by an import: in which file or folder, by which words.
USED_BY_NAME = {
    "aiosqlite": ("bot", "sqlite+aiosqlite"),
    "import-linter": ("pyproject.toml", "[tool.importlinter]"),
    "mypy": ("Makefile", "-m mypy"),
    "pytest-asyncio": ("pyproject.toml", "asyncio_mode"),
    "pytest-xdist": ("Makefile", "--numprocesses"),
    "ruff": ("Makefile", "-m ruff"),
    "setuptools": ("pyproject.toml", "setuptools.build_meta"),
    "types-jsonschema": ("tests", "import jsonschema"),
    "types-pyyaml": ("tests", "import yaml"),
}


def plain(name: str) -> str:
    return name.lower().replace("_", "-")


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def declared(*, dev: bool) -> set[str]:
    about = project()["project"]
    listed = about["optional-dependencies"]["dev"] if dev else about["dependencies"]
    return {plain(re.split(r"[\[<>=!~; ]", line, maxsplit=1)[0]) for line in listed}


def third_party_imports(roots: tuple[str, ...]) -> set[str]:
    """Return the distributions that the files below `roots` import."""
    names = {
        name.partition(".")[0]
        for path, tree in modules().items()
        if path.parts[0] in roots
        for node in ast.walk(tree)
        for name in imported_names(node)
    }
    distributions = packages_distributions()
    outside = names - set(sys.stdlib_module_names) - set(ROOTS)
    return {plain(distributions.get(name, [name])[0]) for name in outside}


def says(place: str, words: str) -> bool:
    start = ROOT / place
    files = start.rglob("*.py") if start.is_dir() else [start]
    return any(words in path.read_text("utf-8") for path in files)


def test_every_import_is_declared() -> None:
    assert third_party_imports(PACKAGES) - declared(dev=False) == set()
    assert third_party_imports(("tests",)) - declared(dev=False) - declared(dev=True) == set()


def test_every_declared_dependency_is_used() -> None:
    unused_at_run_time = declared(dev=False) - third_party_imports(PACKAGES)
    unused_in_tests = declared(dev=True) - third_party_imports(("tests",))
    unused = unused_at_run_time | unused_in_tests
    assert unused - set(USED_BY_NAME) == set()
    assert [name for name in unused if not says(*USED_BY_NAME[name])] == []


def test_every_dependency_has_its_line_in_the_documentation() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    run, develop = page.split("## To develop")
    assert set(re.findall(r"^\| `([\w-]+)` \|", run, re.MULTILINE)) == declared(dev=False)
    assert set(re.findall(r"^\| `([\w-]+)` \|", develop, re.MULTILINE)) == declared(dev=True)


def pins(lock: str) -> dict[str, str]:
    text = (ROOT / lock).read_text("utf-8")
    return dict(re.findall(r"^([a-z0-9][a-z0-9._-]*)==(\S+)", text, re.MULTILINE))


def test_the_lock_files_pin_everything_that_is_declared() -> None:
    run, develop = pins("requirements.lock"), pins("requirements-dev.lock")
    assert declared(dev=False) | {"setuptools"} <= set(run)
    assert declared(dev=True) <= set(develop)
    assert run.items() <= develop.items()


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_each_pin_has_a_hash_and_nothing_has_an_address(lock: str) -> None:
    text = (ROOT / lock).read_text("utf-8")
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(entries) == len(pins(lock))
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert re.findall(r"https?:|file:|--index|--find-links| @ ", text) == []


# --- packaging ------------------------------------------------------------------------------


def test_every_file_of_data_is_packaged() -> None:
    patterns: dict[str, list[str]] = project()["tool"]["setuptools"]["package-data"]
    taken = {
        path
        for package, globs in patterns.items()
        for glob in globs
        for path in (ROOT / package).glob(glob)
    }
    data = {
        path
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"}
    }
    assert {str(path.relative_to(ROOT)) for path in data - taken} == set()


def test_every_folder_of_code_is_a_package() -> None:
    folders = {path.parent for path in modules() if "migrations" not in path.parts}
    assert [str(path) for path in folders if not (ROOT / path / "__init__.py").exists()] == []


# --- image ----------------------------------------------------------------------------------


def dockerfile() -> list[tuple[str, str]]:
    """Return the instructions with their arguments, continued lines joined."""
    text = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines]


def copied_sources() -> list[str]:
    own = [text for word, text in dockerfile() if word == "COPY" and "--from" not in text]
    return [source for text in own for source in text.split()[:-1]]


def test_the_image_copies_what_exists_and_no_playground() -> None:
    sources = copied_sources()
    assert {"agents", "bot", "policies", "tools"} <= set(sources)
    assert {"playground", "tests"}.isdisjoint(sources)
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_the_builder_may_see_what_the_image_copies() -> None:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert {line[1:] for line in lines if line.startswith("!")} == set(copied_sources())


def test_the_image_does_not_run_as_root() -> None:
    users = [text for word, text in dockerfile() if word == "USER"]
    assert users
    assert users[-1] not in {"root", "0"}


def test_the_image_installs_only_what_is_pinned() -> None:
    installs = [text for word, text in dockerfile() if word == "RUN" and "pip install" in text]
    assert all("--require-hashes" in text or "--no-deps" in text for text in installs)
    assert not any("--no-deps" in text and "--no-build-isolation" not in text for text in installs)


def test_the_image_says_whether_it_is_well() -> None:
    checks = [text for word, text in dockerfile() if word == "HEALTHCHECK"]
    assert len(checks) == 1
    assert "/healthz" in checks[0]


# --- make, CI, licence ----------------------------------------------------------------------


def test_every_command_that_the_pages_name_is_a_target() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / ".ci" / "run"]
    named = {
        (path.name, target)
        for path in pages
        for target in re.findall(r"(?:`|^|step \S+ )make ([a-z][a-z-]*)", path.read_text("utf-8"))
    }
    assert {(page, target) for page, target in named if target not in targets} == set()


def test_the_ci_script_can_run() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", script], check=True)


def test_the_licence_is_the_whole_apache_licence() -> None:
    digest = hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest()
    # The text as apache.org publishes it.
    assert digest == "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"


# --- the network guard ----------------------------------------------------------------------

# 192.0.2.0/24 is set aside for documentation: RFC 5737.
ELSEWHERE = ("192.0.2.1", 9)


def test_a_connection_to_elsewhere_is_refused(loopback_only: LoopbackOnly) -> None:
    with socket.socket() as client, pytest.raises(LeftTheMachine):
        client.connect(ELSEWHERE)
    loopback_only.refused.clear()


def test_a_datagram_to_elsewhere_is_refused(loopback_only: LoopbackOnly) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
        pytest.raises(LeftTheMachine),
    ):
        client.sendto(b"x", ELSEWHERE)
    loopback_only.refused.clear()


def test_looking_up_a_name_is_refused(loopback_only: LoopbackOnly) -> None:
    with pytest.raises(LeftTheMachine):
        socket.getaddrinfo("slack.example", 443)
    loopback_only.refused.clear()


def test_the_guard_is_lifted_for_a_while_only() -> None:
    guard, elsewhere = LoopbackOnly(), (None, ("192.0.2.1", 443))
    with guard.lifted():
        guard("socket.connect", elsewhere)
    assert guard.refused == []
    with pytest.raises(LeftTheMachine):
        guard("socket.connect", elsewhere)


def test_listening_on_all_interfaces_is_refused(loopback_only: LoopbackOnly) -> None:
    with socket.socket() as server, pytest.raises(LeftTheMachine):
        server.bind(("", 0))
    loopback_only.refused.clear()


def test_a_swallowed_refusal_is_remembered(loopback_only: LoopbackOnly) -> None:
    with socket.socket() as client, contextlib.suppress(LeftTheMachine):
        client.connect(ELSEWHERE)
    remembered = list(loopback_only.refused)
    loopback_only.refused.clear()
    assert remembered == [f"socket.connect {ELSEWHERE[0]!r}"]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost", b"127.0.0.1", None])
def test_the_loopback_is_open(host: object) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "10.0.0.1", "slack.com", b"192.0.2.1"])  # noqa: S104 - the point is that it is refused
def test_everything_else_is_not(host: object) -> None:
    assert not is_loopback(host)
