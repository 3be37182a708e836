"""An effect that nobody can tell of is told, asked about, and in the end settled by a person."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playground.story import INCIDENTS, Message, text_of
from playground.valve import Flow
from tests.scenarios.stages import (
    Incident,
    Scene,
    break_something,
    card_of,
    events,
    require_sound,
    staged,
)

QUESTION = "Did this happen[\\s\\S]*nobody but you can tell"


@asynccontextmanager
async def unclear(
    folder: Path, call: Flow, bot_env: dict[str, str] | None = None
) -> AsyncIterator[tuple[Scene, Incident, Message]]:
    """A rollback whose call ends so, while nobody tells what became of it; yields its card."""
    async with staged(folder, bot_env=bot_env) as scene:
        found = await break_something(scene)
        card = await card_of(scene, found)
        scene.world.valves["shop"].turn(call, only="POST", times=1)
        scene.world.valves["shop"].turn(Flow.REFUSING, only="by-key")
        await scene.ben.click("Approve", INCIDENTS, card["ts"])
        await card_of(scene, found, r"Unknown whether it happened[\s\S]*asking the outside system")
        for wait_s in (11, 21, 41, 61):
            scene.world.forward(wait_s)
            if await escalated(scene):
                break
        yield scene, found, await card_of(scene, found, QUESTION)


async def escalated(scene: Scene) -> bool:
    """Say whether a person is asked by now; the clock is ahead of the bot's questions."""

    async def look() -> bool:
        return any(event["kind"] == "effect.escalated" for event in await events(scene))

    try:
        await scene.ana.eventually(look, timeout_s=2)
    except TimeoutError:
        return False
    return True


async def test_a_person_who_saw_it_settles_what_happened(tmp_path: Path) -> None:
    async with unclear(tmp_path, Flow.LOSING) as (scene, found, question):
        words = text_of(question)
        assert re.search(r"signoff-T-\w+-\d+-forward", words), "the key to look for"
        assert "<!subteam^S0ONCALL>" in words
        await card_of(scene, found, rf"{found.rollback}[\s\S]*Somebody has to look")
        await scene.mia.click("It happened", INCIDENTS, question["ts"])
        await scene.told(scene.mia, "NOT_IN_GROUP", INCIDENTS)
        await scene.ben.click("It happened", INCIDENTS, question["ts"])
        await card_of(scene, found, r"Settled\.\* <@U0BEN> looked: it happened")
        scene.world.valves["shop"].open()
        scene.world.forward(90)
        await card_of(scene, found, "Worked")
        assert len(scene.world.shop.effects) == 1
        await require_sound(scene)


async def test_what_a_person_did_not_find_has_failed_and_is_not_tried_again(
    tmp_path: Path,
) -> None:
    async with unclear(tmp_path, Flow.REFUSING) as (scene, found, question):
        await scene.ben.click("It did not happen", INCIDENTS, question["ts"])
        await card_of(scene, found, r"Settled\.\* <@U0BEN> looked: it did not happen")
        await card_of(scene, found, rf"{found.rollback}[\s\S]*\*Failed\*[\s\S]*did not happen")
        scene.world.valves["shop"].open()
        scene.world.forward(120)
        # A second opinion, from a card that was not drawn anew yet.
        value = next(
            element["value"]
            for block in question["blocks"]
            for element in block.get("elements", [])
            if "value" in element
        )
        await scene.ana.forge("unknown.happened", INCIDENTS, question["ts"], value)
        await scene.told(scene.ana, "ALREADY_DECIDED", INCIDENTS)
        assert scene.world.shop.effects == ()


async def test_an_answer_that_comes_at_last_settles_it_without_a_person(tmp_path: Path) -> None:
    async with unclear(tmp_path, Flow.LOSING) as (scene, found, question):
        scene.world.valves["shop"].open()
        scene.world.forward(61)
        settled = await card_of(scene, found, "The outside system answered at last")
        assert settled["ts"] == question["ts"]
        await card_of(scene, found, rf"{found.rollback}[\s\S]*\*Done\*")
        assert len(scene.world.shop.effects) == 1
        kinds = [event["kind"] for event in await events(scene)]
        assert kinds.count("effect.escalated") == 1
        assert kinds.count("effect.reconciled") == 1
