"""Socket Mode: which connections there are, envelopes out, acks in.

Shapes and reasons of `disconnect`: docs.slack.dev, apis/events-api/using-socket-mode;
`too_many_websockets` above ten: github.com/slackapi/bolt-js/issues/2225.
"""

import asyncio
import contextlib
import logging
import secrets
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

from aiohttp import WSCloseCode, WSMsgType, web

from playground.workspace.bodies import parsed
from playground.workspace.envelope import EVENTS, Envelope, UndeliveredError
from playground.workspace.faults import Faults
from playground.workspace.model import Json

logger = logging.getLogger(__name__)

MAX_SOCKETS = 10
HOST = "playground"
# How long a client that was told to go may take; Slack's own `warning` comes about 10 s before.
LEAVES_S = 10.0
WARNING, REFRESH, DISABLED = "warning", "refresh_requested", "link_disabled"
TOO_MANY = "too_many_websockets"
REASONS = (WARNING, REFRESH, DISABLED)


@dataclass(eq=False)
class Link:
    """One open socket and the envelopes that wait for its ack."""

    socket: web.WebSocketResponse
    transport: asyncio.Transport | None
    waiting: dict[str, "asyncio.Future[Json]"] = field(default_factory=dict)
    is_leaving: bool = False
    gone: asyncio.Event = field(default_factory=asyncio.Event)


