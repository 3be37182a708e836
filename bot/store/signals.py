"""What somebody says to a task, kept until its worker takes it; each is said once."""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.sqlite import insert as insert_or

from agents.ports import Signal
from bot.store.context import Context
from bot.store.proposals import proposal_event, proposal_of
from bot.store.tables import executions, signals
from bot.store.votes import Answer, Click, card_key, refused, undoers
from policies.approvals import Memberships, Refusal, barred
from policies.audit import EventKind
from policies.model import Actor, ActorKind, Proposal
from tools.ports import Direction

SETTLE = "effect.settled"


def settle_unknown(
    connection: Connection,
    context: Context,
    click: Click,
    memberships: Memberships,
    *,
    has_happened: bool,
) -> Answer:
    """Note what a person saw of an effect nobody else can tell of; the first word counts."""
    key = card_key(connection, click)
    found = None if key is None else _unknown_of(connection, click, key)
    if found is None:
        return refused(connection, context, click, None, Refusal.OTHER_CARD)
    proposal, direction, row = found
    now = context.clock.now()
    refusal = barred(click.voter, undoers(connection, proposal), memberships, now)
    # By attempt: tried again, it may become unknown again.
    signal_id = f"{SETTLE}:{proposal.id}:{direction}:{row.attempts}"
    if refusal is None and (row.state != "unknown" or click.seen_hash != proposal.action.hash):
        refusal = Refusal.ALREADY_DECIDED
    word = {"person": click.voter.id, "happened": has_happened, "direction": direction.value}
    if refusal is None:
        done = connection.execute(
            insert_or(signals)
            .values(
                id=signal_id,
                tenant=proposal.action.tenant,
                task_id=proposal.task_id,
                kind=SETTLE,
                body=json.dumps({**word, "proposal": proposal.id}),
                at=now,
            )
            .on_conflict_do_nothing()
        )
        if done.rowcount == 0:
            refusal = Refusal.ALREADY_DECIDED
    if refusal is not None:
        return refused(connection, context, click, proposal, refusal)
    said = "it happened" if has_happened else "it did not happen"
    context.ledger.append(
        connection,
        proposal_event(
            proposal,
            EventKind.EFFECT_SETTLED,
            f"{proposal.id} ({direction}): {click.voter.id} says that {said}.",
            now,
            actor=Actor(kind=ActorKind.HUMAN, id=click.voter.id),
            decision="done" if has_happened else "not done",
        ),
    )
    context.dispatcher.wake(connection, proposal.task_id, now)
    return Answer(refusal=None, proposal=proposal)


def waiting_signals(connection: Connection, task_id: str) -> list[Signal]:
    """Return what was said to a task and not taken yet, in order."""
    rows = connection.execute(
        select(signals)
        .where(signals.c.task_id == task_id, signals.c.taken_at.is_(None))
        .order_by(signals.c.at, signals.c.id)
    )
    return [Signal(id=row.id, kind=row.kind, body=json.loads(row.body)) for row in rows]


def take_signal(connection: Connection, signal_id: str, now: datetime) -> str | None:
    """Take a signal, and return who gave it; None when it was taken already."""
    done = connection.execute(
        update(signals)
        .where(signals.c.id == signal_id, signals.c.taken_at.is_(None))
        .values(taken_at=now)
    )
    if done.rowcount == 0:
        return None
    body = connection.execute(select(signals.c.body).where(signals.c.id == signal_id)).scalar_one()
    return str(json.loads(body)["person"])


def _unknown_of(
    connection: Connection, click: Click, key: str
) -> tuple[Proposal, Direction, Any] | None:
    """Return the proposal, the direction and the execution that a card asks about."""
    for direction in Direction:
        if key == f"unknown:{click.proposal_id}:{direction}":
            found = proposal_of(connection, click.proposal_id)
            row = connection.execute(
                select(executions).where(
                    executions.c.proposal_id == click.proposal_id,
                    executions.c.direction == direction,
                )
            ).first()
            return None if found is None or row is None else (found[0], direction, row)
    return None
