"""Who lets something go on is told what begins by it, and what does not."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import update

from bot.slack import cards
from bot.slack.halts import MOST_NAMES
from bot.store.halts import paused
from bot.store.tables import proposals
from policies.model import DEFAULT_TENANT, Proposal, ProposalState
from tests.bot.slack.office import ANA, BEN, Office, office
from tools.base import Unavailable

NOTHING = "Nothing that is signed off waits, so nothing is done now."


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as found:
        yield found


async def signed_off(here: Office) -> Proposal:
    made = await here.proposal()
    await here.press(BEN, cards.APPROVE, made)
    assert await here.state(made) is ProposalState.APPROVED
    return made


async def test_a_resume_names_what_goes_on_and_how_many(here: Office) -> None:
    made = [await signed_off(here) for _ in range(MOST_NAMES + 2)]
    await here.proposal()
    await here.command(ANA, "pause look first")
    told = await here.command(ANA, "resume looked")
    assert told.startswith(f"Signoff goes on. {MOST_NAMES + 2} actions that waited for this go")
    assert told.count(f"*{made[0].title}*") == MOST_NAMES
    assert told.endswith("* and 2 more.")


async def test_a_resume_says_that_nothing_waited(here: Office) -> None:
    await here.proposal()
    await here.command(ANA, "pause look first")
    assert await here.command(ANA, "resume looked") == f"Signoff goes on. {NOTHING}"


async def test_what_is_frozen_still_does_not_go_on_with_a_resume(here: Office) -> None:
    made = await signed_off(here)
    await here.command(ANA, "pause look first")
    await here.command(ANA, f"freeze {made.task_id} look here")
    told = await here.command(ANA, "resume looked")
    assert told.startswith(f"Signoff goes on. {NOTHING} What is frozen stays so")
    told = await here.command(ANA, f"unfreeze {made.task_id} looked")
    said = f"1 action that waited for this goes on now: *{made.title}*."
    assert told == f"The task `{made.task_id}` goes on. {said}"


async def test_an_unfreeze_names_nothing_of_other_tasks(here: Office) -> None:
    other = await signed_off(here)
    task_id = (await here.proposal()).task_id
    await here.command(ANA, f"freeze {task_id} look here")
    told = await here.command(ANA, f"unfreeze {task_id} looked")
    assert other.title not in told
    assert told.endswith(NOTHING)


async def test_an_undoing_that_waits_goes_on_with_a_resume(here: Office) -> None:
    made = await signed_off(here)
    await here.worked()
    await here.command(ANA, "pause look first")
    await here.press(BEN, cards.ROLL_BACK, made)
    told = await here.command(ANA, "resume looked")
    assert f"1 action that waited for this goes on now: *Undo: {made.title}*." in told


async def test_a_resume_is_not_stopped_by_what_only_a_newer_version_reads(
    here: Office, caplog: pytest.LogCaptureFixture
) -> None:
    strange, known = await signed_off(here), await signed_off(here)
    await here.command(ANA, "pause look first")
    body = json.dumps(json.loads(strange.model_dump_json()) | {"something_new": 1})
    newer = update(proposals).where(proposals.c.id == strange.id).values(body=body)
    await here.store.database.write(lambda connection: connection.execute(newer))
    told = await here.command(ANA, "resume looked")
    assert told.startswith("Signoff goes on. 1 action that waited for this goes on now: ")
    assert known.title in told
    assert await here.store.database.read(lambda one: paused(one, DEFAULT_TENANT)) is None
    assert f"not told of {strange.id}" in caplog.text


async def test_what_nobody_knows_of_is_asked_about_with_a_resume_and_said_so(here: Office) -> None:
    made = await signed_off(here)
    here.system.faults["act"] = Unavailable("gone")
    await here.worked()
    assert await here.state(made) is ProposalState.UNKNOWN
    await here.command(ANA, "pause look first")
    told = await here.command(ANA, "resume looked")
    assert told == (
        f"Signoff goes on. Nobody knows yet whether *{made.title}* happened: it is asked about now,"
        " and done if it surely was not."
    )


async def test_what_is_too_late_does_not_go_on_and_is_not_named(here: Office) -> None:
    made = await signed_off(here)
    await here.command(ANA, "pause look first")
    left = made.action.not_after - here.store.clock.now()
    here.store.clock.forward(left.total_seconds())
    assert await here.command(ANA, "resume looked") == f"Signoff goes on. {NOTHING}"
    await here.worked()
    assert await here.state(made) is ProposalState.EXPIRED
    assert here.system.acted == []


async def test_an_undoing_whose_time_is_over_is_not_named(here: Office) -> None:
    made = await signed_off(here)
    await here.worked()
    await here.command(ANA, "pause look first")
    await here.press(BEN, cards.ROLL_BACK, made)
    assert made.action.inverse is not None
    here.store.clock.forward(made.action.inverse.window_s + 1)
    assert await here.command(ANA, "resume looked") == f"Signoff goes on. {NOTHING}"
    here.store.clock.forward(5)
    await here.worked()
    assert len(here.system.acted) == 1
