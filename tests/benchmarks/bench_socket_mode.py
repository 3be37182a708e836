"""Events through Socket Mode: 200 a second for 30 s, each heard once, and how fast it could go.

The reference is a bare websocket of the same process, which sends frames of the same size and
takes the same acks. Rates are flat out, with at most 100 events under way; app and workspace share
one process and one core.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import quantiles

import aiohttp
from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from playground.workspace.delivery import Patience
from playground.workspace.demo import demo_workspace
from playground.workspace.guard import loopback_only
from playground.workspace.model import Json, Subscriptions
from playground.workspace.workspace import Workspace
from tests.benchmarks.conftest import Show
from tests.playground.workspace.sample_app import APP_TOKEN, BOT_TOKEN

RATE, FOR_S = 200, 30
FLAT_OUT, UNDER_WAY = 3000, 100
CHANNEL = "C0INCIDENTS"


class WallClock:
    """The time as it is."""

    def now(self) -> datetime:
        """Return the present time."""
        return datetime.now(UTC)


@dataclass
class Ear:
    """What was heard, and how long after it was said."""

    said_at: dict[str, float] = field(default_factory=dict)
    heard: Counter[str] = field(default_factory=Counter)
    late_s: list[float] = field(default_factory=list)

    def hear(self, event: Json) -> None:
        """Take note of an event."""
        self.heard[event["ts"]] += 1
        self.late_s.append(time.perf_counter() - self.said_at[event["ts"]])

    def say(self, workspace: Workspace, text: str) -> None:
        """Let Ana say something."""
        message = workspace.acts.say("U0ANA", CHANNEL, text)
        self.said_at[message.ts] = time.perf_counter()

    async def until(self, count: int) -> None:
        """Wait until so many were heard."""
        async with asyncio.timeout(60):
            while len(self.late_s) < count:
                await asyncio.sleep(0.001)


async def test_two_hundred_events_a_second_for_half_a_minute(show: Show) -> None:
    async with served() as (workspace, base_url), bolt(base_url) as ear:
        began = time.perf_counter()
        for number in range(RATE * FOR_S):
            await asyncio.sleep(began + number / RATE - time.perf_counter())
            ear.say(workspace, str(number))
        await ear.until(RATE * FOR_S)
        took_s = time.perf_counter() - began
        # One that comes late, or twice, would come now.
        await asyncio.sleep(4)
    assert ear.heard == Counter(ear.said_at.keys())
    cuts = quantiles(ear.late_s, n=100)
    rows = [
        ("said", "heard", "events/s", "p50 ms", "p99 ms"),
        (
            len(ear.said_at),
            ear.heard.total(),
            RATE * FOR_S / took_s,
            cuts[49] * 1e3,
            cuts[98] * 1e3,
        ),
    ]
    show(f"{RATE} events a second for {FOR_S} s, heard by slack-bolt: each once", rows)


async def test_how_fast_it_goes_beside_a_bare_websocket(show: Show) -> None:
    async with served() as (workspace, base_url):
        ear = Ear()
        async with bare(base_url, ear):
            socket_rate = await flat_out(lambda n: _said(ear, workspace, n), ear)
        async with bolt(base_url) as heard:
            bolt_rate = await flat_out(lambda n: _said(heard, workspace, n), heard)
    reference = await bare_websocket_rate()
    rows: list[tuple[object, ...]] = [("to", "events/s", "of the reference")]
    for name, rate in (
        ("a bare websocket (reference)", reference),
        ("workspace to a bare socket", socket_rate),
        ("workspace to slack-bolt", bolt_rate),
    ):
        rows.append((name, rate, rate / reference))
    show(f"{FLAT_OUT} events flat out, {UNDER_WAY} under way", rows)


async def _said(ear: Ear, workspace: Workspace, number: int) -> None:
    ear.say(workspace, str(number))


async def flat_out(say: Callable[[int], Awaitable[None]], ear: Ear) -> float:
    """Say everything as fast as it is heard and return the rate."""
    began = time.perf_counter()
    for number in range(FLAT_OUT):
        while number - len(ear.late_s) >= UNDER_WAY:
            await asyncio.sleep(0)
        await say(number)
    await ear.until(FLAT_OUT)
    return FLAT_OUT / (time.perf_counter() - began)


@asynccontextmanager
async def served() -> AsyncIterator[tuple[Workspace, str]]:
    """Serve the demo's workspace."""
    workspace = demo_workspace(
        WallClock(),
        BOT_TOKEN,
        APP_TOKEN,
        subscriptions=Subscriptions(events=frozenset({"message.channels"})),
        patience=Patience(),
    )
    app = web.Application(middlewares=[loopback_only])
    app.add_routes(workspace.routes())
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield workspace, f"http://127.0.0.1:{runner.addresses[0][1]}"
    await workspace.stop()
    await runner.cleanup()


@asynccontextmanager
async def bolt(base_url: str) -> AsyncIterator[Ear]:
    """Connect a slack-bolt app that hears every message."""
    ear = Ear()
    app = AsyncApp(client=AsyncWebClient(token=BOT_TOKEN, base_url=f"{base_url}/api/"))

    async def heard(event: Json) -> None:
        ear.hear(event)

    app.event("message")(heard)
    handler = AsyncSocketModeHandler(app, APP_TOKEN)
    await handler.connect_async()  # type: ignore[no-untyped-call]  # bolt leaves it untyped
    yield ear
    await handler.close_async()  # type: ignore[no-untyped-call]  # bolt leaves it untyped


@asynccontextmanager
async def bare(base_url: str, ear: Ear) -> AsyncIterator[None]:
    """Connect a socket that acknowledges each envelope as it comes."""
    headers = {"Authorization": f"Bearer {APP_TOKEN}"}
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{base_url}/api/apps.connections.open", headers=headers) as asked:
            address = (await asked.json())["url"]
        async with session.ws_connect(address) as socket:
            await socket.receive_json()

            async def listen() -> None:
                async for frame in socket:
                    envelope = json.loads(frame.data)
                    await socket.send_str(json.dumps({"envelope_id": envelope["envelope_id"]}))
                    ear.hear(envelope["payload"]["event"])

            listening = asyncio.create_task(listen())
            yield
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


async def bare_websocket_rate() -> float:
    """Return how many frames of an envelope's size a plain websocket takes acks for, a second."""
    acked: set[str] = set()

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)

        async def listen() -> None:
            async for frame in socket:
                acked.add(json.loads(frame.data)["envelope_id"])

        listening = asyncio.create_task(listen())
        for number in range(FLAT_OUT):
            while number - len(acked) >= UNDER_WAY:
                await asyncio.sleep(0)
            frame = {"envelope_id": str(number), "payload": {"text": "x" * 900}}
            await socket.send_str(json.dumps(frame))
        await listening
        return socket

    app = web.Application()
    app.add_routes([web.get("/", serve)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    async with aiohttp.ClientSession() as session, session.ws_connect(address) as socket:
        began = time.perf_counter()
        for _ in range(FLAT_OUT):
            envelope = await socket.receive_json()
            await socket.send_str(json.dumps({"envelope_id": envelope["envelope_id"]}))
        took_s = time.perf_counter() - began
    await runner.cleanup()
    return FLAT_OUT / took_s
