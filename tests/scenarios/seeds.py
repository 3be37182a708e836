"""The seeds of the stories that are killed: another one each run, told at its head.

`make test ARGS='--killing-seed 42'` plays with a seed of one's own, `--killing-rounds 20` with that
many, one after the other. A test that takes `killing_seed` is played once with each, and has it in
its name.
"""

import secrets
from typing import Any, Protocol

import pytest

SEED, ROUNDS, FIXTURE = "--killing-seed", "--killing-rounds", "killing_seed"
_chosen = pytest.StashKey[int]()


class Node(Protocol):
    """A worker of pytest-xdist, which ships no types."""

    config: pytest.Config
    workerinput: dict[str, Any]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(SEED, type=int, help="the first seed of the stories that are killed")
    parser.addoption(ROUNDS, type=int, default=1, help="with how many seeds they are played")


def pytest_configure(config: pytest.Config) -> None:
    # Drawn once a run: every worker must collect the same tests.
    told: dict[str, Any] = getattr(config, "workerinput", {})
    given = told.get(FIXTURE, config.getoption(SEED))
    config.stash[_chosen] = secrets.randbelow(10_000) if given is None else given


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Node) -> None:
    node.workerinput[FIXTURE] = node.config.stash[_chosen]


def pytest_report_header(config: pytest.Config) -> str:
    seeds = _seeds(config)
    return f"killing seeds: {seeds[0]} to {seeds[-1]}" if seeds[1:] else f"killing seed: {seeds[0]}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if FIXTURE in metafunc.fixturenames:
        metafunc.parametrize(FIXTURE, _seeds(metafunc.config), ids=lambda seed: f"seed{seed}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put all that is played with one seed together: the story to compare with is played once."""
    if config.getoption(ROUNDS) > 1:
        items.sort(key=_seed_of)


def _seeds(config: pytest.Config) -> range:
    first = config.stash[_chosen]
    return range(first, first + max(1, config.getoption(ROUNDS)))


def _seed_of(item: pytest.Item) -> int:
    callspec = getattr(item, "callspec", None)
    return -1 if callspec is None else int(callspec.params.get(FIXTURE, -1))
