"""Slack at its worst, all of it in one incident: each thing is said once, and done once."""

import asyncio
from pathlib import Path

from playground.story import INCIDENTS
from tests.scenarios.plays import quiet_ending
from tests.scenarios.stages import (
    WITHIN_S,
    Scene,
    break_something,
    card_of,
    events,
    eventually,
    staged,
)


async def connected(scene: Scene) -> None:
    """Wait until the bot has a socket again."""

    async def is_there() -> bool:
        return scene.world.workspace.is_app_there

    await eventually(is_there, WITHIN_S)


async def test_an_incident_survives_every_fault_of_slack(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        slack = scene.world.workspace
        slack.faults.fail("chat.postMessage", 500, times=2)
        slack.faults.fail("chat.update", 503, times=2)
        slack.faults.lose_answer("chat.postMessage")
        slack.faults.slow_down("chat.postMessage", 2)
        found = await break_something(scene)
        slack.restart()
        await connected(scene)
        card = await card_of(scene, found)
        slack.faults.duplicate_next()
        slack.faults.meet_next(2)
        outcomes = await asyncio.gather(
            scene.ana.click("Approve", INCIDENTS, card["ts"]),
            scene.ben.click("Approve", INCIDENTS, card["ts"]),
            return_exceptions=True,
        )
        assert list(outcomes) == [None, None]
        slack.cut_sockets()
        await scene.ana.sees("*Done*", INCIDENTS, found.root_ts)
        scene.world.forward(90)
        await scene.reply(INCIDENTS, found.root_ts, "Worked")
        await connected(scene)
        slack.faults.delay_next(2)
        slack.faults.reorder_next()
        await scene.ana.command(INCIDENTS, "/signoff status")
        await scene.told(scene.ana, "Signoff", INCIDENTS)
        seen = await quiet_ending(scene, INCIDENTS, found.root_ts)
        assert len(seen.texts) == seen.posted
        assert len(scene.world.shop.effects) == 1
        record = [event["kind"] for event in await events(scene)]
        # On-call is one group, and one of it is enough: whoever came second is told so.
        assert record.count("vote.cast") == 1
        assert scene.world.bot.restarts == 0
