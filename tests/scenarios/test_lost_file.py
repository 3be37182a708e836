"""A database that is moved away under a running Signoff ends it, with a clear word."""

import re
from pathlib import Path

from tests.scenarios.stages import eventually, staged


async def test_a_database_that_is_moved_away_ends_the_bot_with_a_clear_word(tmp_path: Path) -> None:
    said = re.compile(r"^signoff: `[^`]*signoff\.db` was moved, removed or replaced", re.M)
    async with staged(tmp_path) as scene:
        folder = scene.world.plan.folder
        (folder / "signoff.db").rename(folder / "aside.db")
        before = (folder / "aside.db").read_bytes()

        async def has_ended() -> bool:
            return said.search((folder / "bot.log").read_text(encoding="utf-8")) is not None

        await eventually(has_ended)
        assert (folder / "aside.db").read_bytes() == before
