"""Token buckets: how often an outside system is called."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Rate:
    """At most `burst` calls at once, and `per_s` a second over time."""

    burst: float
    per_s: float


class Bucket:
    """A token bucket on the machine's monotonic time: a clock that jumps fills nothing."""

    def __init__(self, rate: Rate, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._monotonic = rate, monotonic
        self._left, self._at = rate.burst, monotonic()

    async def take(self) -> None:
        """Wait for a token, and take it."""
        while True:
            wait_s = self._wait_s()
            if wait_s <= 0:
                self._left -= 1
                return
            await asyncio.sleep(wait_s)

    def _wait_s(self) -> float:
        now = self._monotonic()
        gained = (now - self._at) * self._rate.per_s
        self._left, self._at = min(self._rate.burst, self._left + gained), now
        return (1 - self._left) / self._rate.per_s