class Sockets:
    """The app's connections; each envelope goes to one of them, in turn."""

    timeout_reason = "timeout"

    def __init__(
        self, app_id: str, faults: Faults, patience_s: float, changed: Callable[[], None]
    ) -> None:
        self._app_id, self._faults, self._patience_s = app_id, faults, patience_s
        self._changed = changed
        self._tickets: set[str] = set()
        self._links: list[Link] = []
        self._arrival = asyncio.Event()
        self._closing: set[asyncio.Task[None]] = set()
        self._is_stopped = False
        self.is_disabled = False

    @property
    def count(self) -> int:
        """How many sockets could take an envelope now."""
        return sum(not link.is_leaving for link in self._links)

    def new_ticket(self) -> str:
        """Return a ticket that opens one socket."""
        ticket = secrets.token_urlsafe(18)
        self._tickets.add(ticket)
        return ticket

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve one connection until it closes."""
        ticket = request.query.get("ticket", "")
        if self._faults.is_away:
            raise web.HTTPServiceUnavailable
        if ticket not in self._tickets or self._is_stopped:
            raise web.HTTPForbidden(text=DISABLED)
        self._tickets.discard(ticket)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        refusal = self._refusal()
        if refusal is not None:
            await socket.send_json(_goodbye(refusal))
            await socket.close()
            return socket
        link = Link(socket, request.transport)
        self._links.append(link)
        try:
            await socket.send_json(self._hello())
            self._count_links()
            await self._listen(link)
        finally:
            self._drop(link)
        return socket

    def _refusal(self) -> str | None:
        if self.is_disabled:
            return DISABLED
        return TOO_MANY if self.count >= MAX_SOCKETS else None

    def _hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": self.count,
            "connection_info": {"app_id": self._app_id},
            "debug_info": {"host": HOST, "approximate_connection_time": 18060},
        }

    async def _listen(self, link: Link) -> None:
        async for frame in link.socket:
            if frame.type is not WSMsgType.TEXT:
                continue
            answer = _spoken(frame.data)
            if answer is None:
                logger.warning(
                    "A socket sent what is no JSON object; it is closed: %.80r", frame.data
                )
                await link.socket.close(code=WSCloseCode.UNSUPPORTED_DATA)
                return
            waiting = link.waiting.pop(str(answer.get("envelope_id")), None)
            if waiting is not None and not waiting.done():
                waiting.set_result(_payload(answer.get("payload")))

    def _drop(self, link: Link) -> None:
        self._links.remove(link)
        link.gone.set()
        for waiting in link.waiting.values():
            if not waiting.done():
                waiting.set_exception(UndeliveredError("socket_closed"))
        self._count_links()

    def _count_links(self) -> None:
        if self.count:
            self._arrival.set()
        else:
            self._arrival.clear()
        self._changed()

    async def sent(self, envelope: Envelope) -> "asyncio.Future[Json]":
        """Send an envelope over one socket and return what will hold its ack's payload."""
        link = await self._next_link()
        envelope_id = str(uuid.uuid4())
        acked: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        link.waiting[envelope_id] = acked
        # Nobody may be left who forgets the envelopes that nobody acknowledged.
        acked.add_done_callback(lambda _: link.waiting.pop(envelope_id, None))
        try:
            await link.socket.send_json(_frame(envelope, envelope_id))
        except ConnectionError as error:
            acked.cancel()
            raise UndeliveredError("socket_closed") from error
        return acked

    async def _next_link(self) -> Link:
        try:
            await asyncio.wait_for(self._arrival.wait(), self._patience_s)
        except TimeoutError:
            raise UndeliveredError("no_socket") from None
        fresh = [link for link in self._links if not link.is_leaving and not link.socket.closed]
        if not fresh:
            raise UndeliveredError("no_socket")
        # Round robin: the one that was asked last goes to the end.
        self._links.remove(fresh[0])
        self._links.append(fresh[0])
        return fresh[0]

    async def disconnect(self, reason: str) -> None:
        """Say `disconnect` to every socket; one that was not only warned gets nothing more.

        It may still send its acks, and is closed when its client has not done that for a while.
        After `link_disabled`, Socket Mode stays off until `is_disabled` is taken back.
        """
        self.is_disabled = self.is_disabled or reason == DISABLED
        for link in list(self._links):
            link.is_leaving = link.is_leaving or reason != WARNING
            self._count_links()
            # One that has just gone needs no goodbye, and keeps the others from none.
            with contextlib.suppress(ConnectionError):
                await link.socket.send_json(_goodbye(reason))
            if link.is_leaving:
                self._soon(_seen_off(link))

    def cut(self) -> None:
        """Break every connection off without a word, as when a cable is pulled."""
        for link in self._left():
            if link.transport is not None:
                link.transport.abort()

    def close(self) -> None:
        """Close every connection from this side, as a server does that goes down in order."""
        for link in self._left():
            self._soon(_closed(link.socket))

    def forget(self) -> None:
        """Close every connection and take no ticket that was given out before."""
        self._tickets.clear()
        self.close()

    def _soon(self, closing: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(closing)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _left(self) -> list[Link]:
        links = list(self._links)
        for link in links:
            link.is_leaving = True
        self._count_links()
        return links

    async def stop(self) -> None:
        """Close the sockets; no new one is taken."""
        self._is_stopped = True
        for task in list(self._closing):
            task.cancel()
        await asyncio.gather(*self._closing, return_exceptions=True)
        for link in list(self._links):
            await link.socket.close()


async def _seen_off(link: Link) -> None:
    """Close a socket that was told to go, once its client has had the time to do that."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(link.gone.wait(), LEAVES_S)
    await link.socket.close()


def _goodbye(reason: str) -> Json:
    return {"type": "disconnect", "reason": reason, "debug_info": {"host": HOST}}


def _spoken(text: str) -> Json | None:
    """Return what a frame says; None where that is no JSON object."""
    try:
        found = parsed(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _payload(given: object) -> Json:
    """Return what an ack carries; a bare text counts as one, as in an answer by HTTP."""
    if isinstance(given, dict):
        return given
    return {"text": given} if isinstance(given, str) else {}


def _frame(envelope: Envelope, envelope_id: str) -> Json:
    frame: Json = {
        "envelope_id": envelope_id,
        "type": envelope.kind,
        "payload": envelope.payload,
        "accepts_response_payload": envelope.kind != EVENTS,
    }
    if envelope.kind == EVENTS:
        frame |= {"retry_attempt": envelope.attempt, "retry_reason": envelope.reason}
    return frame


async def _closed(socket: web.WebSocketResponse) -> None:
    await socket.close(code=WSCloseCode.GOING_AWAY, drain=False)
