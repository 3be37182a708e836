"""The gateway's record: intents before effects, outcomes after, and the counters of both."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update

from bot.store.context import Context
from bot.store.counters import counted, model_used, usage_of, used
from bot.store.halts import switches
from bot.store.proposals import add_proposal, moved, proposal_event, verification_times
from bot.store.signals import take_signal
from bot.store.stopping import stopped
from bot.store.tables import executions, proposals, tasks
from bot.store.tasks import settle_task
from policies.approvals import is_recent
from policies.audit import Event, EventKind
from policies.model import (
    PROPOSAL_TRANSITIONS,
    Actor,
    ActorKind,
    EffectKind,
    Proposal,
    ProposalState,
)
from tools.halts import Modes, matter_of
from tools.ports import (
    Caller,
    Direction,
    Frozen,
    Halted,
    Intent,
    LostLease,
    ModeChanged,
    ModelUse,
    Outcome,
    Stale,
    idempotency_key,
)

INTENT, DONE, FAILED, UNKNOWN = "intent", "done", "failed", "unknown"
UNSETTLED = frozenset({INTENT, UNKNOWN})
IN_VAIN = frozenset({"STILL_UNKNOWN", "NEEDS_A_PERSON"})


class SqlJournal:
    """See `tools.ports.Journal`; `modes` are those of the file."""

    def __init__(self, context: Context, modes: Modes | None = None) -> None:
        self._context, self._modes = context, modes or Modes()

    async def record(self, events: Sequence[Event]) -> None:
        """Append events."""

        def unit(connection: Connection) -> None:
            for event in events:
                self._context.ledger.append(connection, event)

        await self._context.database.write(unit)

    async def called(self, event: Event, caller: Caller) -> None:
        """Append the event of a tool call, and count the call for its task."""

        def unit(connection: Connection) -> None:
            self._context.ledger.append(connection, event)
            used(connection, (caller.task_id, caller.tenant), tool_calls=1)

        await self._context.database.write(unit)

    async def asked(self, event: Event, use: ModelUse, caller: Caller) -> None:
        """Append the event of a model's answer, and count its tokens and cost for the task."""

        def unit(connection: Connection) -> None:
            self._context.ledger.append(connection, event)
            model_used(connection, (caller.task_id, caller.tenant), use)

        await self._context.database.write(unit)

    async def begin(self, intent: Intent, caller: Caller) -> None:
        """Consume the approval, reserve and write the intent, in one transaction."""

        def unit(connection: Connection) -> None:
            fence(connection, caller)
            # In this very transaction: a switch that is committed stops what has not begun.
            _require_open(connection, self._modes, intent, caller)
            # Here too: the measurement before it and the wait for this write took their time.
            if intent.basis.read_at is not None and not is_recent(
                intent.basis.read_at, self._context.clock.now()
            ):
                raise Stale
            if intent.direction is Direction.FORWARD:
                _consume(connection, self._context, intent)
            else:
                _consume_rollback(connection, intent)
            _reserve(connection, self._context, intent)
            _write_intent(connection, self._context, intent)
            used(connection, (caller.task_id, caller.tenant), tool_calls=1)
            settle_task(connection, self._context, caller.task_id, "INTENT_WRITTEN")

        await self._context.database.write(unit)

    async def settle(self, outcome: Outcome, caller: Caller) -> None:
        """Write how it ended."""

        def unit(connection: Connection) -> None:
            fence(connection, caller)
            settled(connection, self._context, outcome)
            if outcome.stopped_by is not None:
                stopped(connection, self._context, caller.task_id, outcome.stopped_by)
            else:
                settle_task(connection, self._context, caller.task_id, outcome.reason)

        await self._context.database.write(unit)


def fence(connection: Connection, caller: Caller) -> None:
    """Raise LostLease when the task is no longer the caller's."""
    found = connection.execute(
        select(tasks.c.id).where(
            tasks.c.id == caller.task_id,
            tasks.c.epoch == caller.epoch,
            tasks.c.lease_owner == caller.worker,
        )
    ).first()
    if found is None:
        raise LostLease(f"task {caller.task_id}, epoch {caller.epoch}")


