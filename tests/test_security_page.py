"""`docs/security.md` against the code: each promise names tests that exist and run."""

import argparse
import ast
import re
from functools import cache

import pytest

from bot.cli import _parser
from tests.test_conventions import FUNCTIONS, ROOT, Function

PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
AREAS = (
    *("Policy", "Approvals", "Ledger", "Secrets"),
    *("Ingestion", "Controls", "Effects", "Durability"),
)
PROMISE = re.compile(
    r"^\| P(?P<number>\d+) \| (?P<words>[^|]+) \| (?P<tests>[^|]*) \|$", re.MULTILINE
)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
COMMAND = re.compile(r"`signoff ((?:[a-z]+ ?)+)")
# A condition (`skipif`) is another matter: what runs in CI is told by the condition.
SKIPS = {"skip", "xfail"}


def promised() -> str:
    return PAGE.split("\n## What is promised\n")[1].split("\n## ")[0]


PROMISES = [match.groupdict() for match in PROMISE.finditer(promised())]


@cache
def collected(path: str) -> dict[str, Function]:
    """Return the tests of a file that pytest collects, by name."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {
        node.name: node
        for node in tree.body
        if isinstance(node, FUNCTIONS) and node.name.startswith("test_")
    }


def marks(function: Function) -> set[str]:
    """Return the names after the last point of everything that decorates a function."""
    return {
        node.attr
        for decorator in function.decorator_list
        for node in ast.walk(decorator)
        if isinstance(node, ast.Attribute)
    }


def test_the_page_promises_something_in_every_area() -> None:
    areas = re.split(r"^### ", promised(), flags=re.MULTILINE)[1:]
    assert [area.splitlines()[0] for area in areas] == list(AREAS)
    assert [area.splitlines()[0] for area in areas if not PROMISE.search(area)] == []


def test_promises_are_numbered_in_order_and_no_row_of_them_is_malformed() -> None:
    numbers = [int(promise["number"]) for promise in PROMISES]
    assert numbers == list(range(1, len(numbers) + 1))
    rows = [line for line in promised().splitlines() if line.startswith("| P")]
    assert len(rows) == len(PROMISES)


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: f"P{promise['number']}")
def test_each_promise_is_a_sentence_that_tests_hold(promise: dict[str, str]) -> None:
    assert re.fullmatch(r"[A-Z].*\.", promise["words"])
    named = TEST.findall(promise["tests"])
    assert named != []
    # Nothing else stands there: no test that is only almost named.
    assert TEST.sub("", promise["tests"]).strip() == ""
    for path, name in named:
        assert name in collected(path), f"{path} has no {name}"
        assert marks(collected(path)[name]) & SKIPS == set()


def test_numbers_that_the_page_refers_to_are_promised() -> None:
    referred = {int(number) for number in re.findall(r"\bP(\d+)\b", PAGE)}
    assert referred <= {int(promise["number"]) for promise in PROMISES}


def test_every_command_that_the_page_names_exists() -> None:
    named = {words.strip() for words in COMMAND.findall(PAGE)}
    assert len(named) >= 7
    for words in named:
        parser = _parser()
        for word in words.split():
            if not (choices := _choices(parser)):
                # What follows are arguments.
                break
            assert word in choices, f"`signoff {words}`"
            parser = choices[word]


def _choices(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def test_every_link_of_the_page_leads_somewhere() -> None:
    titles = re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        if target.startswith("#"):
            assert target[1:] in anchors, target
        else:
            assert (ROOT / "docs" / target.partition("#")[0]).exists(), target
