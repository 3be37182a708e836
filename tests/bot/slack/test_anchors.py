"""Checkpoints in Slack: one thread a day, each checkpoint a reply, begun again when it is gone."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from slack_sdk.web.async_client import AsyncWebClient

from bot.metrics import Metrics
from bot.slack.anchors import AnchorPoster
from bot.slack.postman import OutboxClerk
from bot.slack.sender import Sender
from bot.store.anchors import AnchorStore
from bot.store.boxes import Outbox
from bot.store.tables import outbox
from playground.workspace.demo import demo_workspace
from playground.workspace.model import Message
from playground.workspace.workspace import Workspace
from tests.bot.signing import CHANNEL, Signing, signing
from tests.bot.world import FakeClock

BOT_TOKEN, APP_TOKEN = "xoxb-" + "1" * 20, "xapp-" + "1" * 20


@asynccontextmanager
async def served(clock: FakeClock) -> AsyncIterator[tuple[Workspace, str]]:
    workspace = demo_workspace(clock, BOT_TOKEN, APP_TOKEN)
    app = web.Application()
    app.add_routes(workspace.routes())
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await workspace.start()
    try:
        yield workspace, f"http://127.0.0.1:{runner.addresses[0][1]}/api/"
    finally:
        await workspace.stop()
        await runner.cleanup()


def clerk(found: Signing, url: str) -> OutboxClerk:
    context = found.world.context
    client = AsyncWebClient(BOT_TOKEN, url, retry_handlers=[])
    # Rates on a faster clock: how long a turn takes is not what these tests are about.
    sender = Sender(client, Metrics(), context.redactor, lambda: time.monotonic() * 100)
    poster = AnchorPoster(AnchorStore(context), sender)
    return OutboxClerk(Outbox(context), sender, CHANNEL, post_anchor=poster.post)


def replies(workspace: Workspace) -> dict[str, list[str]]:
    """Return the texts of the replies below each message of the channel."""
    said: list[Message] = list(workspace.state.messages[CHANNEL].values())
    roots = [one for one in said if one.thread_ts in {None, one.ts}]
    return {
        root.text: [one.text for one in said if one.thread_ts == root.ts and one is not root]
        for root in roots
    }


async def test_a_day_is_a_thread_and_each_checkpoint_a_reply(tmp_path: Path) -> None:
    clock = FakeClock()
    async with (
        served(clock) as (workspace, url),
        signing(tmp_path / "signoff.db", clock, CHANNEL) as found,
    ):
        postman = clerk(found, url)
        for count in range(1, 4):
            await found.reach(count)
            await postman.last_round()
            # The second day begins with the third checkpoint.
            clock.forward(61 if count == 1 else 15 * 3600)
            await found.happened(256)
        made = await found.reach(4)
        await postman.last_round()
    threads = replies(workspace)
    notes = [f"```\n{one.note}```" for one in made]
    assert list(threads.values()) == [notes[:2], notes[2:]]
    assert all("`signoff audit verify --checkpoint FILE`" in root for root in threads)
    assert [root.split(", ")[1][:10] for root in threads] == ["2026-11-20", "2026-11-21"]


async def test_a_busy_ledger_does_not_flood_its_channel(tmp_path: Path) -> None:
    clock = FakeClock()
    async with (
        served(clock) as (workspace, url),
        signing(tmp_path / "signoff.db", clock, CHANNEL) as found,
    ):
        postman = clerk(found, url)
        for count in range(1, 8):
            await found.reach(count)
            await postman.last_round()
            await found.happened(256)
        made = await found.reach(8)
        (texts,) = replies(workspace).values()
        assert texts == [f"```\n{made[0].note}```"]
        clock.forward(60)
        await postman.last_round()
        (texts,) = replies(workspace).values()
    # What came in between is implied by the newest.
    assert texts == [f"```\n{made[0].note}```", f"```\n{made[7].note}```"]


async def test_after_an_absence_of_slack_only_the_newest_is_posted(tmp_path: Path) -> None:
    clock = FakeClock()
    async with signing(tmp_path / "signoff.db", clock, CHANNEL) as found:
        async with served(clock) as (_, away):
            pass
        for count in range(1, 4):
            await found.reach(count)
            await clerk(found, away).last_round()
            clock.forward(3600)
            await found.happened(256)
        made = await found.reach(4)
        async with served(clock) as (workspace, url):
            clock.forward(600)
            await clerk(found, url).last_round()
            threads = replies(workspace)
        assert list(threads.values()) == [[f"```\n{made[3].note}```"]]
        assert [row for row in await found.world.rows(outbox) if row.due_at is not None] == []


async def test_a_day_whose_message_was_deleted_begins_again(tmp_path: Path) -> None:
    clock = FakeClock()
    async with (
        served(clock) as (workspace, url),
        signing(tmp_path / "signoff.db", clock, CHANNEL) as found,
    ):
        postman = clerk(found, url)
        await found.reach(1)
        await postman.last_round()
        workspace.state.messages[CHANNEL].clear()
        clock.forward(61)
        await found.happened(256)
        made = await found.reach(2)
        await postman.last_round()
        said = [one.text for one in workspace.state.messages[CHANNEL].values()]
    assert f"```\n{made[1].note}```" in said