def _require_open(connection: Connection, modes: Modes, intent: Intent, caller: Caller) -> None:
    """Raise Halted where a switch stops an intent; only a pause stops one that undoes."""
    matter = matter_of(intent.proposal, intent.system)
    standing = switches(connection, caller.tenant).about(matter, modes)
    if standing.pause is not None:
        raise Halted
    if intent.direction is Direction.INVERSE:
        return
    if standing.freeze is not None:
        raise Frozen(standing.freeze)
    if intent.basis.mode is not None and standing.mode is not intent.basis.mode:
        raise ModeChanged


def _consume(connection: Connection, context: Context, intent: Intent) -> None:
    state = connection.execute(
        select(proposals.c.state).where(proposals.c.id == intent.proposal.id)
    ).scalar_one()
    before = ProposalState(state)
    if before not in {ProposalState.APPROVED, ProposalState.UNKNOWN}:
        raise LostLease(f"proposal {intent.proposal.id} is {before}")
    moved(
        connection,
        context,
        intent.proposal,
        (before, ProposalState.EXECUTING),
        "INTENT_WRITTEN",
        "Doing it now.",
        # Found so after a crash, it is due at once.
        next_at=context.clock.now(),
    )


def _consume_rollback(connection: Connection, intent: Intent) -> None:
    found = connection.execute(
        select(proposals.c.id).where(
            proposals.c.id == intent.proposal.id,
            proposals.c.roll_back_by.is_not(None),
            proposals.c.state.in_([ProposalState.EXECUTED, ProposalState.VERIFIED]),
        )
    ).first()
    if found is None:
        raise LostLease(f"proposal {intent.proposal.id} has nothing to roll back")


def _reserve(connection: Connection, context: Context, intent: Intent) -> None:
    """Hold an action against the limits: here nobody can come in between.

    A rollback takes its place in the counts, and is not held back by them.
    """
    reservation = intent.basis.reservation
    if reservation is None:
        return
    counters = counted(connection, context.clock.now(), reservation.scope)
    reservation.check(counters, usage_of(connection, reservation.scope.task_id))


def _write_intent(connection: Connection, context: Context, intent: Intent) -> None:
    action, now = intent.proposal.action, context.clock.now()
    tool = _tool(intent.proposal, intent.direction)
    is_here = executions.c.proposal_id == intent.proposal.id
    is_same = executions.c.direction == intent.direction
    again = connection.execute(
        update(executions)
        .where(is_here, is_same, executions.c.state.in_([UNKNOWN, FAILED]))
        .values(
            state=INTENT,
            started_at=now,
            attempts=executions.c.attempts + 1,
            asks=0,
            escalated_at=None,
            settled_by=None,
            identity=intent.identity,
            released_at=None,
            **_raised(intent),
        )
    )
    if again.rowcount == 0:
        values = {
            "state": INTENT,
            "baseline": intent.baseline,
            "on_behalf_of": intent.on_behalf_of,
            "identity": intent.identity,
            **_raised(intent),
        }
        _insert_execution(connection, intent.proposal, intent.direction, now, values)
    context.ledger.append(
        connection,
        proposal_event(
            intent.proposal,
            EventKind.INTENT_WRITTEN,
            f"{intent.proposal.id}: about to call `{tool}` ({intent.direction}).",
            now,
            tools=(tool,),
            systems=(intent.system,),
            decision=EffectKind.APPROVE,
            checkpoint=INTENT,
            identity=intent.identity,
            on_behalf_of=intent.on_behalf_of,
            data={
                "key": intent.key,
                "on_behalf_of": intent.on_behalf_of,
                "baseline": intent.baseline,
                "action_hash": action.hash,
                **({} if intent.basis.policy is None else {"policy_now": intent.basis.policy}),
            },
        ),
    )


