"""The leases that a dead process has left behind, and tasks at which it dies again and again."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, or_, select, update

from bot.store.context import Context
from bot.store.poison import give_up
from bot.store.tables import tasks
from bot.store.tasks import KNOWN, task_of

# A process may be killed for reasons that have nothing to do with the task that it had in hand.
MOST_DEATHS = 10
LONGEST_REST_S = 300


def free_leases(connection: Connection, context: Context) -> None:
    """Void every lease: at the start of the only process nobody else can hold one.

    What was in hand when the process died rests longer each time, so that others get on; after
    `MOST_DEATHS` in a row it is left to a person. A process that stops kindly gives its tasks back.
    """
    # Not of every task: thousands may wait without one.
    is_leased = or_(tasks.c.lease_owner.is_not(None), tasks.c.lease_until != 0)
    for row in connection.execute(select(tasks).where(is_leased, KNOWN)).all():
        if row.lease_owner is not None:
            _count_death(connection, context, row)
    connection.execute(update(tasks).where(is_leased).values(lease_owner=None, lease_until=0))


def _count_death(connection: Connection, context: Context, row: Any) -> None:
    deaths = row.deaths + 1
    own = tasks.c.id == row.id
    connection.execute(update(tasks).where(own).values(deaths=deaths))
    if deaths >= MOST_DEATHS:
        fault = f"Signoff died {deaths} times in a row while it worked on this"
        give_up(connection, context, task_of(row), fault)
    elif deaths > 1 and row.wake_at is not None:
        rest_s = min(2.0 ** (deaths - 2), LONGEST_REST_S)
        rested = context.clock.now() + timedelta(seconds=rest_s)
        context.dispatcher.wake(connection, row.id, max(row.wake_at, rested))
