"""The mirror and the outbox between a real workspace and a real store, without the other parts."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from slack_sdk.web.async_client import AsyncWebClient

from agents.ports import TaskChange
from agents.tasks import Task, TaskState
from bot.metrics import Metrics
from bot.slack.mirror import Glass, Mirror
from bot.slack.postman import OutboxClerk
from bot.slack.sender import Sender
from bot.store.boxes import Outbox
from bot.store.threads import Thread, ThreadStore
from playground.workspace.demo import demo_workspace
from playground.workspace.guard import loopback_only
from playground.workspace.model import Message
from playground.workspace.workspace import Workspace
from policies.model import Inverse, Proposal, ProposalState
from tests.bot.world import FakeClock, Wish, World, opened, proposal_for

TOKEN, APP_TOKEN = "xoxb-slackside", "xapp-slackside"
CHANNEL = "C0INCIDENTS"
WORKSPACE = "https://play.slack.com/"
FIRST_LOOK_S, LAST_LOOK_S = 0.02, 0.1


@dataclass
class Side:
    """A workspace, a store, and what stands between them."""

    store: World
    workspace: Workspace
    sender: Sender
    metrics: Metrics
    threads: ThreadStore
    client: AsyncWebClient
    unreachable: list[str] = field(default_factory=list)

    def messages(self, channel: str = CHANNEL) -> list[Message]:
        """Return what stands in a channel, oldest first."""
        return list(self.workspace.state.messages[channel].values())

    def marks(self, channel: str = CHANNEL) -> list[str]:
        """Return the marks of what stands in a channel."""
        return [
            str((message.metadata or {}).get("event_payload", {}).get("key"))
            for message in self.messages(channel)
        ]

    def calls(self, method: str) -> list[dict[str, Any]]:
        """Return the arguments of the calls of a method."""
        return [call.args for call in self.workspace.calls if call.method == method]

    async def begin(self, group: str = "incident:1", **fields: object) -> Task:
        """Let an incident begin."""
        return await self.store.task(group, **fields)

    async def propose(self, task: Task, *wishes: Wish) -> list[Proposal]:
        """Take a fresh task through its analysis; it proposes what is wished."""
        made = [
            proposal_for(task, place, self.store.clock.now(), wish)
            for place, wish in enumerate(wishes, start=1)
        ]
        await self.conclude(task, *made)
        return made

    async def conclude(self, task: Task, *made: Proposal) -> None:
        """Take a fresh task through an analysis that proposes these."""
        claims = await self.store.dispatcher("worker-1").claim(500, 30)
        claim = next(one for one in claims if one.task.id == task.id)
        if claim.task.state is TaskState.QUEUED:
            await self.store.tasks.advance(claim, TaskChange(state=TaskState.GATHERING))
        await self.store.tasks.advance(claim, TaskChange(state=TaskState.ANALYSING))
        await self.store.tasks.advance(claim, TaskChange(proposals=made))
        for one in claims:
            await self.store.tasks.release(one)

    async def expire(self, task: Task) -> None:
        """Nobody answers in time."""
        (claim,) = await self.store.dispatcher("worker-1").claim(1, 30)
        for row in await self.store.tasks.proposals(task.id):
            words = ("EXPIRED", "No answer came.")
            await self.store.tasks.move(claim, row, ProposalState.EXPIRED, *words)
        await self.store.tasks.release(claim)

    async def is_shown(self) -> bool:
        """Say whether every thread shows what is stored."""
        return (await self.threads.behind())[0] == []

    async def shown(self) -> None:
        """Wait until every thread shows what is stored."""
        await until(self.is_shown)


async def until(look: Callable[[], Awaitable[bool]], within_s: float = 60.0) -> None:
    """Wait until something is true; fails when it does not become so."""
    wait_s = FIRST_LOOK_S
    async with asyncio.timeout(within_s):
        while not await look():
            await asyncio.sleep(wait_s)
            # Looking costs as much as what is waited for: less often when it takes long.
            wait_s = min(LAST_LOOK_S, wait_s * 1.5)


@asynccontextmanager
async def time_flies(side: Side) -> AsyncIterator[None]:
    """Let the clock, by which rates are counted too, run twenty times as fast."""

    async def run() -> None:
        while True:
            side.store.clock.forward(0.2)
            await asyncio.sleep(0.01)

    async with _in_background(run()):
        yield


@asynccontextmanager
async def running(
    side: Side, no_way_back: Callable[[Inverse], str | None] = lambda _: None
) -> AsyncIterator[Mirror]:
    """Let a mirror run, as after a start of the bot."""

    async def mentions() -> dict[str, str]:
        return {"oncall": "<!subteam^S0ONCALL>"}

    async def unreachable(thread: Thread, error: str) -> None:
        side.unreachable.append(f"{thread.id}: {error}")

    mirror = Mirror(
        Glass(
            store=side.threads,
            sender=side.sender,
            clock=side.store.clock,
            mentions=mentions,
            default_channel=None,
            unreachable=unreachable,
            boundary=side.store.context.boundary,
            workspace=lambda: WORKSPACE,
            no_way_back=no_way_back,
        )
    )
    side.store.database.on_commit(mirror.wake)
    async with _in_background(mirror.run()):
        yield mirror


@asynccontextmanager
async def sending(side: Side) -> AsyncIterator[OutboxClerk]:
    """Let the outbox be sent."""
    clerk = OutboxClerk(Outbox(side.store.context), side.sender, CHANNEL)
    async with _in_background(clerk.run()):
        yield clerk


@asynccontextmanager
async def _in_background(work: Any) -> AsyncIterator[None]:  # noqa: ANN401 - any coroutine
    task = asyncio.create_task(work)
    try:
        yield
        assert not task.done(), "it must run until it is stopped"
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def slackside(folder: Path) -> AsyncIterator[Side]:
    """Serve a workspace beside an empty store."""
    clock = FakeClock()
    workspace = demo_workspace(clock, TOKEN, APP_TOKEN)
    app = web.Application(middlewares=[loopback_only])
    app.add_routes(workspace.routes())
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}/api/"
    metrics = Metrics()
    client = AsyncWebClient(token=TOKEN, base_url=base, retry_handlers=[])
    async with opened(folder / "signoff.db", clock) as store:
        redactor = store.context.redactor
        sender = Sender(client, metrics, redactor, lambda: clock.now().timestamp())
        yield Side(store, workspace, sender, metrics, ThreadStore(store.context), client)
        await sender.line.close()
        await workspace.stop()
        await runner.cleanup()
    assert workspace.excesses == []
    assert workspace.unknown_calls == []
