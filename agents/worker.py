"""Claims tasks and takes them step by step; a handler per state, so a restart goes on there."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from pydantic import TypeAdapter

from agents.ports import Agent, Claim, ProposalRow, TaskChange, TaskStore
from agents.report import cited
from agents.steps import ProposalSteps
from agents.tasks import Task, TaskKind, TaskState
from policies.audit import Event, EventKind
from policies.model import Actor, ActorKind, Clock, Proposal
from tools.base import Evidence, ToolError, Unavailable
from tools.catalogue import UnknownTool
from tools.execution import Execution
from tools.gateway import Gateway
from tools.ports import Boundary, Caller, Draft, Halted, LostLease

LEASE_S = 30.0
BEAT_S = 10.0
POLL_S = 0.25
PAUSED_S = 1.0
FOLLOW_UP_S = 5.0

_EVIDENCE = TypeAdapter(tuple[Evidence, ...])
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """What a worker works with."""

    store: TaskStore
    agents: Mapping[TaskKind, Agent]
    gateway: Gateway
    clock: Clock
    boundary: Boundary


class Worker:
    """One worker; `name` goes into the lease."""

    def __init__(self, name: str, workshop: Workshop, *, parallel: int = 8) -> None:
        self._name, self._workshop = name, workshop
        self._store = workshop.store
        self._steps = ProposalSteps(workshop.store, workshop.gateway, Execution(workshop.gateway))
        self._room = asyncio.Semaphore(parallel)
        self._awake = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        """Look for work now."""
        self._awake.set()

    async def run(self) -> None:
        """Work until cancelled; what is in hand then is handed back."""
        try:
            while True:
                await self._take()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._awake.wait(), POLL_S)
                self._awake.clear()
        finally:
            for running in self._running:
                running.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def _take(self) -> None:
        await self._room.acquire()
        self._room.release()
        claims = await self._store.claim(self._name, 8, LEASE_S)
        for claim in claims:
            running = asyncio.create_task(self._work(claim))
            self._running.add(running)
            running.add_done_callback(self._running.discard)

    async def _work(self, claim: Claim) -> None:
        async with self._room:
            beat = asyncio.create_task(self._beat(claim))
            try:
                await self._step(claim)
                await self._store.release(claim)
            except LostLease as lost:
                _log.warning("lost a lease: %s", lost, extra={"task_id": claim.task.id})
            except Halted:
                await self._wait(claim)
            # Boundary: one task's fault is recorded with it and never stops the others.
            except Exception as error:  # noqa: BLE001 - see above
                _log.exception("a step failed", extra={"task_id": claim.task.id})
                with contextlib.suppress(LostLease):
                    await self._store.back_off(claim, f"{type(error).__name__}: {error}")
            finally:
                beat.cancel()

    async def _beat(self, claim: Claim) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            if not await self._store.heartbeat(claim, LEASE_S):
                return

    async def _wait(self, claim: Claim) -> None:
        await asyncio.sleep(PAUSED_S)
        await self._store.release(claim)

    async def _step(self, claim: Claim) -> None:
        handlers: Mapping[TaskState, Callable[[Claim], Awaitable[None]]] = {
            TaskState.QUEUED: self._begin,
            TaskState.GATHERING: self._gather,
            TaskState.ANALYSING: self._analyse,
        }
        await handlers.get(claim.task.state, self._proposals)(claim)

    async def _begin(self, claim: Claim) -> None:
        self._workshop.boundary("task.accepted")
        await self._store.advance(claim, TaskChange(state=TaskState.GATHERING))

    async def _gather(self, claim: Claim) -> None:
        agent = self._workshop.agents[claim.task.kind]
        evidence = await agent.gather(caller_of(claim, agent), claim.task)
        silent = sum(item.fault is not None for item in evidence)
        event = self._event(
            claim,
            agent,
            EventKind.EVIDENCE_GATHERED,
            f"Gathered {len(evidence)} pieces of evidence, {silent} sources gave none.",
        )
        change = TaskChange(
            state=TaskState.ANALYSING,
            events=(event,),
            steps={"evidence": _EVIDENCE.dump_json(evidence).decode()},
        )
        await self._store.advance(claim, change)
        self._workshop.boundary("evidence.gathered")

    async def _analyse(self, claim: Claim) -> None:
        agent = self._workshop.agents[claim.task.kind]
        kept = await self._store.step(claim.task.id, "evidence")
        evidence = _EVIDENCE.validate_json(kept or "[]")
        report, drafts = await agent.analyse(claim.task, evidence)
        proposals, notes = await self._considered(claim, agent, drafts)
        report = cited(report).model_copy(update={"notes": report.notes + notes})
        event = self._event(
            claim,
            agent,
            EventKind.REPORT_WRITTEN,
            f"Report: {report.outcome}, by {report.analysed_by}.",
            texts={"summary": report.summary},
            decision=report.outcome,
        )
        change = TaskChange(
            events=(event,),
            steps={"report": report.model_dump_json()},
            proposals=proposals,
        )
        await self._store.advance(claim, change)
        self._workshop.boundary("report.written")

    async def _considered(
        self,
        claim: Claim,
        agent: Agent,
        drafts: tuple[Draft, ...],
        *,
        is_patient: bool = False,
    ) -> tuple[tuple[Proposal, ...], tuple[str, ...]]:
        known = len(await self._store.proposals(claim.task.id))
        caller = caller_of(claim, agent)
        made: list[Proposal] = []
        notes: list[str] = []
        for draft in drafts:
            proposal_id = f"{claim.task.id}-{known + len(made) + 1}"
            try:
                made.append(await self._workshop.gateway.consider(draft, proposal_id, caller))
            except (ToolError, UnknownTool) as error:
                if is_patient and isinstance(error, Unavailable):
                    raise
                notes.append(f"`{draft.tool}` can't be proposed: {error}")
        return tuple(made), tuple(notes)

    async def _proposals(self, claim: Claim) -> None:
        agent = self._workshop.agents[claim.task.kind]
        caller = caller_of(claim, agent)
        now = self._workshop.clock.now()
        for row in await self._store.proposals(claim.task.id):
            if row.next_at is not None and row.next_at <= now:
                is_follow_up = await self._steps.advance(claim, row, caller)
                if is_follow_up:
                    await self._follow_up(claim, agent, row)
        self._workshop.boundary("proposals.advanced")

    async def _follow_up(self, claim: Claim, agent: Agent, row: ProposalRow) -> None:
        drafts = await agent.follow_up(claim.task, row)
        try:
            proposals, notes = await self._considered(claim, agent, drafts, is_patient=True)
        except Unavailable:
            # The next step is not lost because a system is down for a while.
            await self._store.measure_again(claim, row, FOLLOW_UP_S)
            return
        await self._store.follow_up(claim, row, proposals, notes)

    def _event(
        self,
        claim: Claim,
        agent: Agent,
        kind: EventKind,
        sentence: str,
        *,
        texts: dict[str, str] | None = None,
        decision: str | None = None,
    ) -> Event:
        task: Task = claim.task
        return Event(
            kind=kind,
            at=self._workshop.clock.now(),
            actor=Actor(kind=ActorKind.AGENT, id=agent.name),
            tenant=task.tenant,
            task_id=task.id,
            parent=str(task.requester),
            correlation_id=task.id,
            environment=task.environment,
            agent=agent.name,
            agent_version=agent.version,
            trigger=str(task.requester),
            retries=task.attempts,
            decision=decision,
            texts=texts or {},
            sentence=sentence,
        )


def caller_of(claim: Claim, agent: Agent) -> Caller:
    """Return on whose behalf, and under which lease, an agent calls tools for a task."""
    task = claim.task
    return Caller(
        tenant=task.tenant,
        task_id=task.id,
        agent=agent.name,
        agent_version=agent.version,
        environment=task.environment,
        requester=task.requester,
        correlation_id=task.id,
        worker=claim.worker,
        epoch=claim.epoch,
    )
