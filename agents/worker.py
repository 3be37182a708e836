"""Takes tasks step by step; a handler per state, so a restart goes on there."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from pydantic import TypeAdapter

from agents.considering import Considered, Considering
from agents.partial import Patience, Thought, looked_for, thought_for, unasked, why
from agents.ports import AWAITED, Agent, Claim, ProposalRow, TaskChange, TaskStore
from agents.report import Report, cited, unfinished
from agents.steps import ProposalSteps
from agents.tasks import Task, TaskKind, TaskState
from policies.audit import Event, EventKind
from policies.limits import Ceiling, Limit, LimitReached, Reached
from policies.model import Actor, ActorKind, Clock
from tools.base import Evidence, Unavailable
from tools.execution import Execution
from tools.gateway import Gateway
from tools.halts import is_frozen
from tools.ports import Boundary, Caller, Frozen, Halted, LostLease, RecordUnavailable

PAUSED_S = 1.0
# People hear within two seconds what is seen, even when a source is slow.
SHOW_AFTER_S = 1.2
# The longest that a step may take, if nobody says otherwise; each call of a tool has a time-out of
# its own, far below.
STEP_LIMIT_S = 120.0
# The step that says: looking was stopped, and after how long.
STOPPED = "stopped"
# The step that says: a limit was reached, and which.
LIMITED = "limited"
FOLLOW_UP_S = 5.0

_EVIDENCE = TypeAdapter(tuple[Evidence, ...])
_log = logging.getLogger(__name__)


class StepTooLongError(Exception):
    """A step of a proposal did not come to an end in its time; it counts as a failed attempt."""


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """What a worker works with; no step may take longer than `step_limit_s`.

    Its work is timed by `monotonic`: a clock that jumps uses up nobody's time.
    """

    store: TaskStore
    agents: Mapping[TaskKind, Agent]
    gateway: Gateway
    clock: Clock
    boundary: Boundary
    step_limit_s: float = STEP_LIMIT_S
    monotonic: Callable[[], float] = time.monotonic


class Worker:
    """Takes one task one step further at a time; who hands tasks out is not its concern.

    A look or an analysis that takes too long is stopped, and what is there by then becomes a
    partial report: asking once more would meet the same slowness. A step of a proposal is tried
    again, since an effect must not be left half known. A task that reaches a limit keeps its
    partial report, and is left to people.
    """

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._store, self._limit_s = workshop.store, workshop.step_limit_s
        self._considering = Considering(workshop.store, workshop.gateway)
        self._steps = ProposalSteps(workshop.store, workshop.gateway, Execution(workshop.gateway))

    async def work(self, claim: Claim) -> None:
        """Take a claimed task a step further, and give it back."""
        began = self._workshop.monotonic()

        def worked_s() -> float:
            return self._workshop.monotonic() - began

        try:
            await self._step(claim)
            await self._store.release(claim, worked_s())
        except LostLease as lost:
            _log.warning("lost a lease: %s", lost, extra={"task_id": claim.task.id})
            # Where only a proposal moved on, the task is still ours, and others may go on with it.
            with contextlib.suppress(RecordUnavailable):
                await self._store.release(claim)
        except Halted:
            await asyncio.sleep(PAUSED_S)
            await self._store.release(claim)
        except RecordUnavailable as error:
            # Nothing is lost: the row still says what is to be done.
            _log.warning("a step waits: %s", error, extra={"task_id": claim.task.id})
            await asyncio.sleep(PAUSED_S)
        except asyncio.CancelledError:
            # Signoff stops: whoever starts next goes on where the row says.
            await self._store.release(claim, worked_s())
            raise
        # Boundary: one task's fault is recorded with it and never stops the others.
        except Exception as error:  # noqa: BLE001 - see above
            _log.exception("a step failed", extra={"task_id": claim.task.id})
            with contextlib.suppress(LostLease, RecordUnavailable):
                fault = f"{type(error).__name__}: {error}"
                await self._store.back_off(claim, fault, worked_s(), self._ceiling(claim))

    async def _step(self, claim: Claim) -> None:
        handlers: Mapping[TaskState, Callable[[Claim], Awaitable[None]]] = {
            TaskState.QUEUED: self._begin,
            TaskState.GATHERING: self._gather,
            TaskState.ANALYSING: self._analyse,
        }
        await handlers.get(claim.task.state, self._proposals_in_time)(claim)

    def _ceiling(self, claim: Claim) -> Ceiling:
        agent = self._workshop.agents[claim.task.kind]
        return self._workshop.gateway.budget.ceiling(caller_of(claim, agent))

    async def _patience(self, claim: Claim) -> Patience:
        usage = await self._workshop.gateway.parts.controls.usage(claim.task.id)
        ceiling = self._ceiling(claim)
        most = ceiling.task.wall_s
        if most is None or most - usage.worked_s > self._limit_s:
            return Patience(limit_s=self._limit_s, reached=None)
        reached = ceiling.reached(Limit.WALL_S, most, most, is_of_task=True)
        return Patience(limit_s=max(0.0, most - usage.worked_s), reached=reached)

    async def _begin(self, claim: Claim) -> None:
        self._workshop.boundary("task.accepted")
        await self._store.advance(claim, TaskChange(state=TaskState.GATHERING))

    async def _gather(self, claim: Claim) -> None:
        agent = self._workshop.agents[claim.task.kind]
        steps: dict[str, str] = {}
        patience = await self._patience(claim)
        limit, reached = asyncio.timeout(patience.limit_s), None
        try:
            async with limit:
                evidence = await self._gathered(claim, agent)
        except LimitReached as error:
            evidence, reached = await self._store.answers(claim.task.id), error.reached
        except TimeoutError:
            if not limit.expired():
                raise
            evidence, reached = await self._store.answers(claim.task.id), patience.reached
            if reached is None:
                steps[STOPPED] = f"{self._limit_s:g}"
        if reached is not None:
            steps[LIMITED] = reached.model_dump_json()
        silent = sum(item.fault is not None for item in evidence)
        old = sum(item.stale_s is not None for item in evidence)
        stopped = f" Stopped after {self._limit_s:g} s." if STOPPED in steps else ""
        stopped = stopped if reached is None else f" Stopped: {reached.reason}."
        event = self._event(
            claim,
            agent,
            EventKind.EVIDENCE_GATHERED,
            f"Gathered {len(evidence)} pieces of evidence: {silent} without an answer, {old} old."
            + stopped,
        ).model_copy(update={"reasons": why(reached, is_too_long=STOPPED in steps)})
        change = TaskChange(
            state=TaskState.ANALYSING,
            events=(event,),
            steps={**steps, "evidence": _EVIDENCE.dump_json(evidence).decode()},
        )
        await self._store.advance(claim, change)
        self._workshop.boundary("evidence.gathered")

    async def _gathered(self, claim: Claim, agent: Agent) -> tuple[Evidence, ...]:
        """Gather; when that takes long, the thread shows what is there already."""
        gathering = asyncio.create_task(agent.gather(caller_of(claim, agent), claim.task))
        try:
            done, _ = await asyncio.wait({gathering}, timeout=SHOW_AFTER_S)
            if not done:
                event = self._event(
                    claim,
                    agent,
                    EventKind.EVIDENCE_AWAITED,
                    "Some sources have not answered yet; the thread shows what is there.",
                )
                change = TaskChange(
                    state=TaskState.GATHERING, events=(event,), steps={AWAITED: "{}"}
                )
                await self._store.advance(claim, change)
            return await gathering
        finally:
            gathering.cancel()

    async def _analyse(self, claim: Claim) -> None:
        agent = self._workshop.agents[claim.task.kind]
        kept = await self._store.step(claim.task.id, "evidence")
        evidence = _EVIDENCE.validate_json(kept or "[]")
        stopped = await self._store.step(claim.task.id, STOPPED)
        limited = await self._store.step(claim.task.id, LIMITED)
        thought = Thought(
            report=unfinished(evidence),
            notes=[] if stopped is None else [looked_for(stopped)],
            reached=None if limited is None else Reached.model_validate_json(limited),
        )
        try:
            await self._think(claim, agent, evidence, thought)
        except Frozen:
            # What was found out is shown; what could be done is proposed when it goes on.
            await self._show(claim, agent, thought.concluded())
            raise
        report = thought.concluded()
        event = self._event(
            claim,
            agent,
            EventKind.REPORT_WRITTEN,
            f"{'Partial report' if thought.is_partial else 'Report'}: {report.outcome},"
            f" by {report.analysed_by}.",
            texts={"summary": report.summary},
            decision=report.outcome,
        ).model_copy(update={"reasons": why(thought.reached, is_too_long=bool(thought.notes))})
        change = TaskChange(
            events=(event,),
            steps={"report": report.model_dump_json()},
            proposals=tuple(thought.found.proposals),
            ceiling=self._ceiling(claim),
            stopped_by=thought.reached,
        )
        try:
            await self._store.advance(claim, change)
        except LimitReached as error:
            # Other tasks proposed meanwhile: what is too much is left out, and said.
            report = report.model_copy(update={"notes": (*report.notes, unasked(error))})
            steps = {"report": report.model_dump_json()}
            await self._store.advance(claim, replace(change, steps=steps, proposals=()))
        self._workshop.boundary("report.written")

    async def _show(self, claim: Claim, agent: Agent, report: Report) -> None:
        """Write the report of a frozen task, once, and leave the task where it is."""
        if await self._store.step(claim.task.id, "report") is not None:
            return
        event = self._event(
            claim,
            agent,
            EventKind.REPORT_WRITTEN,
            f"Report: {report.outcome}; nothing is proposed while the task is frozen.",
            texts={"summary": report.summary},
            decision=report.outcome,
        ).model_copy(update={"reasons": (Frozen.reason,)})
        steps = {"report": cited(report).model_dump_json()}
        change = TaskChange(state=claim.task.state, events=(event,), steps=steps)
        await self._store.advance(claim, change)

    async def _think(
        self, claim: Claim, agent: Agent, evidence: tuple[Evidence, ...], thought: Thought
    ) -> None:
        """Conclude and propose; what stops it leaves what is there by then.

        After a limit it concludes on what was seen, and proposes nothing.
        """
        is_limited = thought.reached is not None
        patience = await self._patience(claim)
        limit_s = self._limit_s if is_limited else patience.limit_s
        limit = asyncio.timeout(limit_s)
        try:
            async with limit:
                thought.report, drafts = await agent.analyse(claim.task, evidence)
                if not is_limited:
                    caller = caller_of(claim, agent)
                    await self._considering.consider(claim, caller, drafts, thought.found)
        except LimitReached as error:
            thought.reached = thought.reached or error.reached
        except TimeoutError:
            if not limit.expired():
                raise
            if is_limited or patience.reached is None:
                thought.notes.append(thought_for(limit_s))
            else:
                thought.reached = patience.reached
        if thought.reached is not None:
            thought.found.proposals.clear()

    async def _proposals_in_time(self, claim: Claim) -> None:
        limit = asyncio.timeout(self._limit_s)
        try:
            async with limit:
                await self._proposals(claim)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise StepTooLongError(f"the step took longer than {self._limit_s:g} s") from error

    async def _proposals(self, claim: Claim) -> None:
        agent = self._workshop.agents[claim.task.kind]
        caller = caller_of(claim, agent)
        for signal in await self._store.signals(claim.task.id):
            rows = await self._store.proposals(claim.task.id)
            await self._steps.hear(claim, signal, rows, caller)
        now, is_idle = self._workshop.clock.now(), True
        faults: list[Exception] = []
        for row in await self._store.proposals(claim.task.id):
            if row.next_at is not None and row.next_at <= now:
                is_idle = False
                faults += await self._advanced(claim, agent, row)
        for fault in faults:
            if isinstance(fault, LimitReached):
                await self._store.stop(claim, fault.reached)
                return
        if faults:
            raise faults[0]
        if is_idle:
            # Woken for nothing: it sleeps until its next appointment.
            await self._store.settle(claim)
        self._workshop.boundary("proposals.advanced")

    async def _advanced(self, claim: Claim, agent: Agent, row: ProposalRow) -> list[Exception]:
        """Take a proposal a step further, and return what went wrong by a fault of our own."""
        try:
            if await self._steps.advance(claim, row, caller_of(claim, agent)):
                await self._follow_up(claim, agent, row)
        except (LostLease, Halted, RecordUnavailable):
            raise
        # Boundary: one proposal's fault is raised when the task's others have had their turn.
        except Exception as error:  # noqa: BLE001 - see above
            return [error]
        return []

    async def _follow_up(self, claim: Claim, agent: Agent, row: ProposalRow) -> None:
        drafts, found = await agent.follow_up(claim.task, row), Considered()
        caller = caller_of(claim, agent)
        try:
            await self._considering.consider(claim, caller, drafts, found, is_patient=True)
        except (Unavailable, Frozen):
            # The next step is not lost because a system is down, or stopped, for a while.
            await self._store.measure_again(claim, row, FOLLOW_UP_S)
            return
        if any(is_frozen(made) for made in found.proposals):
            await self._store.measure_again(claim, row, FOLLOW_UP_S)
            return
        try:
            ceiling = self._ceiling(claim)
            await self._store.follow_up(claim, row, found.proposals, found.notes, ceiling)
        except LimitReached as error:
            await self._store.follow_up(claim, row, (), [*found.notes, unasked(error)])
        self._workshop.boundary("followed.up")

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
            on_behalf_of=str(task.requester),
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
