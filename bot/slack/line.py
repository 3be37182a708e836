"""Whether Slack answers: while it does not, everybody waits, and one probe asks for all."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from bot.metrics import Metrics
from bot.slack.rates import Now, nap

FIRST_S, LONGEST_S = 1.0, 60.0
Probe = Callable[[], Awaitable[bool]]

_log = logging.getLogger(__name__)


class Line:
    """The line to Slack, which is at an address."""

    def __init__(self, probe: Probe, now: Now, metrics: Metrics, address: str) -> None:
        self._probe, self._now, self._metrics, self._address = probe, now, metrics, address
        self._there = asyncio.Event()
        self._there.set()
        self._checking: asyncio.Task[None] | None = None

    @property
    def is_away(self) -> bool:
        """Say whether Slack is known not to answer."""
        return not self._there.is_set()

    def begin(self) -> None:
        """Take Slack for away until `opened`."""
        self._there.clear()

    async def opened(self, knock: Probe) -> None:
        """Return once the first knock is answered; raises what it raises, and stays away then."""
        await self._answered(knock)
        self._there.set()

    async def back(self) -> None:
        """Return once Slack answers."""
        await self._there.wait()

    def doubt(self) -> None:
        """An answer is missing: find out whether it was this one, or Slack is away."""
        if self.is_away:
            # Somebody asks already.
            return
        if self._checking is None or self._checking.done():
            self._checking = asyncio.create_task(self._check(), name="line")

    async def close(self) -> None:
        """Stop asking."""
        if self._checking is not None:
            self._checking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._checking

    async def _check(self) -> None:
        try:
            await self._answered(self._probe)
        finally:
            # Also when we stop: whoever waits must not wait for a probe that never comes.
            self._there.set()

    async def _answered(self, probe: Probe) -> None:
        if await probe():
            return
        began = self._now()
        self._there.clear()
        self._metrics.slack_away.set(1)
        self._metrics.slack_outages.inc()
        _log.warning(
            "Slack does not answer: Signoff goes on, and what is to be told waits;"
            " SLACK_API_URL is %s",
            self._address,
        )
        wait_s = FIRST_S
        try:
            while True:
                await nap(self._now, wait_s)
                if await probe():
                    break
                wait_s = min(LONGEST_S, wait_s * 2)
        finally:
            self._metrics.slack_away.set(0)
        _log.warning("Slack answers again after %.0f s: what waited is told", self._now() - began)
