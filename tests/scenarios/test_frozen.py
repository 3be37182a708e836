"""The bot is frozen past the end of its lease in the middle of an effect, and woken again."""

import asyncio
import time
from collections import Counter
from pathlib import Path

import pytest

from bot.store.dispatch import LEASE_S
from playground.story import INCIDENTS, Message
from tests.scenarios.plays import Sword, quiet_ending
from tests.scenarios.stages import (
    Scene,
    break_something,
    card_of,
    events,
    eventually,
    press,
    staged,
)
from tests.scenarios.test_kill_points import (
    Uninterrupted,
    require_ending,
    require_restarts,
    require_told,
    rollbacks,
)


async def frozen(scene: Scene) -> None:
    """Wait until the bot stands still."""

    async def look() -> bool:
        return scene.world.bot.is_frozen

    await eventually(look)


async def worked(scene: Scene, root_ts: str) -> Message:
    """Let the verdict come, and the alert end."""
    scene.world.forward(90)
    found = await scene.reply(INCIDENTS, root_ts, "Worked")
    await scene.root(INCIDENTS, "in staging[\\s\\S]*resolved at")
    return found


async def test_frozen_past_its_lease_after_the_intent_it_acts_once(
    killing_seed: int, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    sword = Sword(tmp_path, "freeze:intent.written")
    async with staged(tmp_path, bot_env=sword.env, seed=killing_seed) as scene:
        found = await break_something(scene)
        place = (INCIDENTS, found.root_ts)
        sword.draw()
        card = await card_of(scene, found)
        assert await press(scene.ben, "Approve", INCIDENTS, card["ts"]) is None
        await frozen(scene)
        since = time.monotonic()
        # Meanwhile the same story is told elsewhere without a pause.
        uninterrupted = await Uninterrupted(tmp_path_factory).ending("worked", killing_seed)
        assert scene.world.shop.effects == ()
        await asyncio.sleep(LEASE_S + 1 - (time.monotonic() - since))
        scene.world.bot.wake()
        await card_of(scene, found, rf"{found.rollback}[\s\S]*\*Done\*")
        await worked(scene, found.root_ts)
        await require_ending(scene, place, uninterrupted)
        assert (await quiet_ending(scene, *place)) == uninterrupted
        assert rollbacks(scene) == [found.fault.previous_version]
        await require_restarts(scene, 0)
        kinds = Counter(event["kind"] for event in await events(scene))
        assert (kinds["intent.written"], kinds["outcome.written"]) == (1, 1)
        # Nobody else could claim it, so nothing is unknown.
        await require_told(scene, "outcome.written", "forward")
