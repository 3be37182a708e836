"""Edits, over the real bot: the edited proposal starts anew, and the old card decides nothing."""

from pathlib import Path

import pytest

from playground.story import INCIDENTS, MARKETING, Message, text_of
from playground.workspace.client import PersonError
from tests.bot.slack.test_clicks import is_refused, value_of
from tests.scenarios.plays import plan_campaign, sign_off
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


async def minutes_changed(scene: Scene, found: Incident, minutes: str) -> Message:
    """Ana edits the silence; returns the card that was there before."""
    old = await card_of(scene, found, SILENCE)
    await scene.ana.click("Edit…", INCIDENTS, old["ts"])
    await submit(scene.ana, {"param.minutes": minutes})
    return old


async def test_an_edited_proposal_starts_anew_and_its_editor_does_not_sign_it_off(
    tmp_path: Path,
) -> None:
    async with staged(tmp_path) as scene:
        found = await break_something(scene)
        old = await minutes_changed(scene, found, "90")
        new = await card_of(scene, found, rf"{SILENCE}[\s\S]*minutes: `90`")
        assert new["ts"] != old["ts"]
        assert "votes start at zero" in text_of(new)
        superseded = next(m for m in await thread(scene, found.root_ts) if m["ts"] == old["ts"])
        assert "*Edited*" in text_of(superseded)
        assert [b for b in superseded["blocks"] if b["type"] == "actions"] == []

        await scene.ben.forge("proposal.approve", INCIDENTS, old["ts"], value_of(old))
        await is_refused(scene, scene.ben, "OLD_CARD")
        await scene.ben.forge("proposal.approve", INCIDENTS, old["ts"], value_of(new))
        await is_refused(scene, scene.ben, "OTHER_CARD")
        await scene.ana.click("Approve", INCIDENTS, new["ts"])
        await is_refused(scene, scene.ana, "IS_REQUESTER")
        assert "no answer is a no" in text_of(await card_of(scene, found, SILENCE))

        await sign_off(scene, scene.ben, (INCIDENTS, found.root_ts), SILENCE)
        query = scene.world.base + "/alertmanager/api/v2/silences"
        async with scene.session.get(query) as answer:
            silences = await answer.json()
        assert len(silences) == 1
        votes = [event for event in await events(scene) if event["kind"] == "vote.cast"]
        assert [vote["actor"]["id"] for vote in votes] == ["T0PLAY/U0BEN"]


async def test_an_editor_may_edit_again_and_is_not_refused(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        found = await break_something(scene)
        await minutes_changed(scene, found, "90")
        second = await card_of(scene, found, rf"{SILENCE}[\s\S]*minutes: `90`")
        await scene.ana.click("Edit…", INCIDENTS, second["ts"])
        await submit(scene.ana, {"param.minutes": "45"})
        await card_of(scene, found, rf"{SILENCE}[\s\S]*minutes: `45`")
        assert [e for e in await events(scene) if e["kind"] == "click.refused"] == []


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        ("60", "Nothing is changed yet"),
        ("2", "At least 5"),
        ("-1", "At least 5"),
        ("1e3", "Please write a whole number"),
        ("  ", "Please fill this in"),
    ],
)
async def test_an_edit_that_can_not_be_is_told_in_the_form(
    tmp_path: Path, minutes: str, words: str
) -> None:
    async with staged(tmp_path) as scene:
        found = await break_something(scene)
        with pytest.raises(PersonError) as refused:
            await minutes_changed(scene, found, minutes)
        assert refused.value.errors["param.minutes"] == words
        assert await scene.ana.modal() is not None
        assert "no answer is a no" in text_of(await card_of(scene, found, SILENCE))


async def test_an_edit_that_the_rules_deny_leaves_the_proposal_as_it_was(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        root_ts = await plan_campaign(scene)
        old = await scene.reply(MARKETING, root_ts, "Create the campaign")
        await scene.mia.click("Edit…", MARKETING, old["ts"])
        await submit(scene.mia, {"param.daily_budget": "90000.00"})
        told = text_of(await scene.told(scene.mia, "BUDGET_ABOVE_LIMIT", MARKETING))
        assert "rule `huge-budget-eur`" in told
        assert "stands as it was" in told
        record = await events(scene)
        assert [e for e in record if e["kind"] == "proposal.moved"] == []
        (denied,) = [event for event in record if event["kind"] == "click.refused"]
        assert (denied["decision"], denied["reasons"]) == ("deny", ["BUDGET_ABOVE_LIMIT"])
        assert denied["actor"]["id"] == "T0PLAY/U0MIA"
        await sign_off(scene, scene.ben, (MARKETING, root_ts), "Create the campaign")


async def test_an_edit_that_comes_after_the_sign_off_changes_nothing(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        found = await break_something(scene)
        old = await card_of(scene, found, SILENCE)
        await scene.ana.click("Edit…", INCIDENTS, old["ts"])
        await eventually(scene.ana.modal)
        await sign_off(scene, scene.ben, (INCIDENTS, found.root_ts), SILENCE)
        await scene.ana.submit({"param.minutes": "90"})
        await scene.told(scene.ana, "ALREADY_DECIDED", INCIDENTS)
        cards = [m for m in await thread(scene, found.root_ts) if SILENCE in text_of(m)]
        assert "`90`" not in "".join(text_of(card) for card in cards)


async def test_a_reject_needs_a_reason_and_shows_it(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        found = await break_something(scene)
        card = await card_of(scene, found)
        await scene.ana.click("Reject…", INCIDENTS, card["ts"])
        with pytest.raises(PersonError) as refused:
            await submit(scene.ana, {"reason": "   "})
        assert "goes on record" in refused.value.errors["reason"]
        await submit(scene.ana, {"reason": "<!channel> it is a *drill*"})
        shown = text_of(await card_of(scene, found, r"\*Rejected\* by <@U0ANA>"))
        assert "&lt;!channel&gt; it is a *drill*" in shown
        assert scene.world.shop.effects == ()
