"""An app that is only a socket: a test reads each envelope and decides when and how to ack."""

import asyncio

import aiohttp

from playground.workspace.model import Json
from tests.playground.workspace.conftest import World
from tests.playground.workspace.sample_app import APP_TOKEN


class BareApp:
    """A Socket Mode connection that acknowledges only when it is told to."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def next(self) -> Json:
        envelope: Json = await self._socket.receive_json(timeout=60)
        return envelope

    def ahead(self) -> "asyncio.Task[Json]":
        """Begin to wait for the next one; how long is up to the caller."""
        return asyncio.create_task(self._receive())

    async def _receive(self) -> Json:
        envelope: Json = await self._socket.receive_json()
        return envelope

    async def say(self, text: str) -> aiohttp.WSMessage:
        """Send a frame as it is and return what comes back."""
        await self._socket.send_str(text)
        return await self._socket.receive(timeout=60)

    async def ack(self, envelope: Json, payload: Json | str | None = None) -> None:
        answer: Json = {"envelope_id": envelope["envelope_id"]}
        await self._socket.send_json(answer | ({"payload": payload} if payload else {}))


async def connect(world: World) -> BareApp:
    opened = await world.call("apps.connections.open", token=APP_TOKEN)
    bare = BareApp(await world.socket(opened["url"]))
    hello = await bare.next()
    assert hello["type"] == "hello"
    assert hello["connection_info"] == {"app_id": "A0SIGNOFF"}
    return bare
