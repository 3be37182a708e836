"""Takes tasks step by step; a handler per state, so a restart goes on there."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from pydantic import TypeAdapter

from agents.ports import AWAITED, Agent, Claim, ProposalRow, TaskChange, TaskStore
from agents.report import Report, cited, unfinished
from agents.steps import ProposalSteps
from agents.tasks import Task, TaskKind, TaskState
from policies.audit import Event, EventKind
from policies.model import Actor, ActorKind, Clock, Proposal
from tools.base import Evidence, ToolError, Unavailable
from tools.catalogue import UnknownTool
from tools.execution import Execution
from tools.gateway import Gateway
from tools.halts import is_frozen
from tools.ports import Boundary, Caller, Draft, Frozen, Halted, LostLease, RecordUnavailable

PAUSED_S = 1.0
# People hear within two seconds what is seen, even when a source is slow.
SHOW_AFTER_S = 1.2
# The longest that a step may take, if nobody says otherwise; each call of a tool has a time-out of
# its own, far below.
STEP_LIMIT_S = 120.0
TOO_LONG = "STEP_TOO_LONG"
# The step that says: looking was stopped, and after how long.
STOPPED = "stopped"
FOLLOW_UP_S = 5.0

_EVIDENCE = TypeAdapter(tuple[Evidence, ...])
_log = logging.getLogger(__name__)


class StepTooLongError(Exception):
    """A step of a proposal did not come to an end in its time; it counts as a failed attempt."""


@dataclass
class Considered:
    """What became of an agent's drafts so far."""

    proposals: list[Proposal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """What a worker works with; no step may take longer than `step_limit_s`."""

    store: TaskStore
    agents: Mapping[TaskKind, Agent]
    gateway: Gateway
    clock: Clock
    boundary: Boundary
    step_limit_s: float = STEP_LIMIT_S


class Worker:
    """Takes one task one step further at a time; who hands tasks out is not its concern.

    A look or an analysis that takes too long is stopped, and what is there by then becomes a
    partial report: asking once more would meet the same slowness. A step of a proposal is tried
    again, since an effect must not be left half known.
    """

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._store, self._limit_s = workshop.store, workshop.step_limit_s
        self._steps = ProposalSteps(workshop.store, workshop.gateway, Execution(workshop.gateway))

    async def work(self, claim: Claim) -> None:
        """Take a claimed task a step further, and give it back."""
        try:
            await self._step(claim)
            await self._store.release(claim)
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
            await self._store.release(claim)
            raise
        # Boundary: one task's fault is recorded with it and never stops the others.
        except Exception as error:  # noqa: BLE001 - see above
            _log.exception("a step failed", extra={"task_id": claim.task.id})
            with contextlib.suppress(LostLease, RecordUnavailable):
                await self._store.back_off(claim, f"{type(error).__name__}: {error}")

    async def _step(self, claim: Claim) -> None:
        handlers: Mapping[TaskState, Callable[[Claim], Awaitable[None]]] = {
            TaskState.QUEUED: self._begin,
            TaskState.GATHERING: self._gather,
            TaskState.ANALYSING: self._analyse,
        }
        await handlers.get(claim.task.state, self._proposals_in_time)(claim)

    async def _begin(self, claim: Claim) -> None:
        self._workshop.boundary("task.accepted")
        await self._store.advance(claim, TaskChange(state=TaskState.GATHERING))

    async def _gather(self, claim: Claim) -> None:
        agent = self._workshop.agents[claim.task.kind]
        steps: dict[str, str] = {}
        limit = asyncio.timeout(self._limit_s)
        try:
            async with limit:
                evidence = await self._gathered(claim, agent)
        except TimeoutError:
            if not limit.expired():
                raise
            evidence = await self._store.answers(claim.task.id)
            steps[STOPPED] = f"{self._limit_s:g}"
        silent = sum(item.fault is not None for item in evidence)
        old = sum(item.stale_s is not None for item in evidence)
        stopped = f" Stopped after {self._limit_s:g} s." if steps else ""
        event = self._event(
            claim,
            agent,
            EventKind.EVIDENCE_GATHERED,
            f"Gathered {len(evidence)} pieces of evidence: {silent} without an answer, {old} old."
            + stopped,
        ).model_copy(update={"reasons": (TOO_LONG,) if steps else ()})
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
        partial: tuple[str, ...] = () if stopped is None else (_looked(stopped),)
        report, found = unfinished(evidence), Considered()
        limit = asyncio.timeout(self._limit_s)
        try:
            async with limit:
                report, drafts = await agent.analyse(claim.task, evidence)
                await self._consider(claim, agent, drafts, found)
        except Frozen:
            # What was found out is shown; what could be done is proposed when it goes on.
            await self._show(claim, agent, report)
            raise
        except TimeoutError:
            if not limit.expired():
                raise
            partial += (_thought(self._limit_s),)
        notes = (*partial, *report.notes, *found.notes)
        summary = f"Partial report. {report.summary}" if partial else report.summary
        report = cited(report).model_copy(update={"notes": notes, "summary": summary})
        event = self._event(
            claim,
            agent,
            EventKind.REPORT_WRITTEN,
            f"{'Partial report' if partial else 'Report'}: {report.outcome},"
            f" by {report.analysed_by}.",
            texts={"summary": report.summary},
            decision=report.outcome,
        ).model_copy(update={"reasons": (TOO_LONG,) if partial else ()})
        change = TaskChange(
            events=(event,),
            steps={"report": report.model_dump_json()},
            proposals=tuple(found.proposals),
        )
        await self._store.advance(claim, change)
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

    async def _consider(
        self,
        claim: Claim,
        agent: Agent,
        drafts: tuple[Draft, ...],
        found: Considered,
        *,
        is_patient: bool = False,
    ) -> None:
        """Turn drafts into proposals; `found` has what is through when this is stopped."""
        known = len(await self._store.proposals(claim.task.id))
        caller = caller_of(claim, agent)
        for draft in drafts:
            proposal_id = f"{claim.task.id}-{known + len(found.proposals) + 1}"
            try:
                made = await self._workshop.gateway.consider(draft, proposal_id, caller)
                found.proposals.append(made)
            except (ToolError, UnknownTool) as error:
                if is_patient and isinstance(error, Unavailable):
                    raise
                found.notes.append(f"`{draft.tool}` can't be proposed: {error}")

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
        try:
            await self._consider(claim, agent, drafts, found, is_patient=True)
        except (Unavailable, Frozen):
            # The next step is not lost because a system is down, or stopped, for a while.
            await self._store.measure_again(claim, row, FOLLOW_UP_S)
            return
        if any(is_frozen(made) for made in found.proposals):
            await self._store.measure_again(claim, row, FOLLOW_UP_S)
            return
        await self._store.follow_up(claim, row, found.proposals, found.notes)
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
            retries=task.attempts,
            decision=decision,
            texts=texts or {},
            sentence=sentence,
        )


def _looked(after_s: str) -> str:
    return (
        f"The look was stopped after {after_s} s. What had not answered by then is"
        " missing; ask again for the rest."
    )


def _thought(after_s: float) -> str:
    return (
        f"The analysis was stopped after {after_s:g} s. What was found until then"
        " stands here; ask again for the rest."
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
