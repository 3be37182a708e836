"""A database in trouble at a test's word, without the half minute that a write really waits."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from bot.store.engine import Database, StoreUnavailable, Unit

T = TypeVar("T")


class FakeTrouble(Database):
    """Hands everything on to a real database; while `is_on` it takes no write."""

    def __init__(self, real: Database, hold_s: float = 0.05) -> None:
        self._real, self._hold_s = real, hold_s
        self.path = real.path
        self.is_on, self.refused = False, 0

    def on_commit(self, listener: Callable[[], None]) -> None:
        self._real.on_commit(listener)

    async def read(self, unit: Unit[T]) -> T:
        return await self._real.read(unit)

    async def write(self, unit: Unit[T], *, within_s: float | None = None) -> T:
        if self.is_on:
            await asyncio.sleep(self._hold_s)
            self.refused += 1
            raise StoreUnavailable("the disk is full; nothing was written")
        return await self._real.write(unit, within_s=within_s)
