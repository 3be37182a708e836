"""A worker over the real store, with the fake door behind it and an agent at a test's word."""

import asyncio
from collections.abc import Mapping

from agents.incident.agent import IncidentAgent
from agents.ports import Agent, ProposalRow
from agents.report import Report, unfinished
from agents.services import ServiceMap
from agents.tasks import Task, TaskKind
from agents.worker import STEP_LIMIT_S, Worker, Workshop
from bot.store.taskstore import SqlTaskStore
from tests.bot.world import World
from tests.fakes.door import FakeDoor
from tools.base import Evidence
from tools.ports import Caller, Draft


class FakeAgent:
    """Finds nothing at once, or thinks for ever."""

    name, version = "incident", "1"

    def __init__(self, *, is_stuck: bool = False) -> None:
        self._is_stuck = is_stuck
        self.analysed = 0

    async def gather(self, caller: Caller, task: Task) -> tuple[Evidence, ...]:
        """Return no evidence."""
        del caller, task
        return ()

    async def analyse(
        self, task: Task, evidence: tuple[Evidence, ...]
    ) -> tuple[Report, tuple[Draft, ...]]:
        """Return an empty report, if ever."""
        del task
        self.analysed += 1
        if self._is_stuck:
            await asyncio.Event().wait()
        return unfinished(evidence), ()

    async def follow_up(self, task: Task, row: ProposalRow) -> tuple[Draft, ...]:
        """Propose nothing."""
        del task, row
        return ()


def worker(
    store: World,
    *,
    tasks: SqlTaskStore | None = None,
    agent: Agent | None = None,
    door: FakeDoor | None = None,
    step_limit_s: float = STEP_LIMIT_S,
) -> Worker:
    """Return a worker for incidents."""
    door = door or FakeDoor()
    known: Mapping[TaskKind, Agent] = {
        TaskKind.INCIDENT: agent or IncidentAgent(door.gateway, ServiceMap(services={}))
    }
    return Worker(
        Workshop(
            store=tasks or store.tasks,
            agents=known,
            gateway=door.gateway,
            clock=store.clock,
            boundary=store.context.boundary,
            step_limit_s=step_limit_s,
        )
    )
