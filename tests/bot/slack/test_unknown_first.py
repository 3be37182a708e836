"""After a crash many cards change at once: what nobody knows the outcome of is told first."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agents.ports import Claim
from bot.slack.rates import Urgency
from bot.slack.threads import posts
from policies.model import Proposal, ProposalState, Verdict
from tests.bot.slack.slackside import Side, slackside
from tests.bot.world import BEN, caller_of, done, intent
from tools.ports import Direction

STOPPED: dict[str, Any] = {
    "reason": "STOPPED_IN_THE_MIDDLE",
    "sentence": "It may have happened.",
    "left": {},
    "retry_s": 0.0,
}


@pytest.fixture
async def side(tmp_path: Path) -> AsyncIterator[Side]:
    async with slackside(tmp_path) as found:
        yield found


async def begun(side: Side) -> tuple[Proposal, Claim]:
    """Return an action whose intent is written."""
    proposal = await side.store.proposed()
    assert (await side.store.vote(side.store.click(proposal))).refusal is None
    claim = await side.store.claimed()
    await side.store.journal.begin(intent(proposal), caller_of(claim))
    return proposal, claim


async def urgencies(side: Side, claim: Claim) -> set[Urgency]:
    """Return how urgent it is to bring the messages of the thread up to date."""
    thread = await side.threads.thread(claim.task.id)
    wanted = posts(await side.threads.view(thread), {}, side.store.clock.now())
    return {message.change for message in wanted}


async def test_a_thread_goes_first_while_an_effect_is_unknown(side: Side) -> None:
    proposal, claim = await begun(side)
    assert await urgencies(side, claim) == {Urgency.COSMETIC, Urgency.DECISION}
    unknown = done(proposal, ProposalState.UNKNOWN, **STOPPED)
    await side.store.journal.settle(unknown, caller_of(claim))
    assert await urgencies(side, claim) == {Urgency.ANSWER}
    found = done(proposal, ProposalState.EXECUTED, reason="RECONCILED_DONE")
    await side.store.journal.settle(found, caller_of(claim))
    assert Urgency.ANSWER not in await urgencies(side, claim)


async def test_also_while_a_rollback_is_unknown(side: Side) -> None:
    proposal, claim = await begun(side)
    caller = caller_of(claim)
    await side.store.journal.settle(done(proposal, ProposalState.EXECUTED), caller)
    side.store.clock.forward(75)
    row = await side.store.standing(proposal)
    await side.store.tasks.verified(claim, row, Verdict.WORKED, "0.01")
    assert (await side.store.roll_back(side.store.click(proposal, BEN))).refusal is None
    await side.store.journal.begin(intent(proposal, Direction.INVERSE), caller)
    assert Urgency.ANSWER not in await urgencies(side, claim)
    unknown = done(proposal, None, Direction.INVERSE, **STOPPED)
    await side.store.journal.settle(unknown, caller)
    assert await urgencies(side, claim) == {Urgency.ANSWER}
