"""The machine's clock jumps by an hour, back and ahead, in the middle of a story."""

import json
from pathlib import Path

from playground.story import INCIDENTS
from tests.scenarios.plays import sign_off
from tests.scenarios.stages import (
    Scene,
    break_something,
    card_of,
    events,
    eventually,
    require_sound,
    staged,
)

HOUR_S = 3600.0


def jump(scene: Scene, seconds: float) -> None:
    """Move the clock of everybody; fast-forward alone never goes back."""
    path = scene.world.plan.folder / "clock.json"
    offset_s = json.loads(path.read_text(encoding="utf-8"))["offset_s"] + seconds
    fresh = path.with_suffix(".jump")
    fresh.write_text(json.dumps({"offset_s": offset_s}), encoding="utf-8")
    fresh.replace(path)


async def noticed(scene: Scene, by_s: float) -> None:
    """Wait until the bot has the jump on record."""

    async def look() -> bool:
        found = [e for e in await events(scene) if e["kind"] == "clock.jumped"]
        return any(abs(event["data"]["by_s"] - by_s) <= 3 for event in found)

    await eventually(look)


async def test_set_back_by_an_hour_the_story_goes_on_at_once(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        found = await break_something(scene)
        # Who is in the group is read now, and would be from the future after the jump.
        card = await card_of(scene, found)
        await scene.mia.click("Approve", INCIDENTS, card["ts"])
        await scene.told(scene.mia, "NOT_IN_GROUP", INCIDENTS)
        jump(scene, -HOUR_S)
        await noticed(scene, -HOUR_S)
        await sign_off(scene, scene.ben, (INCIDENTS, found.root_ts), found.rollback)
        assert len(scene.world.shop.effects) == 1
        await require_sound(scene)


async def test_an_hour_ahead_a_card_expires_and_back_again_it_stays_expired(
    tmp_path: Path,
) -> None:
    async with staged(tmp_path) as scene:
        found = await break_something(scene)
        jump(scene, HOUR_S)
        await noticed(scene, HOUR_S)
        await card_of(scene, found, rf"{found.rollback}[\s\S]*\*Expired\*")
        jump(scene, -HOUR_S)
        await noticed(scene, -HOUR_S)
        again = await break_something(scene)
        await sign_off(scene, scene.ben, (INCIDENTS, again.root_ts), again.rollback)
        assert len(scene.world.shop.effects) == 1
        await require_sound(scene)
