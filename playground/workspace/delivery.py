"""Socket Mode: which sockets are there, envelopes out, acks in, events again when unanswered.

Interactivity is sent once and never again; events are sent again with `retry_attempt`, as in
docs.slack.dev (apis/events-api, Retries and apis/events-api/using-socket-mode).
"""

import asyncio
import contextlib
import secrets
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass, field

from aiohttp import WSCloseCode, WSMsgType, web

from playground.workspace.faults import Faults
from playground.workspace.feed import Feed
from playground.workspace.model import Json


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long the workspace waits: for an ack, for a socket, and between tries of an event."""

    ack_s: float = 3.0
    socket_s: float = 1.0
    retry_delays_s: tuple[float, ...] = (0.0, 60.0, 300.0)
    # How long an envelope that is to be overtaken waits for another one.
    overtaken_s: float = 2.0


class UndeliveredError(Exception):
    """An envelope got no ack: `reason` is `no_socket`, `timeout` or `socket_closed`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(eq=False)
class Link:
    """One open socket and the envelopes that wait for its ack."""

    socket: web.WebSocketResponse
    waiting: dict[str, asyncio.Future[Json]] = field(default_factory=dict)
    is_leaving: bool = False


class Delivery:
    """Hands envelopes to the app's sockets, each envelope to one of them."""

    def __init__(self, app_id: str, faults: Faults, feed: Feed, patience: Patience) -> None:
        self._app_id = app_id
        self._faults = faults
        self._feed = feed
        self._patience = patience
        self._tickets: set[str] = set()
        self._links: list[Link] = []
        self._arrival = asyncio.Event()
        self._passed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_stopped = False

    @property
    def sockets(self) -> int:
        """How many sockets could take an envelope now."""
        return sum(not link.is_leaving for link in self._links)

    def new_ticket(self) -> str:
        """Return a ticket that opens one socket."""
        ticket = secrets.token_urlsafe(18)
        self._tickets.add(ticket)
        return ticket

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve one Socket Mode connection until it closes."""
        ticket = request.query.get("ticket", "")
        if self._faults.is_away:
            raise web.HTTPServiceUnavailable
        if ticket not in self._tickets or self._is_stopped:
            raise web.HTTPForbidden(text="link_disabled")
        self._tickets.discard(ticket)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        link = Link(socket)
        self._links.append(link)
        try:
            await socket.send_json(self._hello())
            self._count_links()
            await self._listen(link)
        finally:
            self._drop(link)
        return socket

    def _hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": self.sockets,
            "connection_info": {"app_id": self._app_id},
            "debug_info": {"host": "playground", "approximate_connection_time": 18060},
        }

    async def _listen(self, link: Link) -> None:
        async for frame in link.socket:
            if frame.type is not WSMsgType.TEXT:
                continue
            answer = frame.json()
            waiting = link.waiting.pop(str(answer.get("envelope_id")), None)
            if waiting is not None and not waiting.done():
                waiting.set_result(answer.get("payload") or {})

    def _drop(self, link: Link) -> None:
        self._links.remove(link)
        for waiting in link.waiting.values():
            if not waiting.done():
                waiting.set_exception(UndeliveredError("socket_closed"))
        self._count_links()

    def _count_links(self) -> None:
        if self.sockets:
            self._arrival.set()
        else:
            self._arrival.clear()
        self._feed.publish("bot")

    async def send(self, kind: str, payload: Json, retry: Json | None = None) -> Json:
        """Deliver one envelope and return its ack's payload, or raise UndeliveredError."""
        if self._faults.is_overtaken():
            self._passed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._passed.wait(), self._patience.overtaken_s)
        sent = [await self._send_once(kind, payload, retry)]
        self._passed.set()
        if self._faults.is_delivered_twice():
            sent.append(await self._send_once(kind, payload, retry))
        answers = await asyncio.gather(*(self._acked(acked) for acked in sent))
        return answers[0]

    async def _send_once(
        self, kind: str, payload: Json, retry: Json | None
    ) -> asyncio.Future[Json]:
        link = await self._next_link()
        envelope_id = str(uuid.uuid4())
        acked: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        link.waiting[envelope_id] = acked
        envelope: Json = {
            "envelope_id": envelope_id,
            "type": kind,
            "payload": payload,
            "accepts_response_payload": kind != "events_api",
        }
        try:
            await link.socket.send_json(envelope | (retry or {}))
        except ConnectionError as error:
            link.waiting.pop(envelope_id, None)
            raise UndeliveredError("socket_closed") from error
        return acked

    async def _acked(self, acked: asyncio.Future[Json]) -> Json:
        try:
            return await asyncio.wait_for(asyncio.shield(acked), self._patience.ack_s)
        except TimeoutError:
            acked.cancel()
            raise UndeliveredError("timeout") from None

    async def _next_link(self) -> Link:
        try:
            await asyncio.wait_for(self._arrival.wait(), self._patience.socket_s)
        except TimeoutError:
            raise UndeliveredError("no_socket") from None
        fresh = [link for link in self._links if not link.is_leaving and not link.socket.closed]
        if not fresh:
            raise UndeliveredError("no_socket")
        # Round robin: the one that was asked last goes to the end.
        self._links.remove(fresh[0])
        self._links.append(fresh[0])
        return fresh[0]

    def send_event(self, payload: Json) -> None:
        """Deliver an event in the background, and again while it is not acknowledged."""
        self._spawn(self._send_event(payload))

    async def _send_event(self, payload: Json) -> None:
        retry: Json = {"retry_attempt": 0, "retry_reason": ""}
        for attempt, delay_s in enumerate([*self._patience.retry_delays_s, None], start=1):
            try:
                await self.send("events_api", payload, retry)
            except UndeliveredError as lost:
                if delay_s is None:
                    return
                await asyncio.sleep(delay_s)
                reason = "timeout" if lost.reason == "timeout" else "connection_failed"
                retry = {"retry_attempt": attempt, "retry_reason": reason}
            else:
                return

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def refresh(self) -> None:
        """Ask every socket to reconnect, as Slack does every few hours; it gets nothing more."""
        for link in list(self._links):
            link.is_leaving = True
            self._count_links()
            await link.socket.send_json({"type": "disconnect", "reason": "refresh_requested"})
            await link.socket.close()

    def cut(self) -> None:
        """Break every connection off, without a word."""
        for link in list(self._links):
            link.is_leaving = True
            self._count_links()
            self._spawn(_aborted(link.socket))

    async def stop(self) -> None:
        """Close the sockets and give up what is still under way; no new socket is taken."""
        self._is_stopped = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for link in list(self._links):
            await link.socket.close()


async def _aborted(socket: web.WebSocketResponse) -> None:
    await socket.close(code=WSCloseCode.GOING_AWAY, drain=False)
