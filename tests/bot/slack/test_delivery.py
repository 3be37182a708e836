"""What goes wrong on the way from and to Slack: nothing happens twice, and nothing is lost."""

from pathlib import Path

import pytest

from playground.story import INCIDENTS, MARKETING, Stage
from tests.scenarios.plays import brief, incident, plan_campaign, quiet_ending, sign_off, undo
from tests.scenarios.stages import (
    break_something,
    events,
    eventually,
    keys_posted,
    staged,
    submit,
    thread,
)


async def kinds(stage: Stage) -> list[str]:
    return [event["kind"] for event in await events(stage)]


async def test_clicks_commands_and_forms_that_arrive_twice_count_once(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        found = await break_something(scene)
        scene.world.workspace.duplicate_next()
        await sign_off(scene, scene.ben, (INCIDENTS, found.root_ts), found.rollback)
        scene.world.workspace.duplicate_next()
        await scene.mia.command(MARKETING, "/launch-campaign")
        scene.world.workspace.duplicate_next()
        await submit(scene.mia, brief(scene))
        root = await scene.root(MARKETING, "Campaign Autumn sale")
        await scene.reply(MARKETING, root["ts"], "Create the campaign")
        scene.world.workspace.duplicate_next()
        await scene.mia.command(INCIDENTS, "/triage shipping production")
        await scene.root(INCIDENTS, "Triage of shipping in production")
        record = await kinds(scene)
        assert record.count("vote.cast") == 1
        assert record.count("click.refused") == 0
        assert record.count("task.created") == 3
        assert len(scene.world.shop.effects) == 1
        assert [m for m in await scene.ben.ephemerals() if m] == []


async def test_being_told_to_wait_delays_and_loses_nothing(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        scene.world.workspace.rate_limit("chat.postMessage", 1, times=2)
        scene.world.workspace.rate_limit("chat.update", 1)
        found = await incident(scene)
        seen = await quiet_ending(scene, INCIDENTS, found.root_ts)
        assert len(seen.texts) == seen.posted == 7


@pytest.mark.parametrize("method", ["chat.postMessage", "chat.update"])
async def test_a_lost_answer_posts_nothing_twice(method: str, tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        scene.world.workspace.lose_answer(method, times=2)
        found = await incident(scene)
        await undo(scene, found)
        seen = await quiet_ending(scene, INCIDENTS, found.root_ts)
        assert len(seen.texts) == seen.posted == 7
        roots = [m for m in await scene.ana.messages(INCIDENTS) if m.get("thread_ts") is None]
        assert len(roots) == 0
        assert len(scene.world.shop.effects) == 2


async def test_a_lost_answer_to_a_person_does_not_end_the_bot(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        scene.world.workspace.lose_answer("chat.postEphemeral")
        found = await break_something(scene)
        card = await scene.reply(INCIDENTS, found.root_ts, found.rollback)
        await scene.mia.click("Approve", INCIDENTS, card["ts"])
        await scene.told(scene.mia, "NOT_IN_GROUP", INCIDENTS)
        scene.world.forward(60)
        await sign_off(scene, scene.ben, (INCIDENTS, found.root_ts), found.rollback)
        assert scene.world.bot.restarts == 0


async def test_a_new_socket_in_the_middle_loses_no_click(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        found = await break_something(scene)
        await scene.world.workspace.refresh_sockets()

        async def is_new() -> bool:
            return bool(scene.world.workspace.sockets)

        await eventually(is_new)
        await sign_off(scene, scene.ben, (INCIDENTS, found.root_ts), found.rollback)
        assert scene.world.bot.restarts == 0
        assert len(scene.world.shop.effects) == 1


async def test_the_same_brief_again_is_the_same_task(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        root_ts = await plan_campaign(scene)
        await scene.reply(MARKETING, root_ts, "Create the campaign")
        await scene.mia.command(MARKETING, "/launch-campaign")
        await submit(scene.mia, brief(scene))
        await scene.told(scene.mia, "under way already", MARKETING)
        assert len(await thread(scene, root_ts, MARKETING)) == len(keys_posted(scene)) == 3
