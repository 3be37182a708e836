"""The beat of a loop: it looks for work when woken, and at the latest after a while."""

import asyncio
import contextlib


class Pulse:
    """Waits for a wake-up; one that comes while nobody waits is not lost."""

    def __init__(self, at_least_every_s: float) -> None:
        self._every_s = at_least_every_s
        self._awake = asyncio.Event()

    def wake(self) -> None:
        """End the present or the next rest."""
        self._awake.set()

    async def rest(self) -> None:
        """Return when woken, or after the time given."""
        # Not `wait_for`: before Python 3.12 it can swallow a cancellation.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._every_s):
                await self._awake.wait()
        self._awake.clear()
