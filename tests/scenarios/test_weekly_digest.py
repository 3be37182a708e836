"""The weekly digest comes by itself, once a slot, and says when it is late."""

from pathlib import Path

from playground.story import MARKETING, Message, text_of
from tests.scenarios.stages import Scene, eventually, staged

WEEK_S = 7 * 86_400


async def digests(scene: Scene) -> list[Message]:
    """Return the digests in #marketing that are read to the end, oldest first."""
    messages = await scene.mia.messages(MARKETING)
    return [message for message in messages if "Figures as of" in text_of(message)]


async def test_a_digest_comes_every_week_once_and_says_that_it_is_late(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        for week in (1, 2):
            scene.world.forward(WEEK_S)

            async def look(count: int = week) -> list[Message] | None:
                found = await digests(scene)
                return found if len(found) >= count else None

            found = await eventually(look)
            assert len(found) == week
            assert "asked by Schedule" in text_of(found[-1])
            assert "Late: it was due at Mon" in text_of(found[-1])
