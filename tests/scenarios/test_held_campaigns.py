"""Campaigns that lead to an incident are held; what is signed off in a frozen task waits."""

import re
from pathlib import Path

from playground.story import INCIDENTS, text_of
from tests.scenarios.stages import break_something, card_of, events, eventually, staged


async def test_campaigns_that_lead_to_an_incident_are_held_and_a_pause_is_proposed(
    tmp_path: Path,
) -> None:
    async with staged(tmp_path) as scene:
        found = await break_something(scene)
        listed = await scene.reply(INCIDENTS, found.root_ts, "Campaigns that lead here")
        assert "`Winter boots`: active" in text_of(listed)
        assert "Back to school" not in text_of(listed)
        await scene.mia.click("Hold", INCIDENTS, listed["ts"])
        await scene.told(scene.mia, "Held: `Winter boots`", INCIDENTS)
        await scene.reply(INCIDENTS, found.root_ts, r"`Winter boots`[\s\S]*\*held\* by <@U0MIA>")
        root = await scene.root(INCIDENTS, "Pause campaign Winter boots")
        # The hold lets a pause through: its card asks, and is not denied.
        await scene.reply(INCIDENTS, root["ts"], r"Pause the campaign[\s\S]*Needs \*1\*")


async def test_what_is_signed_off_in_a_frozen_task_waits_for_an_operator(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        found = await break_something(scene)
        card = await card_of(scene, found)
        root = await scene.root(INCIDENTS, "in staging")
        task = re.search(r"T-[A-Z0-9]+", text_of(root))
        assert task is not None
        await scene.mia.command(INCIDENTS, f"/signoff freeze {task[0]} let me look <!here>")
        frozen = rf"{found.rollback}[\s\S]*This task is frozen[\s\S]*&lt;!here&gt;"
        await scene.reply(INCIDENTS, found.root_ts, frozen)
        await scene.ben.click("Approve", INCIDENTS, card["ts"])
        await card_of(scene, found, r"\*Signed off\* by <@U0BEN>[\s\S]*Not begun yet")
        assert scene.world.shop.effects == ()
        await scene.mia.command(INCIDENTS, f"/signoff unfreeze {task[0]} looked")
        await scene.told(scene.mia, "Only members of `operators`", INCIDENTS)
        await scene.ana.command(INCIDENTS, f"/signoff unfreeze {task[0]} looked")
        await card_of(scene, found, rf"{found.rollback}[\s\S]*\*Done\*")
        assert len(scene.world.shop.effects) == 1

        async def told() -> list[str]:
            said = await scene.ana.messages("C0OPERATIONS")
            return [text_of(one) for one in said if task[0] in text_of(one)]

        assert len(await eventually(told)) >= 1
        kinds = [event["kind"] for event in await events(scene)]
        assert kinds.count("task.frozen") == kinds.count("task.unfrozen") == 1
        assert kinds.count("command.refused") == 1
