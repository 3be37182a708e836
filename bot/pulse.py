"""The beat of a loop: it looks for work when woken, and outlasts a store that takes nothing."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from tools.ports import RecordUnavailable

# Between two looks while nothing can be stored or read.
TROUBLE_S = 1.0

_log = logging.getLogger(__name__)


class Pulse:
    """Waits for a wake-up; one that comes while nobody waits is not lost."""

    def __init__(self, at_least_every_s: float) -> None:
        self._every_s = at_least_every_s
        self._awake = asyncio.Event()

    def wake(self) -> None:
        """End the present or the next rest."""
        self._awake.set()

    @contextlib.asynccontextmanager
    async def outlasting(self, what: str) -> AsyncIterator[None]:
        """Let one round of a loop fail for the store's trouble, and rest a while after it.

        The store has said once what is wrong; nothing is lost, since the rows are as they were.
        """
        try:
            yield
        except RecordUnavailable as error:
            _log.info("%s waits: %s", what, error)
            await asyncio.sleep(TROUBLE_S)

    async def rest(self) -> None:
        """Return when woken, or after the time given."""
        # Not `wait_for`: before Python 3.12 it can swallow a cancellation.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._every_s):
                await self._awake.wait()
        self._awake.clear()
