"""What a dead process had in hand is taken up again, but not for ever."""

from functools import partial

import pytest

from agents.ports import TaskChange
from agents.tasks import TaskState
from bot.store.escalations import escalations
from bot.store.leases import MOST_DEATHS, free_leases
from bot.store.tables import tasks
from tests.bot.world import World
from tools.ports import LostLease


async def died(store: World) -> None:
    """Start again after a death."""
    await store.database.write(partial(free_leases, context=store.context))


async def test_every_lease_is_void_at_the_start(store: World) -> None:
    await store.task()
    old = await store.claimed(lease_s=3600)
    await died(store)
    with pytest.raises(LostLease):
        await store.tasks.advance(old, TaskChange(state=TaskState.GATHERING))
    fresh = await store.claimed("worker-2")
    assert fresh.epoch == old.epoch + 1


async def test_a_task_at_which_the_process_dies_rests_longer_each_time_and_is_given_up(
    store: World,
) -> None:
    task = await store.task()
    rests = []
    for _ in range(MOST_DEATHS - 1):
        await store.claimed()
        await died(store)
        rests.append(((await store.row(tasks)).wake_at - store.clock.now()).total_seconds())
        store.clock.forward(max(rests[-1], 0.0))
    assert rests == [0, 1, 2, 4, 8, 16, 32, 64, 128]
    await store.claimed()
    await died(store)
    row = await store.row(tasks)
    assert (row.state, row.wake_at, row.lease_owner) == (TaskState.ESCALATED, None, None)
    (event,) = await store.events("task.escalated")
    assert event["task_id"] == task.id
    found = await store.database.read(partial(escalations, task_ids=[task.id]))
    (given_up,) = found[task.id]
    assert given_up.fault == "Signoff died 10 times in a row while it worked on this"


async def test_a_step_that_comes_through_forgets_the_deaths_before(store: World) -> None:
    await store.task()
    for _ in range(MOST_DEATHS - 1):
        await store.claimed()
        await died(store)
        store.clock.forward(300)
    claim = await store.claimed()
    await store.tasks.advance(claim, TaskChange(state=TaskState.GATHERING))
    await died(store)
    assert (await store.row(tasks)).deaths == 1


async def test_what_was_given_back_is_not_counted(store: World) -> None:
    await store.task()
    await store.tasks.release(await store.claimed())
    await died(store)
    assert (await store.row(tasks)).deaths == 0
