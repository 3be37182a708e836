"""The webhooks on a real port, in front of a real store."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.metrics import Metrics
from bot.store.engine import is_answering
from bot.webhooks.bodies import runner as runner_of
from bot.webhooks.server import Entrance, routes
from tests.bot.world import World

TOKEN = "a-token-for-webhooks-only"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
FIRED_AT = "2026-11-20T09:58:00Z"


@dataclass
class FakeHealth:
    """Says what the test wants to be said."""

    is_ready: bool = True


@dataclass
class Door:
    """The HTTP side, and a session that knocks at it."""

    store: World
    base_url: str
    session: aiohttp.ClientSession
    health: FakeHealth = field(default_factory=FakeHealth)

    @property
    def port(self) -> int:
        return int(self.base_url.rsplit(":", 1)[1])

    async def post(
        self,
        body: object,
        source: str = "alertmanager",
        **fields: Any,  # noqa: ANN401 - any argument of aiohttp's
    ) -> tuple[int, dict[str, Any]]:
        """Send a body (bytes as they are, else as JSON) and return status and answer."""
        data = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
        fields.setdefault("headers", BEARER)
        url = f"{self.base_url}/webhooks/{source}"
        async with self.session.post(url, data=data, **fields) as response:
            answer: dict[str, Any] = await response.json()
            return response.status, answer

    async def send(self, *alerts: object, **fields: object) -> dict[str, Any]:
        """Send alerts as Alertmanager does; it must take the body."""
        status, answer = await self.post({"version": "4", "alerts": list(alerts), **fields})
        assert status == 200, answer
        return answer

    async def text(self, path: str) -> tuple[int, str]:
        async with self.session.get(f"{self.base_url}{path}") as response:
            return response.status, await response.text()


@asynccontextmanager
async def listening(store: World, token: str | None = TOKEN) -> AsyncIterator[Door]:
    health = FakeHealth()

    async def is_ready() -> bool:
        return health.is_ready and await store.database.read(is_answering)

    entrance = Entrance(
        context=store.context,
        metrics=Metrics(),
        token=token,
        channel_of=lambda found: None if found.service is None else "C0INCIDENTS",
        is_ready=is_ready,
        boundary=store.context.boundary,
    )
    app = web.Application()
    app.add_routes(routes(entrance))
    runner = runner_of(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with aiohttp.ClientSession() as session:
        yield Door(store, base_url, session, health)
    await runner.cleanup()


async def raw(door: Door, request: bytes) -> bytes:
    """Send bytes over a socket and return the status line of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(request)
    await writer.drain()
    status = await asyncio.wait_for(reader.readline(), 60)
    writer.close()
    await writer.wait_closed()
    return status


@pytest.fixture
async def door(store: World) -> AsyncIterator[Door]:
    """The webhooks, with their token set."""
    async with listening(store) as found:
        yield found


def alert(**fields: Any) -> dict[str, Any]:  # noqa: ANN401 - any field of an alert
    """Return an alert as Alertmanager writes it."""
    labels = {
        "alertname": "HighErrorRatio",
        "service": "checkout",
        "environment": "staging",
        "severity": "warning",
        **fields.pop("labels", {}),
    }
    usual = {
        "status": "firing",
        "annotations": {"summary": "Too many errors"},
        "startsAt": FIRED_AT,
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://127.0.0.1:9090/graph",
        "fingerprint": "feedc0de00000001",
    }
    return {"labels": labels, **usual, **fields}
