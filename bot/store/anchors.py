"""Which message of which day the checkpoints are posted below."""

from sqlalchemy import Connection, delete, insert, select

from bot.store.context import Context
from bot.store.tables import posts

ROOT = "root"


class AnchorStore:
    """The day's message in a channel, kept beside the posts of tasks."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def root(self, channel: str, day: str) -> str | None:
        """Return the message of a day (`2026-11-20`), if it was posted."""
        query = select(posts.c.ts).where(
            posts.c.thread_id == _thread(channel, day), posts.c.key == ROOT
        )
        return await self._context.database.read(
            lambda connection: connection.execute(query).scalar_one_or_none()
        )

    async def begun(self, channel: str, day: str, ts: str) -> None:
        """Note the message of a day; a later one takes its place."""
        thread, now = _thread(channel, day), self._context.clock.now()

        def unit(connection: Connection) -> None:
            connection.execute(delete(posts).where(posts.c.thread_id == thread))
            connection.execute(
                insert(posts).values(
                    thread_id=thread, key=ROOT, channel=channel, ts=ts, digest="", begun_at=now
                )
            )

        await self._context.database.write(unit)


def _thread(channel: str, day: str) -> str:
    return f"anchor:{channel}:{day}"
