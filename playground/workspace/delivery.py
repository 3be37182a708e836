"""Hands envelopes to the app, with the faults that were ordered, and events again when unanswered.

Interactivity is sent once and never again; events are sent again, at once, after a minute and
after five, as in docs.slack.dev (apis/events-api, Retries).
"""

import asyncio
import contextlib
import time
from collections.abc import Coroutine
from datetime import timedelta

from playground.workspace.envelope import (
    EVENTS,
    INTERACTIVE,
    Envelope,
    Patience,
    Transport,
    UndeliveredError,
)
from playground.workspace.faults import Faults
from playground.workspace.hourly import HourlyEvents
from playground.workspace.model import Clock, Json
from playground.workspace.signed import SignedRequests
from playground.workspace.sockets import Sockets

__all__ = ["Delivery", "Patience", "UndeliveredError"]

POLL_S, RARELY_S, SOON_S = 0.05, 0.5, 5.0
# What a lost connection is called in the next try's reason.
RETRY_REASONS = {"no_socket": "connection_failed", "socket_closed": "connection_failed"}


class Delivery:
    """Delivers over the app's sockets, until it is told to call request URLs instead."""

    def __init__(self, link: Sockets, faults: Faults, clock: Clock, patience: Patience) -> None:
        self._link = link
        self._requests: SignedRequests | None = None
        self._faults = faults
        self._clock = clock
        self._patience = patience
        self._passed = asyncio.Event()
        self._together = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._hourly = HourlyEvents(patience.events_an_hour)

    @property
    def sockets(self) -> int:
        """How many sockets could take an envelope now."""
        return self._link.count

    @property
    def is_app_there(self) -> bool:
        """Say whether the app has a socket open, or a request URL that was verified."""
        return self._requests is not None or self._link.count > 0

    @property
    def excesses(self) -> list[str]:
        """The events that were dropped because they were too many."""
        return self._hourly.excesses

    @property
    def transport(self) -> str:
        """Return `socket` or `http`."""
        return "socket" if self._requests is None else "http"

    def new_ticket(self) -> str:
        """Return a ticket that opens one socket."""
        return self._link.new_ticket()

    async def use(self, requests: SignedRequests) -> None:
        """Call request URLs from now on; raises UnverifiedUrlError."""
        try:
            await requests.verify()
        except BaseException:
            await requests.stop()
            raise
        if self._requests is not None:
            await self._requests.stop()
        self._requests = requests

    async def send(self, kind: str, payload: Json, *, attempt: int = 0, reason: str = "") -> Json:
        """Deliver one envelope and return its ack's payload, or raise UndeliveredError."""
        # A workspace that is away has no sockets; nothing else keeps it from calling out.
        if self._faults.is_away and self._requests is not None:
            raise UndeliveredError("no_socket")
        envelope = Envelope(kind=kind, payload=payload, attempt=attempt, reason=reason)
        await self._held_back(envelope)
        way: Transport = self._link if self._requests is None else self._requests
        sent = [await way.sent(envelope)]
        self._passed.set()
        if self._faults.is_delivered_twice():
            sent.append(await way.sent(envelope))
        answers = await asyncio.gather(*(self._acked(acked, way) for acked in sent))
        return answers[0]

    async def _held_back(self, envelope: Envelope) -> None:
        if self._faults.is_overtaken():
            self._passed.clear()
            await self._wait_for(self._passed)
        await self._pass(self._faults.delay_s())
        if envelope.kind == INTERACTIVE:
            await self._meet()

    async def _meet(self) -> None:
        awaited = self._faults.others_awaited()
        if awaited is None:
            return
        if awaited > 0:
            await self._wait_for(self._together)
            return
        self._together.set()
        self._together = asyncio.Event()

    async def _wait_for(self, event: asyncio.Event) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), self._patience.overtaken_s)

    async def _pass(self, seconds: float) -> None:
        """Let time pass, at most as long as it really takes: moving the clock ahead is enough."""
        until, due_at = time.monotonic() + seconds, self._clock.now() + timedelta(seconds=seconds)
        while True:
            left_s = min(until - time.monotonic(), (due_at - self._clock.now()).total_seconds())
            if left_s <= 0:
                return
            # Thousands may wait for a minute when nobody is there: far from its time, look rarely.
            await asyncio.sleep(min(left_s, POLL_S if left_s < SOON_S else RARELY_S))

    async def _acked(self, acked: "asyncio.Future[Json]", way: Transport) -> Json:
        try:
            return await asyncio.wait_for(asyncio.shield(acked), self._patience.ack_s)
        except TimeoutError:
            acked.cancel()
            raise UndeliveredError(way.timeout_reason) from None

    def send_event(self, payload: Json) -> None:
        """Deliver an event in the background, and again while it is not acknowledged.

        One that is beyond the hour's is dropped; the app hears `app_rate_limited`, once a minute.
        """
        now = self._clock.now()
        if self._hourly.take(now):
            self._spawn(self._send_event(payload))
            return
        minute = self._hourly.minute_to_tell(now)
        if minute is not None:
            kept = {name: payload[name] for name in ("token", "team_id", "api_app_id")}
            told = {"type": "app_rate_limited", "minute_rate_limited": minute}
            self._spawn(self._send_event(kept | told))

    async def _send_event(self, payload: Json) -> None:
        reason = ""
        for attempt, delay_s in enumerate([*self._patience.retry_delays_s, None]):
            try:
                await self.send(EVENTS, payload, attempt=attempt, reason=reason)
            except UndeliveredError as lost:
                if delay_s is None or lost.is_final:
                    return
                await self._pass(delay_s)
                reason = RETRY_REASONS.get(lost.reason, lost.reason)
            else:
                return

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Give up what is still under way and close every way to the app."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._link.stop()
        if self._requests is not None:
            await self._requests.stop()
