"""A valve before a part of the world: it refuses, keeps silent, or loses its answers, on demand."""

import asyncio
from enum import StrEnum

from aiohttp import web
from aiohttp.typedefs import Handler

# Longer than any client waits.
SILENT_S = 60.0


class Flow(StrEnum):
    """What becomes of a request."""

    OPEN = "open"
    REFUSING = "refusing"
    FORBIDDING = "forbidding"
    SILENT = "silent"
    # The work is done, and the answer lost.
    LOSING = "losing"


REFUSALS = {Flow.REFUSING: 503, Flow.FORBIDDING: 403}


class Valve:
    """Open until a test or a person turns it."""

    def __init__(self) -> None:
        self._flow, self._only = Flow.OPEN, ""
        self._times: int | None = None

    def turn(self, flow: Flow, *, only: str = "", times: int | None = None) -> None:
        """Turn it for requests whose `METHOD path` contains `only`; after `times` it opens."""
        self._flow, self._only, self._times = flow, only, times

    @web.middleware
    async def pass_through(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let a request through, or not."""
        flow = self._flow_for(request)
        if flow in REFUSALS:
            return web.json_response({"error": "out of order"}, status=REFUSALS[flow])
        if flow is Flow.SILENT:
            await asyncio.sleep(SILENT_S)
        answer = await handler(request)
        if flow is Flow.LOSING and request.transport is not None:
            request.transport.close()
        return answer

    def _flow_for(self, request: web.Request) -> Flow:
        if self._only not in f"{request.method} {request.path}":
            return Flow.OPEN
        if self._times is not None:
            if self._times == 0:
                return Flow.OPEN
            self._times -= 1
        return self._flow
