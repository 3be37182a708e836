"""When many incidents begin at once in a channel, the later ones share one thread.

Decided in the transaction that creates the task, from rows alone: so a restart, or Slack's absence,
changes nothing about who is in which thread.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, insert, select

from agents.tasks import NewTask, TaskKind
from bot.store.ids import storm_id
from bot.store.tables import tasks, threads
from policies.model import ActorKind

# So many incidents within the window get a thread each; the next one opens the storm's.
STORM_AFTER = 5
STORM_WINDOW = timedelta(minutes=2)
TASK, STORM = "task", "storm"


def storm_thread(connection: Connection, new: NewTask, now: datetime) -> str | None:
    """Return the thread of the storm that a new incident belongs to; None outside of one.

    What a person asks for never joins: they look for the answer where they asked.
    """
    if new.kind is not TaskKind.INCIDENT or new.requester.kind is ActorKind.HUMAN:
        return None
    begun = (
        select(threads.c.id, threads.c.kind, func.max(tasks.c.created_at).label("latest"))
        .join(tasks, tasks.c.thread_id == threads.c.id)
        .where(
            threads.c.tenant == new.tenant,
            threads.c.channel == new.channel,
            tasks.c.kind == TaskKind.INCIDENT,
            tasks.c.requester.not_like('{"kind":"human"%'),
            tasks.c.created_at >= now - STORM_WINDOW,
        )
        .group_by(threads.c.id, threads.c.kind)
        .order_by(func.max(tasks.c.created_at).desc())
    )
    found = connection.execute(begun).all()
    for row in found:
        if row.kind == STORM:
            return str(row.id)
    if len(found) < STORM_AFTER:
        return None
    fresh = storm_id()
    connection.execute(
        insert(threads).values(
            id=fresh,
            tenant=new.tenant,
            channel=new.channel,
            cursor=0,
            created_at=now,
            kind=STORM,
        )
    )
    return fresh
