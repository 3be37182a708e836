"""What these tests share: a clock to move, a server on loopback, a client, a receiving bot."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

TOKEN = "made-up-token"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class FakeClock:
    """A clock that stands still until it is moved."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def forward(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Client:
    """Speaks JSON with one server; `headers` go with every request."""

    def __init__(self, base: str, headers: Mapping[str, str] | None = None) -> None:
        self.base = base
        self._headers = dict(headers or {})
        self._session = aiohttp.ClientSession()

    async def close(self) -> None:
        await self._session.close()

    async def send(self, method: str, path: str, **kwargs: Any) -> "Answer":  # noqa: ANN401 - aiohttp's own
        headers = {**self._headers, **kwargs.pop("headers", {})}
        async with self._session.request(
            method, self.base + path, headers=headers, **kwargs
        ) as answer:
            is_json = answer.content_type == "application/json"
            body = await (answer.json() if is_json else answer.text())
            return Answer(answer.status, body, dict(answer.headers))

    async def get(self, path: str, **kwargs: Any) -> "Answer":  # noqa: ANN401 - as above
        return await self.send("GET", path, **kwargs)

    async def post(self, path: str, body: object, key: str | None = None) -> "Answer":
        headers = {"Idempotency-Key": key} if key else {}
        return await self.send("POST", path, json=body, headers=headers)


class Answer:
    """A status, a parsed body and the headers."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str]) -> None:  # noqa: ANN401 - JSON
        self.status = status
        self.body = body
        self.headers = headers


@asynccontextmanager
async def serving(
    routes: Sequence[web.RouteDef],
    headers: Mapping[str, str] | None = None,
    port: int | None = None,
) -> AsyncIterator[Client]:
    """Serve the routes on a free loopback port, and close everything after."""
    app = web.Application()
    app.add_routes(routes)
    server = TestServer(app, host="127.0.0.1", port=port)
    await server.start_server()
    client = Client(str(server.make_url("")).rstrip("/"), headers)
    try:
        yield client
    finally:
        await client.close()
        await server.close()


async def until(holds: Callable[[], bool], within_s: float = 60.0) -> None:
    """Wait until something holds, at most so long."""
    deadline = asyncio.get_running_loop().time() + within_s
    while not holds():
        assert asyncio.get_running_loop().time() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


class FakeBot:
    """Receives webhooks; answers `statuses` in turn, then 202."""

    def __init__(self, statuses: Sequence[int] = ()) -> None:
        self.statuses = list(statuses)
        self.attempts = 0
        self.taken: list[dict[str, Any]] = []
        self.authorizations: list[str | None] = []

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/webhooks/alertmanager", self._receive)]

    async def _receive(self, request: web.Request) -> web.Response:
        self.attempts += 1
        self.authorizations.append(request.headers.get("Authorization"))
        status = self.statuses.pop(0) if self.statuses else 202
        if status < 300:
            self.taken.append(await request.json())
        return web.Response(status=status)
