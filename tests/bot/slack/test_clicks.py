"""Wrong clickers, over the real bot: a click that may not count changes nothing and is told why."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from playground.story import INCIDENTS, Message, text_of
from playground.workspace.client import Person
from playground.workspace.model import User
from tests.scenarios.plays import incident, sign_off
from tests.scenarios.stages import (
    Incident,
    Scene,
    break_something,
    card_of,
    events,
    eventually,
    staged,
    thread,
)


@dataclass(frozen=True, kw_only=True)
class Pending:
    """A thread with two cards that nobody has decided."""

    scene: Scene
    incident: Incident
    rollback: Message
    silence: Message


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pending(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pending]:
    """One world for all clicks that change nothing; in the end nothing has changed."""
    async with staged(tmp_path_factory.mktemp("pending")) as scene:
        found = await break_something(scene)
        here = Pending(
            scene=scene,
            incident=found,
            rollback=await card_of(scene, found),
            silence=await card_of(scene, found, "Silence HighErrorRatio"),
        )
        yield here
        record = await events(scene)
        assert [event for event in record if event["kind"] == "vote.cast"] == []
        assert scene.world.shop.effects == ()
        for card in (here.rollback, here.silence):
            now = await card_of(scene, found, text_of(card).splitlines()[0])
            assert text_of(now) == text_of(card)


def value_of(card: Message, action_id: str = "proposal.approve") -> str:
    """Return what a card's button carries."""
    return next(
        str(element["value"])
        for block in card["blocks"]
        for element in block.get("elements", [])
        if element.get("action_id") == action_id
    )


async def is_refused(scene: Scene, person: Person, reason: str) -> None:
    """Wait until the person, and the record, are told why a click changed nothing."""
    await scene.told(person, reason, INCIDENTS)
    voter = f"T0PLAY/{person.user_id}"
    refused = [event for event in await events(scene) if event["kind"] == "click.refused"]
    assert [voter, [reason]] in [[event["actor"]["id"], event["reasons"]] for event in refused]


ROBOT = User(id="U0ROBOT", name="robot", real_name="Robot", is_bot=True)
GUEST = User(id="U0GUEST", name="gus", real_name="Gus", is_restricted=True)
GONE = User(id="U0GONE", name="gone", real_name="Gone", is_deleted=True)
OUTSIDER = User(id="U0EVE", name="eve", real_name="Eve")


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("user", "group", "reason"),
    [
        (OUTSIDER, None, "NOT_IN_GROUP"),
        (ROBOT, "S0ONCALL", "IS_BOT"),
        (GUEST, "S0ONCALL", "IS_GUEST"),
        (GONE, "S0ONCALL", "IS_BOT"),
    ],
    ids=["outsider", "bot", "guest", "deactivated"],
)
async def test_who_may_not_decide_is_told_why(
    pending: Pending, user: User, group: str | None, reason: str
) -> None:
    person = pending.scene.joined(user, group)
    await person.click("Approve", INCIDENTS, pending.rollback["ts"])
    await is_refused(pending.scene, person, reason)


@pytest.mark.asyncio(loop_scope="module")
async def test_who_may_not_decide_gets_no_form_for_a_reason(pending: Pending) -> None:
    person = pending.scene.joined(User(id="U0EVA", name="eva", real_name="Eva"))
    await person.click("Reject…", INCIDENTS, pending.rollback["ts"])
    await is_refused(pending.scene, person, "NOT_IN_GROUP")
    assert await person.modal() is None


@pytest.mark.asyncio(loop_scope="module")
async def test_a_value_of_another_proposal_decides_neither(pending: Pending) -> None:
    forged = value_of(pending.silence)
    await pending.scene.ben.forge("proposal.approve", INCIDENTS, pending.rollback["ts"], forged)
    await is_refused(pending.scene, pending.scene.ben, "OTHER_CARD")


@pytest.mark.asyncio(loop_scope="module")
async def test_a_hash_that_the_card_does_not_show_decides_nothing(pending: Pending) -> None:
    proposal_id, shown = value_of(pending.rollback).split(":")
    forged = f"{proposal_id}:{shown[::-1]}"
    await pending.scene.ana.forge("proposal.approve", INCIDENTS, pending.rollback["ts"], forged)
    await is_refused(pending.scene, pending.scene.ana, "OLD_CARD")


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("value", ["", "nonsense", "a:b:c", "T-NOWHERE-1:" + "0" * 64])
async def test_a_value_that_is_none_of_ours_decides_nothing(pending: Pending, value: str) -> None:
    person = pending.scene.joined(
        User(id=f"U0F{len(value)}", name=f"f{len(value)}", real_name="F"), "S0ONCALL"
    )
    await person.forge("proposal.approve", INCIDENTS, pending.rollback["ts"], value)
    await pending.scene.told(person, "OTHER_CARD", INCIDENTS)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_button_on_a_message_that_is_no_card_decides_nothing(pending: Pending) -> None:
    scene = pending.scene
    person = scene.joined(User(id="U0FAY", name="fay", real_name="Fay"), "S0ONCALL")
    ts = await person.say(INCIDENTS, "looks like a card")
    await person.forge("proposal.approve", INCIDENTS, ts, value_of(pending.rollback))
    # A click may outrun the note of where its card stands, so it waits a little.
    scene.world.forward(11)
    await is_refused(scene, person, "OTHER_CARD")


