"""What changed, told to whoever watches: the page's event stream reads from here."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playground.workspace.model import Json

BACKLOG = 1000


class Feed:
    """Fans every change out to the watchers; one that falls behind loses its oldest change."""

    def __init__(self) -> None:
        self.seq = 0
        self._watchers: set[asyncio.Queue[Json | None]] = set()
        self._is_closed = False

    def publish(self, kind: str, **what: str | None) -> None:
        """Tell every watcher that `kind` changed; `what` names the channel or the person."""
        self.seq += 1
        change: Json = {"seq": self.seq, "kind": kind, **what}
        for queue in self._watchers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(change)

    @asynccontextmanager
    async def watch(self) -> AsyncIterator["asyncio.Queue[Json | None]"]:
        """Yield a queue of the changes from now on; a None in it says that the feed has closed."""
        queue: asyncio.Queue[Json | None] = asyncio.Queue(BACKLOG)
        self._watchers.add(queue)
        if self._is_closed:
            queue.put_nowait(None)
        try:
            yield queue
        finally:
            self._watchers.discard(queue)

    def close(self) -> None:
        """End every watch, and each that is still to come."""
        self._is_closed = True
        for queue in self._watchers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(None)
