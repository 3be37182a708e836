"""The worker's store of tasks: one fenced transaction per step."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, func, select, update

from agents.ports import Claim, ProposalRow, Signal, TaskChange
from bot.store.batches import batched
from bot.store.context import Context
from bot.store.counters import open_proposals, usage_of, used
from bot.store.escalations import TOO_MANY_ATTEMPTS
from bot.store.memory import ANSWER
from bot.store.poison import give_up
from bot.store.proposals import (
    add_proposal,
    moved,
    proposal_rows,
    verdict_written,
)
from bot.store.records import ledger_index
from bot.store.reminders import called
from bot.store.signals import take_signal, waiting_signals
from bot.store.stopping import stopped
from bot.store.tables import proposals, steps, tasks, threads
from bot.store.tasks import fenced, keep_step, move_task, settle_task, task_event
from policies.audit import EventKind
from policies.ladder import Rung
from policies.limits import Ceiling, LimitReached, Reached
from policies.model import EffectKind, Proposal, ProposalState, Verdict
from tools.base import Evidence

MAX_ATTEMPTS = 5
NO_FOLLOW_UP = "NO_FOLLOW_UP"


class SqlTaskStore:
    """Tasks and their proposals in SQL; see `agents.ports.TaskStore`."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._database = context.database

    async def advance(self, claim: Claim, change: TaskChange) -> None:
        """Write one step."""
        context = self._context
        # Findings and evidence as JSON, before they are stored and posted; not in the unit, which
        # keeps everybody else's writes waiting.
        results = {name: context.redactor.document(result) for name, result in change.steps.items()}

        def unit(connection: Connection) -> None:
            task = fenced(connection, claim)
            for name, result in results.items():
                keep_step(connection, context, (task.id, task.tenant), name, result)
            for event in change.events:
                context.ledger.append(connection, event)
            _add(connection, context, change.proposals, change.ceiling)
            connection.execute(
                update(tasks).where(tasks.c.id == task.id).values(attempts=0, deaths=0)
            )
            if change.stopped_by is not None:
                stopped(connection, context, task.id, change.stopped_by)
            elif change.state is None:
                settle_task(connection, context, task.id, "ANALYSED")
            elif change.state is not task.state:
                move_task(connection, context, task, change.state, "STEP_DONE")

        await self._database.write(unit)

    async def release(self, claim: Claim, worked_s: float = 0.0) -> None:
        """Give the task back."""

        def unit(connection: Connection) -> None:
            done = connection.execute(
                update(tasks)
                .where(tasks.c.id == claim.task.id, tasks.c.epoch == claim.epoch)
                # What has come this far has not failed five times in a row.
                .values(lease_owner=None, lease_until=0, attempts=0, deaths=0)
            )
            if done.rowcount == 1 and worked_s > 0:
                used(connection, (claim.task.id, claim.task.tenant), worked_s=worked_s)

        await self._database.write(unit)

    async def stop(self, claim: Claim, reached: Reached) -> None:
        """Leave the task to people because of a limit."""

        def unit(connection: Connection) -> None:
            fenced(connection, claim)
            stopped(connection, self._context, claim.task.id, reached)

        await self._database.write(unit)

    async def waiting(self, claim: Claim) -> tuple[int, int]:
        """Return how many proposals wait for a person: of the task's agent, and of the task."""
        task = claim.task
        return await self._database.read(
            lambda connection: open_proposals(connection, task.tenant, task.kind, task.id)
        )

    async def back_off(
        self, claim: Claim, fault: str, worked_s: float = 0.0, ceiling: Ceiling | None = None
    ) -> None:
        """Count a failed attempt, and try later or escalate."""
        context = self._context

        def unit(connection: Connection) -> None:
            task = fenced(connection, claim)
            now = context.clock.now()
            attempts = task.attempts + 1
            is_last = attempts >= MAX_ATTEMPTS
            wake_at = None if is_last else now + timedelta(seconds=2**attempts)
            connection.execute(
                update(tasks)
                .where(tasks.c.id == task.id)
                .values(attempts=attempts, deaths=0, lease_owner=None, lease_until=0)
            )
            context.dispatcher.wake(connection, task.id, wake_at)
            context.ledger.append(
                connection,
                task_event(
                    task,
                    EventKind.TASK_FAILED,
                    f"Task {task.id}: attempt {attempts} failed.",
                    now,
                    texts={"fault": fault},
                    escalation=TOO_MANY_ATTEMPTS if is_last else None,
                ),
            )
            used(connection, (task.id, task.tenant), retries=1, worked_s=worked_s)
            usage = usage_of(connection, task.id)
            reached = None if ceiling is None else ceiling.of_retries(usage)
            if is_last or reached is not None:
                # Whatever fails stays due: both end that, or it would go round at once.
                give_up(connection, context, task, fault, None if is_last else reached)

        await self._database.write(unit)

    async def step(self, task_id: str, name: str) -> str | None:
        """Return the kept result of a step, or None."""
        query = select(steps.c.result).where(steps.c.task_id == task_id, steps.c.name == name)
        return await self._database.read(
            lambda connection: connection.execute(query).scalar_one_or_none()
        )

    async def answers(self, task_id: str) -> tuple[Evidence, ...]:
        """Return the answers that a task's look has had so far, in the order of its questions."""
        query = select(steps.c.result).where(
            steps.c.task_id == task_id, steps.c.name.startswith(ANSWER)
        )
        kept = await self._database.read(
            lambda connection: connection.execute(query).scalars().all()
        )
        found = map(Evidence.model_validate_json, kept)
        return tuple(sorted(found, key=lambda item: (len(item.id), item.id)))

    async def proposals(self, task_id: str) -> list[ProposalRow]:
        """Return the proposals of a task in the order they were made."""
        return await self._database.read(lambda connection: proposal_rows(connection, task_id))

    async def move(
        self, claim: Claim, row: ProposalRow, to: ProposalState, reason: str, sentence: str
    ) -> None:
        """Move a proposal, and the task with it."""
        context = self._context

        def unit(connection: Connection) -> None:
            fenced(connection, claim)
            moved(connection, context, row.proposal, (row.state, to), reason, sentence)
            settle_task(connection, context, claim.task.id, reason)

        await self._database.write(unit)

    async def remind(
        self, claim: Claim, row: ProposalRow, rung: Rung, groups: Sequence[str]
    ) -> None:
        """Call people to a proposal that waits, once for each rung."""
        context = self._context

        def unit(connection: Connection) -> None:
            fenced(connection, claim)
            called(connection, context, row, rung, groups)
            settle_task(connection, context, claim.task.id, "WAITING")

        await self._database.write(unit)

    async def verified(
        self, claim: Claim, row: ProposalRow, verdict: Verdict, measured: str | None
    ) -> None:
        """Write a verdict."""
        context = self._context

        def unit(connection: Connection) -> None:
            fenced(connection, claim)
            verdict_written(connection, context, row, verdict, measured)
            settle_task(connection, context, claim.task.id, "VERIFIED")

        await self._database.write(unit)

    async def measure_again(self, claim: Claim, row: ProposalRow, delay_s: float) -> None:
        """Look again later."""
        context = self._context

        def unit(connection: Connection) -> None:
            fenced(connection, claim)
            connection.execute(
                update(proposals)
                .where(proposals.c.id == row.proposal.id)
                .values(next_at=context.clock.now() + timedelta(seconds=delay_s))
            )
            settle_task(connection, context, claim.task.id, "WAITING")

        await self._database.write(unit)

    async def follow_up(
        self,
        claim: Claim,
        row: ProposalRow,
        proposals_: Sequence[Proposal],
        notes: Sequence[str] = (),
        ceiling: Ceiling | None = None,
    ) -> None:
        """Write what is proposed after a proposal was carried out and read back."""
        context = self._context
        values: dict[str, Any] = {"is_followed_up": True, "next_at": None}
        if notes:
            values |= {"reason": NO_FOLLOW_UP, "sentence": context.redactor.text(" ".join(notes))}

        def unit(connection: Connection) -> None:
            fenced(connection, claim)
            _add(connection, context, proposals_, ceiling)
            connection.execute(
                update(proposals).where(proposals.c.id == row.proposal.id).values(**values)
            )
            settle_task(connection, context, claim.task.id, "FOLLOWED_UP")

        await self._database.write(unit)

    async def settle(self, claim: Claim) -> None:
        """Bring the task in line with its proposals: its state, and when it wakes next."""
        context = self._context

        def unit(connection: Connection) -> None:
            fenced(connection, claim)
            settle_task(connection, context, claim.task.id, "NOTHING_DUE")

        await self._database.write(unit)

    async def signals(self, task_id: str) -> list[Signal]:
        """Return what was said to the task and not taken yet."""
        return await self._database.read(lambda connection: waiting_signals(connection, task_id))

    async def drop(self, claim: Claim, signal: Signal) -> None:
        """Take a signal that came too late."""
        context = self._context

        def unit(connection: Connection) -> None:
            fenced(connection, claim)
            take_signal(connection, signal.id, context.clock.now())
            settle_task(connection, context, claim.task.id, "TOO_LATE")

        await self._database.write(unit)

    async def is_told(self, task_id: str) -> bool:
        """Say whether the thread shows the newest of the task's events."""

        def unit(connection: Connection) -> bool:
            newest = connection.execute(
                select(func.max(ledger_index.c.seq)).where(ledger_index.c.task_id == task_id)
            ).scalar_one()
            cursor = connection.execute(
                select(threads.c.cursor)
                .join(tasks, tasks.c.thread_id == threads.c.id)
                .where(tasks.c.id == task_id)
            ).scalar_one()
            return bool(cursor >= (newest or 0))

        return await self._database.read(unit)


def _add(
    connection: Connection,
    context: Context,
    made: Sequence[Proposal],
    ceiling: Ceiling | None,
) -> None:
    """Add proposals, unless with them more would wait for people than may."""
    batches = batched(made)
    for proposal in made:
        if ceiling is not None and proposal.decision.effect is EffectKind.APPROVE:
            action = proposal.action
            of_agent, of_task = open_proposals(
                connection, action.tenant, action.agent, proposal.task_id
            )
            reached = ceiling.of_proposals(of_task, of_agent)
            if reached is not None:
                raise LimitReached(reached)
        add_proposal(connection, context, proposal, batches.get(proposal.id))
