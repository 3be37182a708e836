"""A frozen task: what it found is shown, what it would do waits, and nothing is lost."""

from dataclasses import replace

import pytest

from agents.ports import ProposalRow
from agents.report import Report, unfinished
from agents.tasks import Task, TaskState
from agents.worker import FOLLOW_UP_S, Worker
from bot.store.controls import SqlControls
from bot.store.freezes import (
    Campaign,
    freeze_campaign,
    freeze_task,
    unfreeze_campaign,
    unfreeze_task,
)
from bot.store.notices import Order
from bot.store.tables import proposals
from policies.model import Mode, ProposalState, Verdict
from tests.bot.store.workshop import FakeAgent, worker
from tests.bot.world import ANA, World, caller_of, done, intent
from tests.fakes.door import FakeDoor
from tools.base import Evidence
from tools.gateway import Gateway
from tools.ports import Draft

ORDER = Order(person=ANA, reason="let me look")
LAMP = Campaign(platform="fake", key="lamp", name="lamp")
SWITCH = Draft(
    key="switch",
    tool="fake_set",
    parameters={"name": "lamp", "before": "old", "to": "new"},
    environment="staging",
)


class Lamplighter(FakeAgent):
    """Wants to switch the lamp, at once and after everything else."""

    async def analyse(
        self, task: Task, evidence: tuple[Evidence, ...]
    ) -> tuple[Report, tuple[Draft, ...]]:
        del task
        self.analysed += 1
        return unfinished(evidence), (SWITCH,)

    async def follow_up(self, task: Task, row: ProposalRow) -> tuple[Draft, ...]:
        del task, row
        return (replace(SWITCH, key="again"),)


@pytest.fixture
def lamps(store: World) -> Worker:
    door = FakeDoor()
    switched = SqlControls(store.context, {}, Mode.APPROVE)
    door.gateway = Gateway(replace(door.gateway.parts, controls=switched, clock=store.clock))
    return worker(store, agent=Lamplighter(), door=door)


async def state(store: World) -> TaskState:
    claim = await store.claimed()
    await store.tasks.release(claim)
    return claim.task.state


async def test_a_frozen_task_shows_what_it_found_once_and_proposes_when_it_goes_on(
    store: World, lamps: Worker
) -> None:
    task = await store.task()
    for _ in range(2):
        await lamps.work(await store.claimed())
    await store.database.write(lambda c: freeze_task(c, store.context, ORDER, task.id))
    for _ in range(2):
        await lamps.work(await store.claimed())
    assert await state(store) is TaskState.ANALYSING
    assert await store.tasks.step(task.id, "report") is not None
    (shown,) = await store.events("report.written")
    assert shown["reasons"] == ["FROZEN"]
    assert await store.rows(proposals) == []
    await store.database.write(lambda c: unfreeze_task(c, store.context, ORDER, task.id))
    await lamps.work(await store.claimed())
    (row,) = await store.rows(proposals)
    assert row.state == ProposalState.PENDING
    assert len(await store.events("report.written")) == 2


@pytest.mark.parametrize("what", ["task", "campaign"])
async def test_the_next_step_of_what_is_frozen_waits_and_is_not_lost(
    store: World, lamps: Worker, what: str
) -> None:
    proposal = await store.proposed()
    await store.vote(store.click(proposal))
    claim = await store.claimed()
    await store.journal.begin(intent(proposal), caller_of(claim))
    await store.journal.settle(done(proposal, ProposalState.EXECUTED), caller_of(claim))
    row = await store.standing(proposal)
    await store.tasks.verified(claim, row, Verdict.WORKED, "0.01")
    await store.tasks.release(claim)
    if what == "task":
        await store.database.write(lambda c: freeze_task(c, store.context, ORDER, proposal.task_id))
    else:
        await store.database.write(lambda c: freeze_campaign(c, store.context, ORDER, LAMP))
    await lamps.work(await store.claimed())
    waiting = await store.standing(proposal)
    assert not waiting.is_followed_up
    assert waiting.next_at is not None
    assert len(await store.rows(proposals)) == 1
    await store.database.write(lambda c: unfreeze_task(c, store.context, ORDER, proposal.task_id))
    await store.database.write(lambda c: unfreeze_campaign(c, store.context, ORDER, LAMP))
    store.clock.forward(FOLLOW_UP_S)
    await lamps.work(await store.claimed())
    assert (await store.standing(proposal)).is_followed_up
    states = {found.key: found.state for found in await store.rows(proposals)}
    assert states == {"rollback": ProposalState.VERIFIED, "again": ProposalState.PENDING}


async def test_a_denied_card_names_who_froze_the_campaign_and_why(
    store: World, lamps: Worker
) -> None:
    await store.task()
    for _ in range(2):
        await lamps.work(await store.claimed())
    await store.database.write(lambda c: freeze_campaign(c, store.context, ORDER, LAMP))
    await lamps.work(await store.claimed())
    (row,) = await store.rows(proposals)
    assert (row.state, row.reason) == (ProposalState.DENIED, "FROZEN")
    assert row.sentence == "`lamp` was frozen by U0ANA: let me look. Nothing was done."
