"""The Slack that the rules are tried against: the local workspace, or the real one with a token."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web

from playground.workspace.demo import demo_workspace
from playground.workspace.model import Json
from tests.conformance.rules import Call
from tests.conftest import LoopbackOnly
from tests.playground.workspace.conftest import FakeClock
from tests.playground.workspace.sample_app import APP_TOKEN, BOT_TOKEN

TOKEN, CHANNEL = "SLACK_CONFORMANCE_TOKEN", "SLACK_CONFORMANCE_CHANNEL"
REAL = "https://slack.com"
TOO_MANY = 429


@dataclass
class Slack:
    """One Slack to call; what was posted is deleted when the test is over."""

    session: aiohttp.ClientSession
    base_url: str
    token: str
    channel: str
    is_local: bool
    posted: list[str] = field(default_factory=list)

    async def answer(self, call: Call) -> Json:
        """Make a call and return its answer."""
        ts = await self._message() if "{ts}" in call.args.values() else ""
        places = {"{channel}": self.channel, "{ts}": ts}
        args = {
            name: places.get(value, value) if isinstance(value, str) else value
            for name, value in call.args.items()
        }
        return await self._call(call.method, args)

    async def _message(self) -> str:
        await self._call("chat.postMessage", {"channel": self.channel, "text": "conformance"})
        return self.posted[-1]

    async def _call(self, method: str, args: Json) -> Json:
        form = {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in args.items()
        }
        url, headers = f"{self.base_url}/api/{method}", {"Authorization": f"Bearer {self.token}"}
        async with self.session.post(url, data=form, headers=headers) as response:
            if response.status != TOO_MANY:
                answer: Json = await response.json()
                if method == "chat.postMessage" and answer["ok"]:
                    self.posted.append(answer["ts"])
                return answer
            wait_s = int(response.headers["Retry-After"])
        await asyncio.sleep(wait_s)
        return await self._call(method, args)

    async def tidy_up(self) -> None:
        """Delete what was posted."""
        for ts in self.posted:
            await self._call("chat.delete", {"channel": self.channel, "ts": ts})


@pytest.fixture(params=["workspace", "slack.com"])
async def slack(
    request: pytest.FixtureRequest, loopback_only: LoopbackOnly
) -> AsyncIterator[Slack]:
    """Yield the local workspace, and then Slack itself where a token for it is set."""
    token, channel = os.environ.get(TOKEN), os.environ.get(CHANNEL)
    is_local = request.param == "workspace"
    if not is_local and not (token and channel):
        pytest.skip(f"real Slack: set {TOKEN} and {CHANNEL}")
    async with AsyncExitStack() as stack:
        if is_local:
            base_url, token, channel = await _served(stack), BOT_TOKEN, "C0INCIDENTS"
        else:
            base_url = REAL
            stack.enter_context(loopback_only.lifted())
        session = await stack.enter_async_context(aiohttp.ClientSession())
        found = Slack(session, base_url, str(token), str(channel), is_local=is_local)
        stack.push_async_callback(found.tidy_up)
        yield found


async def _served(stack: AsyncExitStack) -> str:
    workspace = demo_workspace(FakeClock(), BOT_TOKEN, APP_TOKEN)
    app = web.Application()
    app.add_routes(workspace.routes())
    runner = web.AppRunner(app)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    stack.push_async_callback(workspace.stop)
    return f"http://127.0.0.1:{runner.addresses[0][1]}"
