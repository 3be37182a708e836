"""From the card to the deed and back: pauses, time, drift, and alerts that come and go."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playground.story import INCIDENTS, text_of
from tests.scenarios.plays import incident, sign_off
from tests.scenarios.stages import (
    Incident,
    Scene,
    break_something,
    card_of,
    events,
    eventually,
    staged,
    submit,
    thread,
)

SILENCE = "Silence HighErrorRatio"


@asynccontextmanager
async def paused(scene: Scene) -> AsyncIterator[None]:
    """Mia pauses Signoff; afterwards Ana, an operator, resumes it."""
    await scene.mia.command(INCIDENTS, "/signoff pause wait a moment")
    await scene.told(scene.mia, "Signoff is paused", INCIDENTS)
    yield
    await scene.ana.command(INCIDENTS, "/signoff resume looked")
    await scene.told(scene.ana, "Signoff goes on", INCIDENTS)


async def approved_while_paused(scene: Scene, found: Incident) -> None:
    """Ben signs off; it is stored, and waits."""
    card = await card_of(scene, found, rf"{found.rollback}[\s\S]*Signoff is paused")
    await scene.ben.click("Approve", INCIDENTS, card["ts"])
    await card_of(scene, found, r"\*Signed off\* by <@U0BEN>[\s\S]*Not begun yet")


async def resolved(scene: Scene, found: Incident) -> None:
    """Tell the bot, as Alertmanager does, that the alert is over; the faulty version stays."""
    world = scene.world
    async with scene.session.get(f"{world.base}/alertmanager/api/v2/alerts") as answer:
        alert = next(
            alert
            for alert in await answer.json()
            if alert["labels"]["service"] == found.fault.service
        )
    body = {
        "version": "4",
        "groupKey": "{}",
        "status": "resolved",
        "receiver": "signoff",
        "alerts": [{**alert, "status": "resolved", "endsAt": world.clock.now().isoformat()}],
    }
    async with scene.session.post(
        f"http://127.0.0.1:{world.bot_port}/webhooks/alertmanager",
        json=body,
        headers={"Authorization": f"Bearer {world.webhook_token}"},
    ) as taken:
        assert taken.status == 200, await taken.text()
    await scene.root(INCIDENTS, f"{found.fault.service} in staging[\\s\\S]*resolved at")


def other_version(scene: Scene, found: Incident) -> str:
    """Somebody deploys yet another known version, past Signoff; returns it."""
    number = int(found.fault.previous_version.removeprefix("v")) - 1
    version = f"v{number}"
    scene.world.shop.fleet.roll_to(found.fault.service, "staging", version)
    return version


async def test_what_is_signed_off_while_paused_waits_and_then_happens_once(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        found = await break_something(scene)
        async with paused(scene):
            await approved_while_paused(scene, found)
            # Longer than the worker's beat while it is held.
            await asyncio.sleep(1.5)
            assert scene.world.shop.effects == ()
        await card_of(scene, found, rf"{found.rollback}[\s\S]*\*Done\*")
        assert len(scene.world.shop.effects) == 1

        async def is_unmarked() -> bool:
            shown = "".join(text_of(message) for message in await thread(scene, found.root_ts))
            return "Signoff is paused" not in shown

        # Cosmetic, so it comes at Slack's pace.
        await eventually(is_unmarked)


async def test_a_pause_before_the_analysis_only_delays_it(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        async with paused(scene):
            fault = scene.world.inject()
            scene.world.forward(60)
            root = await scene.root(INCIDENTS, f"{fault.service} in staging[\\s\\S]*Paused")
        found = Incident(fault=fault, root_ts=root["ts"])
        await card_of(scene, found)
        assert "Paused" not in text_of(await scene.root(INCIDENTS, "HighErrorRatio"))


async def test_no_answer_is_a_no(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        found = await break_something(scene)
        old = await card_of(scene, found)
        scene.world.forward(2000)
        await card_of(scene, found, rf"{found.rollback}[\s\S]*\*Expired\*")
        await card_of(scene, found, rf"{SILENCE}[\s\S]*\*Expired\*")
        await scene.root(INCIDENTS, "HighErrorRatio[\\s\\S]*Expired; nothing was done")
        value = next(
            element["value"]
            for block in old["blocks"]
            for element in block.get("elements", [])
            if "value" in element
        )
        await scene.ben.forge("proposal.approve", INCIDENTS, old["ts"], value)
        await scene.told(scene.ben, "EXPIRED", INCIDENTS)
        assert scene.world.shop.effects == ()


async def test_an_alert_that_resolves_before_the_sign_off_is_told_on_the_card(
    tmp_path: Path,
) -> None:
    async with staged(tmp_path) as scene:
        found = await break_something(scene)
        await resolved(scene, found)
        await card_of(scene, found, rf"{found.rollback}[\s\S]*The alert resolved at")
        # Whoever signs off now has seen it: this is the fresh decision.
        await sign_off(scene, scene.ben, (INCIDENTS, found.root_ts), found.rollback)
        assert len(scene.world.shop.effects) == 1


async def test_an_alert_that_resolves_after_the_sign_off_stops_it(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        found = await break_something(scene)
        async with paused(scene):
            await approved_while_paused(scene, found)
            await resolved(scene, found)
        card = text_of(await card_of(scene, found, rf"{found.rollback}[\s\S]*\*Not done\*"))
        assert "The alert resolved after the sign-off" in card
        assert scene.world.shop.effects == ()
        moved = [e for e in await events(scene) if e["decision"] == "DRIFTED"]
        assert [event["reasons"] for event in moved] == [["ALERT_RESOLVED"]]


async def test_a_state_that_moved_after_the_sign_off_is_not_overwritten(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        found = await break_something(scene)
        async with paused(scene):
            await approved_while_paused(scene, found)
            version = other_version(scene, found)
        card = text_of(await card_of(scene, found, rf"{found.rollback}[\s\S]*\*Not done\*"))
        assert f"`deployed` is `{version}` now, not `{found.fault.version}`" in card
        assert scene.world.shop.effects == ()


async def test_an_alert_that_comes_back_is_told_in_its_thread(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        found = await incident(scene)
        scene.world.inject(found.fault.service)
        scene.world.forward(60)
        await scene.reply(INCIDENTS, found.root_ts, "Still firing[\\s\\S]*2nd time")


async def test_an_alert_that_comes_back_after_the_end_goes_on_in_its_thread(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        found = await incident(scene)
        silence = await card_of(scene, found, SILENCE)
        await scene.ana.click("Reject…", INCIDENTS, silence["ts"])
        await submit(scene.ana, {"reason": "it is over"})
        await scene.root(INCIDENTS, r"HighErrorRatio[\s\S]*\*Finished\*")
        again = scene.world.inject(found.fault.service)
        scene.world.forward(60)
        await scene.reply(INCIDENTS, found.root_ts, "Again: HighErrorRatio")
        await card_of(scene, found, f"{again.service} from {again.version} to")


async def test_the_one_click_rollback_ends_with_its_window(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        found = await incident(scene)
        verdict = await card_of(scene, found, r"Worked[\s\S]*Roll back")
        value = next(
            element["value"]
            for block in verdict["blocks"]
            for element in block.get("elements", [])
            if "value" in element
        )
        scene.world.forward(3700)
        # The button goes by itself; a click that was under way is refused all the same.
        closed = await card_of(scene, found, "The time to undo it with one click ended")
        assert closed["ts"] == verdict["ts"]
        assert "proposal.roll_back" not in str(closed["blocks"])
        await scene.ben.forge("proposal.roll_back", INCIDENTS, verdict["ts"], value)
        await scene.told(scene.ben, "WINDOW_CLOSED", INCIDENTS)
        assert len(scene.world.shop.effects) == 1
        # From then on undoing is a proposal of its own; the command asks for it in a form.
        task_id = value.rsplit("-", 1)[0]
        await scene.ben.command(INCIDENTS, f"/signoff rollback {task_id}")
        await submit(scene.ben, {})
        await scene.told(scene.ben, "somebody else signs it off", INCIDENTS)
        asked = await card_of(scene, found, r"Why this card[\s\S]*This undoes")
        await scene.ben.click("Approve", INCIDENTS, asked["ts"])
        await scene.told(scene.ben, "IS_REQUESTER", INCIDENTS)
        await scene.ana.click("Approve", INCIDENTS, asked["ts"])
        await card_of(scene, found, r"\*Undone\* by proposal")
        assert len(scene.world.shop.effects) == 2


async def test_a_rollback_does_not_overwrite_what_came_since(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        found = await incident(scene)
        version = other_version(scene, found)
        verdict = await card_of(scene, found, "Worked")
        await scene.ben.click("Roll back", INCIDENTS, verdict["ts"])
        shown = text_of(await card_of(scene, found, r"\*Not rolled back"))
        assert f"`deployed` is `{version}` now, not `{found.fault.previous_version}`" in shown
        assert len(scene.world.shop.effects) == 1


async def test_a_pause_holds_a_rollback_too(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        found = await incident(scene)
        verdict = await card_of(scene, found, "Worked")
        async with paused(scene):
            await scene.ben.click("Roll back", INCIDENTS, verdict["ts"])
            await card_of(scene, found, r"\*Rolling back\*, asked by <@U0BEN>")
            await asyncio.sleep(1.5)
            assert len(scene.world.shop.effects) == 1
        await card_of(scene, found, r"\*Rolled back\* by <@U0BEN>")
        assert len(scene.world.shop.effects) == 2