def _raised(intent: Intent) -> dict[str, str | None]:
    found = None if intent.basis.reservation is None else intent.basis.reservation.raised
    if found is None:
        return {"raised_amount": None, "raised_currency": None}
    return {"raised_amount": str(found.amount), "raised_currency": found.currency}


def _insert_execution(
    connection: Connection,
    proposal: Proposal,
    direction: Direction,
    now: datetime,
    values: dict[str, Any],
) -> None:
    usual = {
        "proposal_id": proposal.id,
        "direction": direction,
        "tenant": proposal.action.tenant,
        "tool": _tool(proposal, direction),
        "environment": proposal.action.environment,
        "agent": proposal.action.agent,
        "target": proposal.action.target,
        "key": idempotency_key(proposal, direction),
        "on_behalf_of": proposal.action.requester,
        "started_at": now,
    }
    connection.execute(insert(executions).values(**{**usual, **values}))


def _tool(proposal: Proposal, direction: Direction) -> str:
    inverse = proposal.action.inverse
    return inverse.tool if direction is Direction.INVERSE and inverse else proposal.action.tool


def settled(connection: Connection, context: Context, outcome: Outcome) -> None:
    """Write how an effect ended, or that it still waits."""
    now = context.clock.now()
    proposal = outcome.proposal
    row = connection.execute(select(proposals).where(proposals.c.id == proposal.id)).one()
    before = ProposalState(row.state)
    if not PROPOSAL_TRANSITIONS[before]:
        # Withdrawn while its state was read: that stands.
        raise LostLease(f"proposal {proposal.id} is {before}")
    retry_at = None if outcome.retry_s is None else now + timedelta(seconds=outcome.retry_s)
    is_staying = outcome.state is None or outcome.state is before
    _note_asking(connection, outcome, now)
    # Waiting for the same reason is one event, however often we look.
    if not (is_staying and retry_at is not None and row.reason == outcome.reason):
        _write_outcome(connection, context, outcome)
    if outcome.state is None or is_staying:
        waiting: dict[str, Any] = {
            "next_at": retry_at,
            "reason": outcome.reason,
            "sentence": context.redactor.text(outcome.sentence),
        }
        if outcome.direction is Direction.INVERSE and retry_at is None:
            waiting["roll_back_by"] = None
            # The request had taken the place of what comes next: measuring, or following up.
            waiting["next_at"] = _resumes_at(connection, context, row)
        connection.execute(update(proposals).where(proposals.c.id == proposal.id).values(**waiting))
        return
    values: dict[str, Any] = {"next_at": retry_at}
    if outcome.state is ProposalState.EXECUTED:
        values["next_at"], values["verify_until"] = verification_times(proposal, now)
    moved(
        connection,
        context,
        proposal,
        (before, outcome.state),
        outcome.reason,
        outcome.sentence,
        **values,
    )
    if outcome.successor is not None:
        add_proposal(connection, context, outcome.successor)


def _resumes_at(connection: Connection, context: Context, row: Any) -> datetime | None:
    """Return when a proposal goes on whose rollback came to nothing; None when it is through."""
    now = context.clock.now()
    if row.state == ProposalState.VERIFIED:
        return None if row.is_followed_up else now
    done_at = connection.execute(
        select(executions.c.ended_at).where(
            executions.c.proposal_id == row.id, executions.c.direction == Direction.FORWARD
        )
    ).scalar_one_or_none()
    settled_at, _ = verification_times(Proposal.model_validate_json(row.body), done_at or now)
    return max(now, settled_at)


def _note_asking(connection: Connection, outcome: Outcome, now: datetime) -> None:
    """Count a question in vain, and note since when a person is asked; take the signal."""
    own = (
        executions.c.proposal_id == outcome.proposal.id,
        executions.c.direction == outcome.direction,
    )
    if outcome.reason in IN_VAIN:
        asked = update(executions).where(*own).values(asks=executions.c.asks + 1)
        connection.execute(asked)
    if outcome.reason == "NEEDS_A_PERSON":
        is_first = executions.c.escalated_at.is_(None)
        connection.execute(update(executions).where(*own, is_first).values(escalated_at=now))
    if outcome.signal is not None:
        by = take_signal(connection, outcome.signal, now)
        connection.execute(update(executions).where(*own).values(settled_by=by))


