"""A valve before a part of the world: it refuses, keeps silent, or loses its answers, on demand."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from aiohttp import web
from aiohttp.typedefs import Handler

# Longer than any client waits.
SILENT_S = 60.0
REMEMBERED = 10_000


class Flow(StrEnum):
    """What becomes of a request."""

    OPEN = "open"
    REFUSING = "refusing"
    FORBIDDING = "forbidding"
    SILENT = "silent"
    # The work is done, and the answer lost.
    LOSING = "losing"


REFUSALS = {Flow.REFUSING: 503, Flow.FORBIDDING: 403}


@dataclass
class Turn:
    """What becomes of requests whose `METHOD path` contains `only`; `times` is how many still."""

    flow: Flow
    only: str
    times: int | None


class Valve:
    """Open until a test turns it; of several turns the first that fits a request counts."""

    def __init__(self) -> None:
        self._turns: list[Turn] = []
        self._pause_s: Callable[[], float] = float
        # The last requests that came, as `METHOD path?query`.
        self.requests: deque[str] = deque(maxlen=REMEMBERED)

    def slow(self, pause_s: Callable[[], float]) -> None:
        """Let every change take so long before it is made, and again before it is answered."""
        self._pause_s = pause_s

    def turn(self, flow: Flow, *, only: str = "", times: int | None = None) -> None:
        """Turn it for requests whose `METHOD path` contains `only`; after `times` it opens."""
        self._turns.append(Turn(flow, only, times))

    @property
    def flow(self) -> Flow:
        """Return what becomes of most requests now."""
        standing = (turn.flow for turn in self._turns if turn.times is None and not turn.only)
        return next(standing, Flow.OPEN)

    def open(self) -> None:
        """Let everything through again."""
        self._turns.clear()

    @web.middleware
    async def pass_through(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let a request through, or not."""
        self.requests.append(f"{request.method} {request.path_qs}")
        flow = self._flow_for(f"{request.method} {request.path}")
        if flow in REFUSALS:
            return web.json_response({"error": "out of order"}, status=REFUSALS[flow])
        if flow is Flow.SILENT:
            await asyncio.sleep(SILENT_S)
        # Whoever dies while it waits has asked for nothing; after its work, for all of it.
        if request.method == "POST":
            await asyncio.sleep(self._pause_s())
        answer = await handler(request)
        if request.method == "POST":
            await asyncio.sleep(self._pause_s())
        if flow is Flow.LOSING and request.transport is not None:
            request.transport.close()
        return answer

    def _flow_for(self, request: str) -> Flow:
        for turn in self._turns:
            if turn.only in request and turn.times != 0:
                turn.times = None if turn.times is None else turn.times - 1
                return turn.flow
        return Flow.OPEN
