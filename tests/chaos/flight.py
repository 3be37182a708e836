"""The shared clock in a hurry, and the reaper: `kill -9` at moments drawn from a seed."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from sqlalchemy import text

from tests.scenarios.outages import counted
from tests.scenarios.stages import Scene

# Twenty times as fast: Slack's rates, rests and windows are counted by the shared clock.
STRIDE_S, STEP_S = 0.475, 0.025
LOOK_S = 0.1
# Seconds of real time from one kill to the next; some come while the last one is being mended.
SELDOM_S, SOON_S, SOON = (3.0, 12.0), (0.2, 4.0), 0.3
IN_HAND = text("SELECT count(*) FROM executions WHERE state = 'intent'")
UNSETTLED = text(
    "SELECT count(*) FROM executions WHERE state = 'unknown'"
    " OR (state = 'intent' AND started_at < :killed_at)"
)


class Flight:
    """Lets the clock fly, but not while the bot is away or a kill left something unknown.

    Signoff tells of what is unknown before it resolves it, and gives that five seconds of its
    clock; at this speed they would be over before any program could say a word.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._killed_at: str | None = None

    def troubled(self) -> None:
        """Note that the bot was killed just now."""
        self._killed_at = moment(self._scene)

    @asynccontextmanager
    async def flies(self) -> AsyncIterator[None]:
        """Fly while the block runs."""
        flying = asyncio.create_task(self._fly())
        try:
            yield
        finally:
            flying.cancel()
            await asyncio.gather(flying, return_exceptions=True)

    async def _fly(self) -> None:
        while True:
            if await self._is_clear():
                self._scene.world.forward(STRIDE_S)
                await asyncio.sleep(STEP_S)
            else:
                await asyncio.sleep(LOOK_S)

    async def _is_clear(self) -> bool:
        if self._killed_at is None:
            return True
        if not self._scene.world.workspace.sockets:
            return False
        killed_at = self._killed_at
        if await asyncio.to_thread(counted, self._scene, UNSETTLED, killed_at=killed_at):
            return False
        if self._killed_at == killed_at:
            self._killed_at = None
        return True


class Reaper:
    """Kills the bot again and again, and counts what it had in hand."""

    def __init__(self, scene: Scene, flight: Flight, seed: int) -> None:
        self._scene, self._flight = scene, flight
        self._draw = random.Random(seed)
        self.kills = self.with_effects = self.effects = 0

    @asynccontextmanager
    async def reaps(self) -> AsyncIterator[None]:
        """Kill while the block runs; afterwards the bot is there."""
        reaping = asyncio.create_task(self._reap())
        try:
            yield
            assert not reaping.done(), reaping.exception()
        finally:
            reaping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reaping
        await self._scene.bot_is_here()

    async def _reap(self) -> None:
        while True:
            if self._draw.random() < SOON:
                await asyncio.sleep(self._draw.uniform(*SOON_S))
            else:
                await self._scene.bot_is_here()
                await asyncio.sleep(self._draw.uniform(*SELDOM_S))
            if self._scene.world.bot.is_running:
                await self._kill()

    async def _kill(self) -> None:
        bot = self._scene.world.bot
        self._flight.troubled()
        bot.kill()
        while bot.is_running:
            await asyncio.sleep(0.002)
        # It is started again only a moment later: until then this is how it died.
        in_hand = counted(self._scene, IN_HAND)
        self.kills += 1
        self.with_effects += in_hand > 0
        self.effects += in_hand


def moment(scene: Scene) -> str:
    """Return the present time as the database holds it."""
    now = scene.world.clock.now().replace(tzinfo=None)
    return now.isoformat(timespec="microseconds") + "Z"


def slowly(scene: Scene, seed: int) -> None:
    """Let the outside systems take their time over each change, so that kills hit them."""
    draw = random.Random(f"{seed}/slowly")
    pause_s: Callable[[], float] = lambda: draw.uniform(0.0, 0.8)  # noqa: E731 - an argument
    for name in ("shop", "ads", "alertmanager"):
        scene.world.valves[name].slow(pause_s)
