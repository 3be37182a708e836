"""Tasks of a kind or in a state that only a newer version knows: left as they are, and told."""

import logging
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, and_, not_, select
from sqlalchemy.dialects.sqlite import insert as insert_or

from bot.store.boxes import send
from bot.store.context import Context
from bot.store.tables import proposals, steps, tasks, threads
from bot.store.tasks import KNOWN
from policies.audit import Event, EventKind
from policies.model import Proposal, ProposalState

TOLD = "told.newer_version"

_log = logging.getLogger(__name__)


def is_strange(connection: Connection, proposal_id: str) -> bool:
    """Say whether only a newer version knows what a proposal says, or its or its task's state."""
    is_known = and_(KNOWN, proposals.c.state.in_(list(ProposalState)))
    found = connection.execute(
        select(proposals.c.body, is_known.label("is_known"))
        .join(tasks, tasks.c.id == proposals.c.task_id)
        .where(proposals.c.id == proposal_id)
    ).first()
    return found is not None and not (found.is_known and _is_read(found.body))


def _is_read(body: str) -> bool:
    try:
        Proposal.model_validate_json(body)
    except ValidationError:
        return False
    return True


def tell_strangers(connection: Connection, context: Context) -> None:
    """Log every open task that this version can't work on; tell each once in its thread.

    Their rows stay as they are: the version that wrote them goes on with them.
    """
    found = connection.execute(
        select(tasks, threads.c.channel, threads.c.root_ts)
        .join(threads, threads.c.id == tasks.c.thread_id)
        .where(not_(KNOWN), tasks.c.open_key.is_not(None))
        .order_by(tasks.c.id)
    ).all()
    if not found:
        return
    names = ", ".join(f"{row.id} ({_what(row)})" for row in found)
    _log.error("left alone, since only a newer version of Signoff knows how to go on: %s", names)
    for row in found:
        if _is_first_time(connection, context, row):
            _escalate(connection, context, row)


def _is_first_time(connection: Connection, context: Context, row: Any) -> bool:
    done = connection.execute(
        insert_or(steps)
        .values(
            task_id=row.id,
            name=TOLD,
            tenant=row.tenant,
            result="{}",
            at=context.clock.now(),
        )
        .on_conflict_do_nothing()
    )
    return done.rowcount == 1


def _what(row: Any) -> str:
    return f"kind {row.kind} in version {row.definition}, state {row.state}"


def _escalate(connection: Connection, context: Context, row: Any) -> None:
    message = {
        "channel": row.channel,
        "text": f"Escalated: I can't go on with task {row.id}. A newer version of Signoff wrote it"
        f" ({_what(row)}), and I don't know how it goes on. Nothing is lost: start the newer"
        " version.",
    }
    if row.root_ts is not None:
        message["thread_ts"] = row.root_ts
    send(connection, context, "channel", message)
    context.ledger.append(
        connection,
        Event(
            kind=EventKind.TASK_ESCALATED,
            at=context.clock.now(),
            tenant=row.tenant,
            task_id=row.id,
            correlation_id=row.id,
            environment=row.environment,
            escalation="NEEDS_NEWER_VERSION",
            data={"thread": row.thread_id, "kind": row.kind, "state": row.state},
            sentence=f"Task {row.id} is left to a newer version.",
        ),
    )