@pytest.mark.asyncio(loop_scope="module")
async def test_a_rollback_of_what_was_never_done_is_refused(pending: Pending) -> None:
    ben = pending.scene.ben
    value = value_of(pending.rollback)
    await ben.forge("proposal.roll_back", INCIDENTS, pending.rollback["ts"], value)
    await is_refused(pending.scene, ben, "ALREADY_DECIDED")


@pytest.mark.asyncio(loop_scope="module")
async def test_words_in_the_thread_never_approve(pending: Pending) -> None:
    scene = pending.scene
    await scene.ana.say(INCIDENTS, "@signoff approve it, yes", pending.incident.root_ts)
    await scene.told(scene.ana, "words in a thread never approve", INCIDENTS)


async def test_who_asked_for_it_does_not_sign_it_off(tmp_path: Path) -> None:
    async with staged(tmp_path, quiet=True) as scene:
        fault = scene.world.inject()
        scene.world.forward(60)
        await scene.ana.command(INCIDENTS, f"/triage {fault.service} staging")
        root = await scene.root(INCIDENTS, f"Triage of {fault.service} in staging")
        found = Incident(fault=fault, root_ts=root["ts"])
        card = await card_of(scene, found)
        await scene.ana.click("Approve", INCIDENTS, card["ts"])
        await is_refused(scene, scene.ana, "IS_REQUESTER")
        assert scene.world.shop.effects == ()
        await sign_off(scene, scene.ben, (INCIDENTS, root["ts"]), found.rollback)
        assert len(scene.world.shop.effects) == 1


async def test_two_clicks_at_once_are_one_vote_and_one_effect(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        found = await break_something(scene)
        card = await card_of(scene, found)
        await asyncio.gather(
            *(
                person.click("Approve", INCIDENTS, card["ts"])
                for person in (scene.ben, scene.ben, scene.ana)
            )
        )
        await scene.reply(INCIDENTS, found.root_ts, r"Roll back[\s\S]*\*Done\*")

        async def refused() -> bool:
            record = await events(scene)
            return [e["kind"] for e in record].count("click.refused") == 2

        await eventually(refused)
        record = await events(scene)
        assert [event["kind"] for event in record].count("vote.cast") == 1
        assert len(scene.world.shop.effects) == 1


async def test_a_decided_card_takes_no_more_clicks(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        found = await incident(scene)
        card = await card_of(scene, found)
        assert [b for b in card["blocks"] if b["type"] == "actions"] == []
        proposal_id = next(
            event["proposal_id"]
            for event in await events(scene)
            if event["kind"] == "outcome.written"
        )
        verdict = await card_of(scene, found, "Worked")
        value = value_of(verdict, "proposal.roll_back")
        assert value.startswith(proposal_id)
        first = next(m for m in await thread(scene, found.root_ts) if "Touches" in text_of(m))
        await scene.ana.forge("proposal.approve", INCIDENTS, first["ts"], value)
        await is_refused(scene, scene.ana, "ALREADY_DECIDED")
        await scene.mia.click("Roll back", INCIDENTS, verdict["ts"])
        await is_refused(scene, scene.mia, "NOT_IN_GROUP")
        assert len(scene.world.shop.effects) == 1
        await asyncio.gather(
            *(scene.ben.click("Roll back", INCIDENTS, verdict["ts"]) for _ in range(2))
        )
        await scene.reply(INCIDENTS, found.root_ts, r"\*Rolled back\* by")
        await is_refused(scene, scene.ben, "ALREADY_DECIDED")
        assert len(scene.world.shop.effects) == 2


async def test_production_takes_two_people_and_one_of_them_is_told_so(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        fault = scene.world.shop.fleet.inject("payments", "production")
        scene.world.forward(60)
        root = await scene.root(INCIDENTS, "HighErrorRatio on payments in production")
        title = f"Roll back payments from {fault.version} to {fault.previous_version} in production"
        card = await scene.reply(INCIDENTS, root["ts"], title)
        assert "Needs *2*" in text_of(card)
        await scene.ben.click("Approve", INCIDENTS, card["ts"])
        await scene.told(scene.ben, "It needs 1 more approval", INCIDENTS)
        await scene.reply(INCIDENTS, root["ts"], rf"{title}[\s\S]*Signed off so far by <@U0BEN>")
        await scene.ben.click("Approve", INCIDENTS, card["ts"])
        await scene.told(scene.ben, "ALREADY_VOTED", INCIDENTS)
        assert scene.world.shop.effects == ()
        await sign_off(scene, scene.ana, (INCIDENTS, root["ts"]), title)
        assert len(scene.world.shop.effects) == 1
