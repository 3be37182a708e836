"""Accounts that are closed after a word of theirs, in groups that list their users: it is void."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.slack import cards
from bot.slack.sender import ATTEMPTS
from bot.store.tables import executions
from policies.model import Proposal, ProposalState
from tests.bot.slack.office import ANA, ASKS_ONCALL, BEN, TEAM, Office, office
from tests.bot.slack.slackside import until

# What Slack said of somebody is asked again after half a minute.
LATER_S = 31
# While it does not answer, what it said counts for a minute.
TOO_LATE_S = 61


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as found:
        found.asks(ASKS_ONCALL)
        yield found


async def signed(here: Office) -> Proposal:
    proposal = await here.proposal()
    assert await here.press(ANA, cards.APPROVE, proposal) == []
    assert await here.state(proposal) is ProposalState.APPROVED
    return proposal


async def test_it_goes_back_to_people_and_the_thread_says_whose_sign_off_counts_no_more(
    here: Office,
) -> None:
    proposal = await signed(here)
    here.side.workspace.state.users[ANA].is_deleted = True
    here.store.clock.forward(LATER_S)
    await here.worked()
    assert here.system.acted == []
    rows = await here.store.tasks.proposals(proposal.task_id)
    assert [row.state for row in rows] == [ProposalState.SUPERSEDED, ProposalState.PENDING]
    shown = await here.shown(proposal)
    for name in (proposal.id, rows[1].proposal.id):
        said = shown[f"proposal:{name}"]
        assert f"The sign-off of <@{ANA}> counts no more: the account is deactivated" in said


async def test_while_slack_does_not_say_who_signed_off_it_waits_and_then_is_done(
    here: Office,
) -> None:
    proposal = await signed(here)
    here.side.workspace.faults.lose_answer("users.info", ATTEMPTS)
    here.store.clock.forward(TOO_LATE_S)
    await here.worked()
    assert (await here.state(proposal), here.system.acted) == (ProposalState.APPROVED, [])
    shown = (await here.shown(proposal))[f"proposal:{proposal.id}"]
    assert f"Slack does not say now who <@{ANA}> is" in shown

    async def is_heard() -> bool:
        here.store.clock.forward(LATER_S)
        return (await here.desk.directory.person(f"{TEAM}/{ANA}")).is_known

    await until(is_heard)
    await here.worked()
    assert len(here.system.acted) == 1


async def test_what_slack_said_within_the_minute_is_enough_while_it_does_not_answer(
    here: Office,
) -> None:
    await signed(here)
    here.side.workspace.faults.lose_answer("users.info", ATTEMPTS)
    here.store.clock.forward(LATER_S)
    await here.worked()
    assert len(here.system.acted) == 1


async def test_who_asked_to_undo_and_left_undoes_nothing(here: Office) -> None:
    proposal = await signed(here)
    await here.worked()
    assert len(here.system.acted) == 1
    assert await here.press(BEN, cards.ROLL_BACK, proposal) == []
    here.side.workspace.state.users[BEN].is_deleted = True
    here.store.clock.forward(LATER_S)
    await here.worked()
    assert len(here.system.acted) == 1
    (undone,) = await here.store.rows(executions, direction="inverse")
    assert "counts no more: the account is deactivated" in undone.sentence
