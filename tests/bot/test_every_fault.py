"""Every call of every port breaks once, over a real store: recorded, not done, and done later once.

As many cases as there are calls on the way from a sign-off to its effect: about 40.
"""

from collections.abc import Sequence
from pathlib import Path

from agents.incident.agent import IncidentAgent
from agents.ports import TaskChange
from agents.services import ServiceMap
from agents.tasks import TaskKind, TaskState
from agents.worker import Worker, Workshop
from bot.store.controls import SqlControls
from bot.store.journal import SqlJournal
from bot.store.memory import SqlMemory
from bot.store.tables import proposals, tasks
from policies.approvals import Memberships, Voter
from policies.loader import sealed
from policies.model import Mode, Proposal, ProposalState
from tests.bot.world import ANA, FakeClock, World, opened
from tests.fakes.brittle import Fuse, brittle
from tests.fakes.door import asks_oncall
from tests.fakes.system import FakeConnector, FakeReader, FakeSystem, FakeTool
from tests.fakes.values import caller
from tests.tools.test_deciding import SET
from tools.base import AnyTool
from tools.catalogue import Catalogue
from tools.gateway import Gateway, Parts

# What says in the record that something went wrong, or how it ended.
TOLD = {"decision.failed", "task.failed", "tool.denied", "tool.failed", "effect.unknown"}


class PatientReader(FakeReader):
    """Read the lamp; a busy machine is no silence."""

    timeout_s = 30.0


class PatientTool(FakeTool):
    """Set the lamp; a busy machine is no silence."""

    timeout_s = 30.0


class PatientConnector(FakeConnector):
    """The system with both."""

    def tools(self) -> Sequence[AnyTool]:
        return (PatientReader(self.system), PatientTool(self.system))


class Town:
    """Who is in which group, as the world says."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def memberships(self, groups: Sequence[str]) -> Memberships:
        return {name: self._world.memberships()[name] for name in groups}

    async def person(self, person: str) -> Voter:
        return Voter(id=person, read_at=self._world.clock.now())


def parts_of(world: World, system: FakeSystem) -> Parts:
    return Parts(
        catalogue=Catalogue([PatientConnector(system)]),
        journal=SqlJournal(world.context),
        memory=SqlMemory(world.context),
        controls=SqlControls(world.context, {}, Mode.APPROVE),
        directory=Town(world),
        rules=lambda: sealed([asks_oncall()]),
        clock=world.clock,
        redactor=world.context.redactor,
        boundary=world.context.boundary,
    )


def worker(world: World, parts: Parts) -> Worker:
    gateway = Gateway(parts)
    agent = IncidentAgent(gateway, ServiceMap(services={}))
    workshop = Workshop(
        store=world.tasks,
        agents={TaskKind.INCIDENT: agent},
        gateway=gateway,
        clock=world.clock,
        boundary=world.context.boundary,
    )
    return Worker(workshop)


async def signed(world: World, parts: Parts, number: int) -> Proposal:
    """Return a proposal that Ana signed off."""
    task = await world.task(f"incident:{number}")
    claim = await world.claimed()
    for state in (TaskState.GATHERING, TaskState.ANALYSING):
        await world.tasks.advance(claim, TaskChange(state=state))
    made = await Gateway(parts).consider(SET, f"{task.id}-1", caller(task_id=task.id))
    await world.tasks.advance(claim, TaskChange(proposals=(made,)))
    await world.tasks.release(claim)
    await world.carded(made, task)
    assert (await world.vote(world.click(made, ANA))).refusal is None
    return made


async def step(world: World, hand: Worker) -> None:
    """Let a worker take what is due a step further."""
    for claim in await world.dispatcher("worker-1").claim(1, 30):
        await hand.work(claim)


async def state_of(world: World, proposal: Proposal) -> ProposalState:
    return (await world.standing(proposal)).state


async def drained(world: World, hand: Worker) -> None:
    """Let everything come to its end."""
    for _ in range(60):
        if all(row.wake_at is None for row in await world.rows(tasks)):
            return
        world.clock.forward(40)
        await step(world, hand)
    left = [(row.state, row.reason, row.sentence) for row in await world.rows(proposals)]
    raise AssertionError(f"it does not come to an end: {left[-1]}")


async def calls_until_it_is_done(world: World, system: FakeSystem) -> list[str]:
    fuse = Fuse()
    parts = parts_of(world, system)
    proposal = await signed(world, parts, 0)
    await step(world, worker(world, brittle(parts, fuse)))
    assert await state_of(world, proposal) is ProposalState.EXECUTED
    await drained(world, worker(world, parts))
    return fuse.calls


async def test_whatever_breaks_is_on_record_and_is_done_once_in_the_end(tmp_path: Path) -> None:
    async with opened(tmp_path / "signoff.db", FakeClock()) as world:
        system = FakeSystem()
        calls = await calls_until_it_is_done(world, system)
        assert len(calls) >= 20
        # The first call is the start of the worker itself: it does not begin.
        for place in range(1, len(calls)):
            measures = calls.index("catalogue.reading") <= place < calls.index("journal.begin")
            begins = place > calls.index("journal.begin")
            await breaks_at(world, place, may_be_done=begins or measures)


async def breaks_at(world: World, place: int, *, may_be_done: bool) -> None:
    """Break one call, and see what is told and done of it.

    What has begun may have been done, and what only measures keeps nothing from being done.
    """
    system = FakeSystem()
    parts, fuse = parts_of(world, system), Fuse(place)
    world.clock.forward(3600)
    proposal = await signed(world, parts, place + 1)
    before = len(await world.events())
    await step(world, worker(world, brittle(parts, fuse)))
    told = {event["kind"] for event in (await world.events())[before:]}
    assert told & TOLD, f"{fuse.blown_at}: {told}"
    if not may_be_done:
        assert system.acted == [], fuse.blown_at
    assert len(system.acted) <= 1
    await drained(world, worker(world, parts))
    if await state_of(world, proposal) is ProposalState.DENIED:
        assert system.acted == []
    else:
        assert await state_of(world, proposal) is ProposalState.VERIFIED, fuse.blown_at
        assert len(system.done) == 1
