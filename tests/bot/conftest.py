"""A store on a file of the test's own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bot.world import FakeClock, World, opened


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[World]:
    """An open store with a clock that stands still."""
    async with opened(tmp_path / "signoff.db", FakeClock()) as world:
        yield world
