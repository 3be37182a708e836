"""300 tasks of both halves, and `kill -9` at random: nothing is lost, and nothing happens twice.

The same story is played twice with one seed: once in peace, once under the reaper. Outside systems
take their time over every change in both, so that kills hit effects in the middle.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.clock import SharedClock
from tests.benchmarks.conftest import Show
from tests.chaos.accounts import (
    picture,
    proof,
    require_done,
    require_effects,
    require_told,
    states,
)
from tests.chaos.flight import Flight, Reaper, slowly
from tests.chaos.story import Size, play
from tests.scenarios.outages import Picture, posted_twice, require_equal
from tests.scenarios.stages import Scene, events, require_sound, staged

SIZE = Size()
KILLS = 25
TUESDAY = 1


@dataclass(kw_only=True)
class Ended:
    """How a play ended, and what the table tells of it."""

    states: dict[str, str]
    picture: Picture
    row: list[object] = field(default_factory=list)


def at_night(folder: Path) -> None:
    """Begin early on a Tuesday: within the hours of the story no digest is due, no day ends."""
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    ahead = timedelta(days=(TUESDAY - now.weekday()) % 7 or 7)
    begins = (now + ahead).replace(hour=1, minute=0, second=0, microsecond=0)
    SharedClock(folder / "clock.json").forward((begins - now).total_seconds())


async def judged(scene: Scene, name: str, reaper: Reaper | None, since: float) -> Ended:
    """Check what holds for both plays; what must be equal is returned."""
    record = await events(scene)
    created = [event for event in record if event["kind"] == "task.created"]
    assert len(created) == SIZE.tasks, f"{len(created)} tasks were created"
    effects = await require_effects(scene, SIZE)
    require_done(record, effects)
    unknown = require_told(scene, record)
    assert posted_twice(scene) == []
    await require_sound(scene)
    found = await proof(scene)
    assert found.is_sound, found.faults
    assert found.given is not None
    kills = 0 if reaper is None else reaper.kills
    hits = "-" if reaper is None else f"{reaper.with_effects} ({reaper.effects})"
    took_s = round(time.monotonic() - since)
    row = [name, kills, scene.world.bot.restarts, hits, len(created), effects, unknown]
    row += [found.chain.events, found.given.size, took_s]
    return Ended(states=states(scene), picture=await picture(scene), row=row)


async def in_peace(folder: Path, seed: int) -> Ended:
    """Play the story without a kill."""
    since = time.monotonic()
    at_night(folder)
    async with staged(folder, seed=seed, quiet=True) as scene:
        slowly(scene, seed)
        await play(scene, Flight(scene), SIZE)
        assert scene.world.bot.restarts == 0
        return await judged(scene, "in peace", None, since)


async def reaped(folder: Path, seed: int) -> Ended:
    """Play the story while the bot is killed again and again."""
    since = time.monotonic()
    at_night(folder)
    async with staged(folder, seed=seed, quiet=True) as scene:
        slowly(scene, seed)
        flight = Flight(scene)
        reaper = Reaper(scene, flight, seed)
        async with reaper.reaps():
            await play(scene, flight, SIZE)
        assert reaper.kills >= KILLS
        assert scene.world.bot.restarts == reaper.kills
        return await judged(scene, "kill -9", reaper, since)


HEAD: Sequence[object] = (
    "story",
    "kills",
    "restarts",
    "with effects in hand",
    "tasks",
    "effects",
    "unknown, told",
    "events verified",
    "up to a checkpoint",
    "s",
)


async def test_300_tasks_end_alike_whether_the_bot_is_killed_or_not(
    killing_seed: int, tmp_path: Path, show: Show
) -> None:
    wanted = await in_peace(tmp_path / "peace", killing_seed)
    assert set(wanted.states.values()) == {"COMPLETED", "RECOVERED"}
    seen = await reaped(tmp_path / "reaped", killing_seed)
    show(f"{SIZE.tasks} tasks, seed {killing_seed}", [HEAD, wanted.row, seen.row])
    assert seen.states == wanted.states
    require_equal(seen.picture, wanted.picture)
