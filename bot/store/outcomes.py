"""How effects ended, or that they still wait; each end is an event and a move of its proposal."""

import json
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update

from bot.store.context import Context
from bot.store.proposals import add_proposal, moved, proposal_event, verification_times
from bot.store.signals import take_signal
from bot.store.tables import executions, proposals
from policies.audit import EventKind
from policies.model import (
    PROPOSAL_TRANSITIONS,
    Actor,
    ActorKind,
    Proposal,
    ProposalState,
)
from tools.ports import (
    Direction,
    LostLease,
    Outcome,
    idempotency_key,
)

INTENT, DONE, FAILED, UNKNOWN = "intent", "done", "failed", "unknown"
UNSETTLED = frozenset({INTENT, UNKNOWN})
IN_VAIN = frozenset({"STILL_UNKNOWN", "NEEDS_A_PERSON"})


def insert_execution(
    connection: Connection,
    proposal: Proposal,
    direction: Direction,
    now: datetime,
    values: dict[str, Any],
) -> None:
    """Add the row of an effect, as a call of the requester where nothing else is said."""
    usual = {
        "proposal_id": proposal.id,
        "direction": direction,
        "tenant": proposal.action.tenant,
        "tool": tool_of(proposal, direction),
        "environment": proposal.action.environment,
        "agent": proposal.action.agent,
        "target": proposal.action.target,
        "key": idempotency_key(proposal, direction),
        "on_behalf_of": proposal.action.requester,
        "started_at": now,
    }
    connection.execute(insert(executions).values(**{**usual, **values}))


def tool_of(proposal: Proposal, direction: Direction) -> str:
    """Return the tool that one direction of a proposal calls."""
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
            insert_execution(connection, outcome.proposal, Direction.INVERSE, now, values)
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
