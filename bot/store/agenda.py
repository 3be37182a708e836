"""Tells a loop that looks for what is due whether it needs to ask the database at all."""

import time
from datetime import datetime
from typing import TypeVar

from bot.store.engine import Database, Unit

T = TypeVar("T")

# Asked again after so long in any case, should something have escaped notice.
LONGEST_S = 60.0


class Agenda:
    """The next time at which something is due, known until the next commit.

    One process has the database, so nothing comes in but by a commit of its own; and comparing
    two times costs next to nothing, where a query four times a second adds up.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._is_known, self._commits = False, 0
        self._next_at: datetime | None = None
        self._asked_at = 0.0
        database.on_commit(self.forget)

    def forget(self) -> None:
        """Ask again: something may have changed."""
        self._is_known = False
        self._commits += 1

    def is_due(self, now: datetime) -> bool:
        """Say whether something may be due."""
        is_old = time.monotonic() - self._asked_at >= LONGEST_S
        is_time = self._next_at is not None and self._next_at <= now
        return not self._is_known or is_old or is_time

    async def ask(self, unit: Unit[tuple[T, datetime | None]]) -> T:
        """Read what is due, and keep when the next is: a time that has come if any is left."""
        commits, asked_at = self._commits, time.monotonic()
        found, next_at = await self._database.read(unit)
        # Not before the read: until it is back, whoever else looks must not take it for known. And
        # a commit during it is of the next look.
        self._is_known = commits == self._commits
        self._next_at, self._asked_at = next_at, asked_at
        return found
