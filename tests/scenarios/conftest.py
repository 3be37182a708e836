"""Tells the seed at the head of a run."""

import pytest

from tests.scenarios.seeds import KILLING_SEED, OPTION


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(OPTION, type=int, help="the seed of the stories that are killed")


def pytest_report_header() -> str:
    return f"killing seed: {KILLING_SEED}"
