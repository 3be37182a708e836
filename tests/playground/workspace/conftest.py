"""One workspace on a free loopback port for each test, and people and an app to use it."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import aiohttp
import pytest
from aiohttp import web

from playground.workspace.client import Person, PersonError
from playground.workspace.delivery import Patience
from playground.workspace.demo import demo_workspace
from playground.workspace.guard import loopback_only
from playground.workspace.model import ALL_EVENTS, Json, Subscriptions
from playground.workspace.workspace import Workspace
from tests.playground.workspace.sample_app import APP_TOKEN, BOT_TOKEN, SampleApp

# Acks have as long as in Slack: a busy machine must not look like an app that does not answer.
PATIENCE = Patience(socket_s=0.1, retry_delays_s=(0.0, 0.05), overtaken_s=1.0)
# For a test in which nobody answers.
SHORT = Patience(ack_s=0.4, socket_s=0.1, retry_delays_s=(0.0, 0.05))


class FakeClock:
    """Wall time plus what a test adds."""

    def __init__(self) -> None:
        self.offset = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def forward(self, seconds: float) -> None:
        self.offset += timedelta(seconds=seconds)


@dataclass
class World:
    """A running workspace, its people, and a plain session to call the Web API with."""

    workspace: Workspace
    clock: FakeClock
    base_url: str
    session: aiohttp.ClientSession
    ana: Person
    ben: Person
    mia: Person
    stack: AsyncExitStack

    async def socket(self, url: str) -> aiohttp.ClientWebSocketResponse:
        """Open a socket that is closed when the test ends, not whenever garbage is collected."""
        opened = await self.session.ws_connect(url)
        self.stack.push_async_callback(opened.close)
        return opened

    async def call(self, method: str, token: str = BOT_TOKEN, **args: object) -> Json:
        """Call a Web API method with a JSON body and return its answer."""
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{self.base_url}/api/{method}"
        async with self.session.post(url, json=args, headers=headers) as response:
            answer: Json = await response.json()
            return answer

    def calls(self, method: str) -> list[Json]:
        """Return the arguments of the app's calls of a method so far."""
        return [call.args for call in self.workspace.calls if call.method == method]

    def forward(self, seconds: float) -> None:
        """Let time pass at once."""
        self.clock.forward(seconds)

    async def at_once(self, *acts: Coroutine[Any, Any, object]) -> list[object]:
        """Let people act at the same moment; returns what came of each, or its PersonError."""
        self.workspace.faults.meet_next(len(acts))
        outcomes = await asyncio.gather(*acts, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException) and not isinstance(outcome, PersonError):
                raise outcome
        return list(outcomes)

    async def post(self, channel: str = "C0INCIDENTS", **args: object) -> str:
        """Post as the bot and return the ts."""
        answer = await self.call("chat.postMessage", BOT_TOKEN, channel=channel, **args)
        assert answer["ok"], answer
        return str(answer["ts"])


class Serve(Protocol):
    """Serves a workspace, with further routes beside it, and returns its base URL."""

    async def __call__(self, workspace: Workspace, *beside: web.RouteDef) -> str: ...


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Serve workspaces on free ports until the test ends."""
    async with AsyncExitStack() as stack:

        async def start(workspace: Workspace, *beside: web.RouteDef) -> str:
            app = web.Application(middlewares=[loopback_only])
            app.add_routes([*workspace.routes(), *beside])
            runner = web.AppRunner(app)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            await workspace.start()
            stack.push_async_callback(workspace.stop)
            return f"http://127.0.0.1:{runner.addresses[0][1]}"

        yield start


@pytest.fixture
def patience() -> Patience:
    """Short waits; a test that needs others names them as its parameter."""
    return PATIENCE


@pytest.fixture
async def world(serve: Serve, patience: Patience) -> AsyncIterator[World]:
    """The demo's workspace with nobody connected."""
    clock = FakeClock()
    subscriptions = Subscriptions(
        events=ALL_EVENTS | {"reaction_added", "reaction_removed"},
        commands=frozenset({"/card", "/silent", "/signoff", "/echo", "/dreams"}),
    )
    workspace = demo_workspace(
        clock, BOT_TOKEN, APP_TOKEN, subscriptions=subscriptions, patience=patience
    )
    base_url = await serve(workspace)
    async with aiohttp.ClientSession() as session, AsyncExitStack() as stack:
        ana, ben, mia = (Person(session, base_url, name) for name in ("U0ANA", "U0BEN", "U0MIA"))
        yield World(workspace, clock, base_url, session, ana, ben, mia, stack)


@pytest.fixture
async def app(world: World) -> AsyncIterator[SampleApp]:
    """The sample app, connected over Socket Mode."""
    sample = SampleApp(world.base_url)
    await sample.start()
    yield sample
    await sample.stop()
