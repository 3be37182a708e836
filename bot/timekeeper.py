"""Notices that the machine's clock jumped, and has what waits mended."""

import asyncio
import logging
import time
from datetime import datetime, timedelta

from bot.store.context import Context
from bot.store.dispatch import LEASE_S
from bot.store.times import jumped, newest_event_at
from tools.ports import RecordUnavailable

LOOK_EVERY_S = 1.0
# A clock is steered by less; a loop that was held up for a while changes nothing, since both
# clocks went on.
JUMP = timedelta(seconds=5)

_log = logging.getLogger(__name__)


class Timekeeper:
    """Compares the clock with the machine's monotonic time."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._now, self._monotonic = context.clock.now(), time.monotonic()

    async def start(self) -> None:
        """Compare the clock with the newest event: it may have been set back in between."""
        newest = await self._context.database.read(newest_event_at)
        now = self._context.clock.now()
        if newest is not None and newest - now > JUMP:
            await self._mend(newest, now)

    async def run(self) -> None:
        """Look every second until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            now, monotonic = self._context.clock.now(), time.monotonic()
            expected = self._now + timedelta(seconds=monotonic - self._monotonic)
            if abs(now - expected) > JUMP:
                try:
                    await self._mend(expected, now)
                except RecordUnavailable as error:
                    # Looked at again: the old reading is kept.
                    _log.warning("a jump of the clock can't be recorded: %s", error)
                    continue
            self._now, self._monotonic = now, monotonic

    async def _mend(self, before: datetime, now: datetime) -> None:
        _log.warning("the clock jumped from %s to %s", before.isoformat(), now.isoformat())
        context = self._context
        await context.database.write(
            lambda connection: jumped(connection, context, before, now, LEASE_S)
        )
