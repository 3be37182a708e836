"""What a click on an incident's campaigns is about: its task by the message, and the report."""

from sqlalchemy import Connection, select

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
