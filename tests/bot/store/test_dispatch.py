"""Tasks are handed out once each, never beside themselves, and handed back at the end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from agents.ports import Claim, TaskChange
from agents.tasks import TaskState
from bot.store.dispatch import RowDispatcher
from bot.store.engine import Database, StoreUnavailable, T, Unit
from bot.store.tables import tasks
from tests.bot.world import World
from tools.ports import LostLease


class FakeHandler:
    """Notes what it was given; a test decides what it does with it."""

    def __init__(self, act: Callable[[Claim], Awaitable[None]]) -> None:
        self._act = act
        self.given: list[Claim] = []
        self.busy, self.most = 0, 0

    async def __call__(self, claim: Claim) -> None:
        self.given.append(claim)
        self.busy += 1
        self.most = max(self.most, self.busy)
        try:
            await self._act(claim)
        finally:
            self.busy -= 1


@asynccontextmanager
async def running(dispatcher: RowDispatcher, handler: FakeHandler) -> AsyncIterator[None]:
    loop = asyncio.create_task(dispatcher.run(handler))
    yield
    loop.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await loop


async def until(fact: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not fact():
            await asyncio.sleep(0.01)


async def test_every_task_is_handed_out_once_and_no_more_than_there_is_room_for(
    store: World,
) -> None:
    for place in range(12):
        await store.task(f"group-{place}")

    async def done(claim: Claim) -> None:
        await asyncio.sleep(0.05)
        await sleeping(store, claim)

    handler = FakeHandler(done)
    dispatcher = RowDispatcher(store.database, store.clock, "one", parallel=3)
    async with running(dispatcher, handler):
        await until(lambda: len(handler.given) == 12)
        await dispatcher.drain(5)
    assert len({claim.task.id for claim in handler.given}) == 12
    assert handler.most == 3


async def sleeping(store: World, claim: Claim) -> None:
    """Put a task to sleep, and give it back."""
    await store.database.write(
        lambda connection: store.context.dispatcher.wake(connection, claim.task.id, None)
    )
    await store.tasks.release(claim)


async def test_what_runs_here_is_not_claimed_again_when_its_lease_is_over(store: World) -> None:
    """As after the process was frozen, or the machine's clock jumped ahead."""
    await store.task()
    go = asyncio.Event()

    async def slow(claim: Claim) -> None:
        await store.database.write(
            lambda connection: connection.execute(tasks.update().values(lease_until=0)).rowcount
        )
        await go.wait()
        await store.tasks.advance(claim, TaskChange(state=TaskState.GATHERING))
        await sleeping(store, claim)

    handler = FakeHandler(slow)
    async with running(RowDispatcher(store.database, store.clock, "one"), handler):
        await asyncio.sleep(0.8)
        assert len(handler.given) == 1
        go.set()
        await until(lambda: handler.busy == 0)
    assert (await store.row(tasks)).state == TaskState.GATHERING


async def test_a_frozen_worker_whose_task_another_took_can_write_nothing(store: World) -> None:
    await store.task()
    old = await store.claimed("frozen", lease_s=0)
    fresh = await store.claimed("other")
    await store.tasks.advance(fresh, TaskChange(state=TaskState.GATHERING))
    for write in (
        store.tasks.advance(old, TaskChange(state=TaskState.GATHERING)),
        store.tasks.back_off(old, "late"),
    ):
        with contextlib.suppress(LostLease):
            await write
            raise AssertionError("a zombie wrote")
    assert (await store.row(tasks)).epoch == fresh.epoch


async def test_what_a_handler_could_not_give_back_is_handed_out_again(store: World) -> None:
    await store.task()

    async def act(claim: Claim) -> None:
        # The first time nothing could be written, not even the end of the lease.
        if claim.epoch > 1:
            await sleeping(store, claim)

    handler = FakeHandler(act)
    async with running(RowDispatcher(store.database, store.clock, "one"), handler):
        await until(lambda: len(handler.given) == 2 and handler.busy == 0)
        await asyncio.sleep(0.6)
    assert [claim.epoch for claim in handler.given] == [1, 2]


async def test_at_a_stop_what_is_nearly_done_is_finished(store: World) -> None:
    await store.task()

    async def act(claim: Claim) -> None:
        await asyncio.sleep(0.3)
        await store.tasks.advance(claim, TaskChange(state=TaskState.GATHERING))
        await sleeping(store, claim)

    handler = FakeHandler(act)
    dispatcher = RowDispatcher(store.database, store.clock, "one")
    async with running(dispatcher, handler):
        await until(lambda: handler.busy == 1)
    await dispatcher.drain(5)
    assert (await store.row(tasks)).state == TaskState.GATHERING


async def test_at_a_stop_what_takes_too_long_is_handed_back(store: World) -> None:
    await store.task()

    async def act(claim: Claim) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await store.tasks.release(claim)
            raise

    handler = FakeHandler(act)
    dispatcher = RowDispatcher(store.database, store.clock, "one")
    async with running(dispatcher, handler):
        await until(lambda: handler.busy == 1)
    await dispatcher.drain(0.1)
    row = await store.row(tasks)
    assert (row.lease_owner, row.state) == (None, TaskState.QUEUED)
    assert (await store.claimed("next")).epoch == 2


class FakeTrouble(Database):
    """A database that can't be written for the first writes of the dispatcher."""

    def __init__(self, store: World, times: int) -> None:
        self._real, self.left = store.database, times

    def on_commit(self, listener: Callable[[], None]) -> None:
        self._real.on_commit(listener)

    async def read(self, unit: Unit[T]) -> T:
        return await self._real.read(unit)

    async def write(self, unit: Unit[T], *, within_s: float | None = None) -> T:
        if self.left:
            self.left -= 1
            raise StoreUnavailable("the disk is full")
        return await self._real.write(unit, within_s=within_s)


async def test_handing_out_goes_on_after_a_time_without_writes(store: World) -> None:
    await store.task()
    handler = FakeHandler(lambda claim: sleeping(store, claim))
    trouble = FakeTrouble(store, 1)
    dispatcher = RowDispatcher(trouble, store.clock, "one")
    async with running(dispatcher, handler):
        await until(lambda: len(handler.given) == 1)
    assert trouble.left == 0