_EXECUTION_STATE = {
    ProposalState.EXECUTED: DONE,
    ProposalState.ROLLED_BACK: DONE,
    ProposalState.UNKNOWN: UNKNOWN,
}
_KINDS = {
    "STOPPED_IN_THE_MIDDLE": EventKind.EFFECT_UNKNOWN,
    "NO_CLEAR_ANSWER": EventKind.EFFECT_UNKNOWN,
    "STILL_UNKNOWN": EventKind.EFFECT_UNKNOWN,
    "NEEDS_A_PERSON": EventKind.EFFECT_ESCALATED,
    "PERSON_SAYS_DONE": EventKind.OUTCOME_WRITTEN,
    "PERSON_SAYS_NOT_DONE": EventKind.OUTCOME_WRITTEN,
    "RECONCILED_DONE": EventKind.EFFECT_RECONCILED,
    "EXECUTED": EventKind.OUTCOME_WRITTEN,
}


def _write_outcome(connection: Connection, context: Context, outcome: Outcome) -> None:
    now = context.clock.now()
    kind = _KINDS.get(outcome.reason, EventKind.TOOL_DENIED)
    if outcome.reason == "REFUSED_OUTSIDE":
        kind = EventKind.TOOL_FAILED
    state = FAILED if outcome.state is not None else None
    if outcome.state is not None:
        state = _EXECUTION_STATE.get(outcome.state, FAILED)
    elif kind in {EventKind.EFFECT_UNKNOWN, EventKind.EFFECT_ESCALATED}:
        state = UNKNOWN
    elif outcome.retry_s is None:
        state = FAILED
    if state is not None:
        values = {
            "state": state,
            "ended_at": now,
            # What surely was not done takes nothing of the limits.
            "released_at": now if state == FAILED else None,
            "sentence": context.redactor.text(outcome.sentence),
            "left_state": context.redactor.document(json.dumps(outcome.left)),
            "data": context.redactor.document(json.dumps(dict(outcome.data))),
        }
        ended = connection.execute(
            update(executions)
            .where(
                executions.c.proposal_id == outcome.proposal.id,
                executions.c.direction == outcome.direction,
            )
            .values(**values)
        )
        if ended.rowcount == 0 and outcome.direction is Direction.INVERSE:
            # A rollback that was refused before it began is told like one that failed.
            _insert_execution(connection, outcome.proposal, Direction.INVERSE, now, values)
    context.ledger.append(
        connection,
        proposal_event(
            outcome.proposal,
            kind,
            f"{outcome.proposal.id} ({outcome.direction}): {outcome.reason}.",
            now,
            actor=Actor(kind=ActorKind.SYSTEM, id="system:gateway"),
            decision=outcome.state,
            reasons=(outcome.reason,),
            checkpoint=state,
            **_voices(connection, outcome),
            escalation=outcome.reason if kind is EventKind.EFFECT_ESCALATED else None,
            texts={"outcome": outcome.sentence},
            data={**outcome.data, "action_hash": outcome.proposal.action.hash},
        ),
    )


def _voices(connection: Connection, outcome: Outcome) -> dict[str, str]:
    """Return as whom, and on whose behalf, the effect was asked for, if it was."""
    row = connection.execute(
        select(executions.c.identity, executions.c.on_behalf_of).where(
            executions.c.proposal_id == outcome.proposal.id,
            executions.c.direction == outcome.direction,
        )
    ).first()
    if row is None:
        return {}
    known = {"on_behalf_of": row.on_behalf_of, "identity": row.identity}
    return {name: value for name, value in known.items() if value is not None}
