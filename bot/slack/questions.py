"""Questions to Slack that may take long: one at a time about each thing, and each heard out."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from policies.model import Clock

# Slack may put a question off for minutes; what is about to be done is then tried again.
PATIENCE_S = 5.0
# What was just answered, or could not be, is not asked again by the next in the same step.
JUST_NOW = timedelta(seconds=5)

T = TypeVar("T")


class Questions(Generic[T]):
    """Questions of one kind, each about something that has an id.

    Whoever is out of patience leaves; the question goes on, and the next look finds its answer.
    """

    def __init__(
        self, ask: Callable[[str], Awaitable[T]], clock: Clock, patience_s: float = PATIENCE_S
    ) -> None:
        self._ask, self._clock, self._patience_s = ask, clock, patience_s
        self._open: dict[str, asyncio.Task[T]] = {}
        # What somebody was out of patience for already.
        self._overdue: set[str] = set()
        self._heard: dict[str, tuple[datetime, T]] = {}

    async def answer(self, about: str) -> T:
        """Return the answer, however long it takes."""
        asked = self._asked(about)
        # Not awaited itself: whoever gives up waiting must not end it for the others.
        await asyncio.wait({asked})
        return asked.result()

    async def soon(self, about: str) -> T | None:
        """Return the answer, or what was heard just now; None where none comes in time.

        Patience is spent once: while one is overdue, nobody waits for it or for another.
        """
        heard = self._heard.get(about)
        if about not in self._open and heard is not None and self._is_just_now(heard[0]):
            return heard[1]
        asked = self._asked(about)
        await asyncio.wait({asked}, timeout=0 if self._overdue else self._patience_s)
        if asked.done():
            return asked.result()
        self._overdue.add(about)
        return None

    async def close(self) -> None:
        """End what is still asked."""
        asked = list(self._open.values())
        for one in asked:
            one.cancel()
        await asyncio.gather(*asked, return_exceptions=True)

    def _asked(self, about: str) -> asyncio.Task[T]:
        asked = self._open.get(about)
        if asked is None:
            asked = asyncio.create_task(self._hear(about), name=f"asking about {about}")
            self._open[about] = asked
        return asked

    async def _hear(self, about: str) -> T:
        try:
            found = await self._ask(about)
            self._heard[about] = (self._clock.now(), found)
            return found
        finally:
            del self._open[about]
            self._overdue.discard(about)

    def _is_just_now(self, at: datetime) -> bool:
        # Heard in the future means that the clock was set back.
        return timedelta(0) <= self._clock.now() - at < JUST_NOW
