"""After the clock was set back, what was due is due, and appointments stay where they are."""

import time
from datetime import timedelta

import pytest
from sqlalchemy import Connection, insert, update

from agents.tasks import TaskState
from bot.store.boxes import Inbox, Outbox, send
from bot.store.tables import inbox, outbox, proposals, tasks
from bot.store.times import jumped, newest_event_at
from tests.bot.world import START, Wish, World

HOUR = timedelta(hours=1)


async def set_back(store: World, by: timedelta = HOUR) -> None:
    """Set the clock back, and let it be noticed."""
    before = store.clock.at
    store.clock.at -= by

    def unit(connection: Connection) -> None:
        jumped(connection, store.context, before, store.clock.at, 30.0)

    await store.database.write(unit)


async def test_a_letter_and_a_parcel_that_were_due_are_due(store: World) -> None:
    box = Inbox(store.context)
    await box.put("event:1", "event", {})
    await store.database.write(
        lambda connection: send(connection, store.context, "dm", {"user": "U1", "text": "hello"})
    )
    store.clock.forward(1)
    await set_back(store)
    assert [letter.key for letter in await box.due()] == ["event:1"]
    assert len(await Outbox(store.context).due()) == 1


async def test_a_retry_keeps_its_distance(store: World) -> None:
    box = Inbox(store.context)
    await box.put("event:1", "event", {})
    (letter,) = await box.due()
    await box.later(letter, 30)
    await set_back(store)
    assert await box.due() == []
    assert (await store.row(inbox)).due_at - store.clock.at == timedelta(seconds=30)


async def test_a_new_task_and_a_failed_one_do_not_wait_for_an_hour(store: World) -> None:
    await store.task()
    await set_back(store)
    claim = await store.claimed()
    await store.tasks.back_off(claim, "it broke")
    await set_back(store)
    assert (await store.row(tasks)).wake_at - store.clock.at == timedelta(seconds=2)


async def test_an_expiry_is_an_appointment_and_stays(store: World) -> None:
    await store.analysed(await store.task(), Wish(expires_s=1800))
    reminded_at = START + timedelta(seconds=900)
    await set_back(store)
    row = await store.row(proposals)
    assert (row.next_at, row.expires_at) == (reminded_at, START + timedelta(seconds=1800))
    assert (await store.row(tasks)).wake_at == reminded_at


async def test_a_measurement_keeps_its_distance_and_wakes_its_task(store: World) -> None:
    await store.analysed(await store.task(), Wish())
    due_at = store.clock.at + timedelta(minutes=20)

    def executed(connection: Connection) -> None:
        connection.execute(update(proposals).values(state="EXECUTED", next_at=due_at))
        connection.execute(update(tasks).values(wake_at=due_at))

    await store.database.write(executed)
    await set_back(store)
    wanted = store.clock.at + timedelta(minutes=20)
    assert (await store.row(proposals)).next_at == wanted
    assert (await store.row(tasks)).wake_at == wanted


async def test_a_lease_is_not_lengthened_by_the_hour(store: World) -> None:
    await store.task()
    await store.claimed(lease_s=3600 + 30)
    await set_back(store)
    assert (await store.row(tasks)).lease_until <= time.time() + 30


@pytest.mark.parametrize(("seconds", "words"), [(-3600, "back by 3600"), (3600, "ahead by 3600")])
async def test_a_jump_is_on_record(store: World, seconds: int, words: str) -> None:
    before = store.clock.at
    store.clock.forward(seconds)
    await store.database.write(
        lambda connection: jumped(connection, store.context, before, store.clock.at, 30.0)
    )
    (event,) = await store.events("clock.jumped")
    assert words in event["sentence"]
    assert event["data"] == {"by_s": seconds}
    assert await store.database.read(newest_event_at) == store.clock.at


async def test_a_jump_ahead_moves_nothing(store: World) -> None:
    later = store.clock.at + timedelta(minutes=2)
    row = {"kind": "dm", "payload": "{}", "created_at": START, "due_at": later}
    await store.database.write(
        lambda connection: connection.execute(insert(outbox).values(**row)).rowcount
    )
    before = store.clock.at
    store.clock.forward(60)
    await store.database.write(
        lambda connection: jumped(connection, store.context, before, store.clock.at, 30.0)
    )
    assert (await store.row(outbox)).due_at == later


async def test_a_task_woken_before_its_time_goes_back_to_sleep(store: World) -> None:
    await store.analysed(await store.task(), Wish(expires_s=1800))
    wake_at = (await store.row(tasks)).wake_at
    early = store.clock.at
    await store.database.write(
        lambda connection: connection.execute(update(tasks).values(wake_at=early)).rowcount
    )
    claim = await store.claimed()
    await store.tasks.settle(claim)
    await store.tasks.release(claim)
    row = await store.row(tasks)
    assert (row.wake_at, row.state) == (wake_at, TaskState.AWAITING_APPROVAL)
