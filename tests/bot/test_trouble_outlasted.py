"""While nothing can be stored every loop goes on calmly, and afterwards nothing is done twice."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.config import DigestSchedule
from bot.scheduler import Scheduler
from bot.slack.postman import OutboxClerk
from bot.store.boxes import Outbox, send
from bot.store.engine import Database
from bot.store.tables import outbox, tasks
from bot.store.threads import ThreadStore
from policies.audit import Event, EventKind
from tests.bot.signing import until as until_true
from tests.bot.signing import worker
from tests.bot.slack.slackside import CHANNEL, Side, running, slackside, time_flies, until
from tests.bot.trouble import FakeTrouble
from tests.bot.world import FakeClock, World, opened

Logged = pytest.LogCaptureFixture
DAILY = DigestSchedule(channel="C0MARKETING", cron="0 9 * * *", zone="UTC")


@pytest.fixture
async def side(tmp_path: Path) -> AsyncIterator[Side]:
    async with slackside(tmp_path) as found, time_flies(found):
        yield found


def troubled(world: World, hold_s: float = 0.05) -> tuple[World, FakeTrouble]:
    """Return the world with a database that gets into trouble at a word."""
    database: Database = world.database
    trouble = FakeTrouble(database, hold_s)
    return replace(world, context=replace(world.context, database=trouble)), trouble


async def refused(trouble: FakeTrouble, times: int) -> None:
    """Wait until so many writes were refused."""
    until_refused = trouble.refused + times
    async with asyncio.timeout(60):
        while trouble.refused < until_refused:
            await asyncio.sleep(0.02)


def require_calm(caplog: Logged) -> None:
    """Nothing worse than a word of patience was logged."""
    loud = [record.message for record in caplog.records if record.levelno > logging.INFO]
    assert loud == []
    assert not [record for record in caplog.records if record.exc_info]


async def test_a_slot_waits_and_is_taken_once(store: World, caplog: Logged) -> None:
    caplog.set_level(logging.INFO)
    world, trouble = troubled(store, hold_s=2.5)
    scheduler = Scheduler(world.context, [DAILY])
    await scheduler.start()
    trouble.is_on = True
    store.clock.forward(24 * 3600)
    await refused(trouble, 2)
    assert await store.rows(tasks) == []
    trouble.is_on = False
    async with asyncio.timeout(60):
        while not await store.rows(tasks):
            await asyncio.sleep(0.05)
    await scheduler.stop()
    assert len(await store.events("digest.scheduled")) == 1
    require_calm(caplog)


async def test_signing_waits_and_is_not_given_up(tmp_path: Path, caplog: Logged) -> None:
    caplog.set_level(logging.INFO)
    async with opened(tmp_path / "signoff.db", FakeClock()) as store:
        first = Event(kind=EventKind.SIGNOFF_STARTED, at=store.clock.now(), sentence="Started.")
        await store.journal.record([first])
        world, trouble = troubled(store)
        found = worker(world)
        trouble.is_on = True
        run = asyncio.create_task(found.checkpointer.run())
        await refused(trouble, 1)
        await until_true(lambda: found.value("signoff_ledger_unsigned") == 1)
        trouble.is_on = False
        await found.reach(1)
        await until_true(lambda: found.value("signoff_ledger_unsigned") == 0)
        trouble.is_on = True
        store.clock.forward(3600)
        found.checkpointer.wake()
        await refused(trouble, 1)
        trouble.is_on = False
        await found.reach(2)
        assert not run.done()
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
        assert found.told == []
        # At the stop too: what can't be stored is signed at the next start.
        trouble.is_on = True
        await store.journal.record([first])
        await found.checkpointer.finish()
    loud = [record.message for record in caplog.records if record.levelno > logging.INFO]
    assert loud == [
        "the last events are signed at the next start: the disk is full; nothing was written"
    ]


async def test_what_was_sent_is_not_sent_again_because_that_could_not_be_stored(
    side: Side, caplog: Logged
) -> None:
    caplog.set_level(logging.INFO)
    payload = {"channel": CHANNEL, "user": "U0ANA", "text": "Only you see this"}
    await side.store.database.write(
        lambda connection: send(connection, side.store.context, "ephemeral", payload)
    )
    world, trouble = troubled(side.store)
    trouble.is_on = True
    run = asyncio.create_task(OutboxClerk(Outbox(world.context), side.sender, CHANNEL).run())
    await refused(trouble, 2)
    trouble.is_on = False

    async def is_done() -> bool:
        return (await side.store.row(outbox)).done_at is not None

    await until(is_done)
    assert not run.done()
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    assert len(side.calls("chat.postEphemeral")) == 1
    require_calm(caplog)


async def test_a_thread_waits_and_is_shown_once(side: Side, caplog: Logged) -> None:
    caplog.set_level(logging.INFO)
    world, trouble = troubled(side.store)
    await side.begin()
    trouble.is_on = True
    async with running(replace(side, threads=ThreadStore(world.context))):
        await refused(trouble, 2)
        assert side.messages() == []
        trouble.is_on = False
        await side.shown()
    assert side.marks() == sorted(set(side.marks()))
    assert len([message for message in side.messages() if message.thread_ts is None]) == 1
    require_calm(caplog)


async def test_a_notice_goes_into_its_thread_and_where_that_is_gone_into_the_channel(
    side: Side,
) -> None:
    await side.begin()
    async with running(side):
        await side.shown()
    (root,) = [message for message in side.messages() if message.thread_ts is None]

    async def notice(thread_ts: str) -> None:
        payload = {"channel": CHANNEL, "thread_ts": thread_ts, "text": "A notice"}
        await side.store.database.write(
            lambda connection: send(connection, side.store.context, "channel", payload)
        )

    await notice(root.ts)
    await notice("1.000100")
    run = asyncio.create_task(OutboxClerk(Outbox(side.store.context), side.sender, CHANNEL).run())

    async def is_done() -> bool:
        return all(row.done_at is not None for row in await side.store.rows(outbox))

    await until(is_done)
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    notices = [message for message in side.messages() if message.text == "A notice"]
    assert [message.thread_ts for message in notices] == [root.ts, None]
