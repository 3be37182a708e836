"""No step lasts for ever: thinking ends in a partial report, and acting is tried again."""

import asyncio
import json

from agents.ports import Claim, ProposalRow
from agents.tasks import TaskState
from bot.store.tables import steps, tasks
from bot.store.taskstore import MAX_ATTEMPTS, SqlTaskStore
from policies.model import ProposalState
from tests.bot.store.workshop import FakeAgent, worker
from tests.bot.world import Wish, World
from tests.fakes.door import FakeDoor

LIMIT_S = 0.05


async def test_an_analysis_that_takes_too_long_ends_in_a_partial_report(store: World) -> None:
    await store.task()
    agent = FakeAgent(is_stuck=True)
    working = worker(store, agent=agent, step_limit_s=LIMIT_S)
    while (await store.row(tasks)).state in {"QUEUED", "GATHERING", "ANALYSING"}:
        await working.work(await store.claimed())
    assert (await store.row(tasks)).state == TaskState.COMPLETED
    assert agent.analysed == 1, "it is not tried again"
    report = json.loads((await store.row(steps, name="report")).result)
    assert report["summary"].startswith("Partial report. I did not come to a conclusion")
    assert report["notes"][0].startswith("The analysis was stopped after 0.05 s.")
    (event,) = await store.events("report.written")
    assert event["reasons"] == ["STEP_TOO_LONG"]
    assert await store.events("task.failed") == []


class SlowStore(SqlTaskStore):
    """Never comes to the end of a change to a proposal."""

    async def move(
        self, claim: Claim, row: ProposalRow, to: ProposalState, reason: str, sentence: str
    ) -> None:
        await asyncio.Event().wait()


async def test_a_step_of_a_proposal_that_takes_too_long_is_tried_again_and_then_given_up(
    store: World,
) -> None:
    proposal = await store.proposed(Wish())
    door = FakeDoor()
    store.clock.forward(86_400)
    door.clock.forward((store.clock.now() - door.clock.now()).total_seconds())
    working = worker(store, tasks=SlowStore(store.context), door=door, step_limit_s=LIMIT_S)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        await working.work(await store.claimed())
        assert len(await store.events("task.failed")) == attempt
        store.clock.forward(2**MAX_ATTEMPTS)
    assert (await store.row(tasks)).state == TaskState.ESCALATED
    assert (await store.standing(proposal)).state is ProposalState.EXPIRED
