"""What a click on campaigns is about: an incident by the message, its report, the newest digest."""

from sqlalchemy import Connection, select

from agents.tasks import TaskKind
from bot.store.tables import posts, steps, tasks


def clicked_task(connection: Connection, channel: str, ts: str, key: str) -> str | None:
    """Return the task that a message of this key belongs to; None where it stands elsewhere."""
    task_id = key.partition(":")[2]
    found = (
        select(tasks.c.id)
        .join(posts, posts.c.thread_id == tasks.c.thread_id)
        .where(
            posts.c.channel == channel,
            posts.c.ts == ts,
            posts.c.key == key,
            tasks.c.id == task_id,
        )
    )
    return connection.execute(found).scalar_one_or_none()


def report_of(connection: Connection, task_id: str) -> str | None:
    """Return the report of a task as it is kept."""
    found = select(steps.c.result).where(steps.c.task_id == task_id, steps.c.name == "report")
    return connection.execute(found).scalar_one_or_none()


def newest_digest(connection: Connection, tenant: str) -> str | None:
    """Return the report of the newest digest as it is kept."""
    found = (
        select(steps.c.result)
        .join(tasks, tasks.c.id == steps.c.task_id)
        .where(tasks.c.tenant == tenant, tasks.c.kind == TaskKind.DIGEST, steps.c.name == "report")
        .order_by(tasks.c.created_at.desc())
        .limit(1)
    )
    return connection.execute(found).scalar_one_or_none()
