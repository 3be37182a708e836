"""Mends what is due after the machine's clock was set back: what was due stays due."""

import time
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, func, select, update

from bot.store.context import Context
from bot.store.records import ledger_index
from bot.store.tables import inbox, outbox, proposals, tasks
from policies.audit import Event, EventKind
from policies.model import ProposalState

# The longest time that anything is put off for by itself; what lies further off is an appointment.
PUT_OFF = timedelta(minutes=5)


def jumped(
    connection: Connection, context: Context, before: datetime, now: datetime, lease_s: float
) -> None:
    """Record a jump of the clock from `before` to `now`; after one back, mend what waits.

    Appointments (an expiry, the slot of a schedule) stay where they are; what was due, and what was
    put off for a while (a retry, a measurement), keeps its distance.
    """
    by_s = int((now - before).total_seconds())
    if by_s < 0:
        _mend(connection, before, now)
        _shorten_leases(connection, lease_s)
    where = "ahead" if by_s > 0 else "back"
    context.ledger.append(
        connection,
        Event(
            kind=EventKind.CLOCK_JUMPED,
            at=now,
            data={"by_s": by_s},
            sentence=f"The clock jumped {where} by {abs(by_s)} s.",
        ),
    )


def newest_event_at(connection: Connection) -> datetime | None:
    """Return the time of the newest event, or None."""
    found = connection.execute(
        select(ledger_index.c.at).order_by(ledger_index.c.seq.desc()).limit(1)
    ).scalar_one_or_none()
    return None if found is None else datetime.fromisoformat(found)


def _mend(connection: Connection, before: datetime, now: datetime) -> None:
    for table, column in (
        (inbox, inbox.c.due_at),
        (outbox, outbox.c.due_at),
        (tasks, tasks.c.wake_at),
    ):
        _draw_near(connection, table, column, (before, now), column <= before + PUT_OFF)
    is_appointment = proposals.c.state == ProposalState.PENDING
    _draw_near(connection, proposals, proposals.c.next_at, (before, now), ~is_appointment)
    earliest = (
        select(func.min(proposals.c.next_at))
        .where(proposals.c.task_id == tasks.c.id)
        .scalar_subquery()
    )
    connection.execute(
        update(tasks)
        .where(tasks.c.wake_at > now, earliest < tasks.c.wake_at)
        .values(wake_at=earliest)
    )


def _draw_near(
    connection: Connection,
    table: Table,
    column: Any,
    jump: tuple[datetime, datetime],
    is_put_off: Any,
) -> None:
    before, now = jump
    key = next(iter(table.primary_key.columns))
    waiting = connection.execute(
        select(key.label("key"), column.label("due_at")).where(column > now, is_put_off)
    ).all()
    for row in waiting:
        due_at = max(now, row.due_at - (before - now))
        connection.execute(update(table).where(key == row.key).values({column.name: due_at}))


def _shorten_leases(connection: Connection, lease_s: float) -> None:
    longest = time.time() + lease_s
    connection.execute(
        update(tasks).where(tasks.c.lease_until > longest).values(lease_until=longest)
    )
