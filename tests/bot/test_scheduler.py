"""Schedules: a slot is taken once, one late catch-up says that it is late, clocks may change."""

import asyncio
import json
import logging
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

import pytest

from bot.config import DigestSchedule
from bot.scheduler import CronError, Scheduler, next_slot, trigger
from bot.store.engine import Database, Unit
from bot.store.schedules import all_schedules
from bot.store.tables import schedules, tasks
from tests.bot.trouble import FakeTrouble
from tests.bot.world import World

T = TypeVar("T")
BERLIN = ZoneInfo("Europe/Berlin")
# START is a Friday, 10:00 UTC.
DAILY = DigestSchedule(channel="C0MARKETING", cron="0 9 * * *", zone="UTC")


async def started(store: World, *digests: DigestSchedule) -> Scheduler:
    """Return a scheduler whose own clock was stopped: the test says when it looks."""
    found = Scheduler(store.context, digests)
    await found.start()
    await found.stop()
    return found


@pytest.mark.parametrize(
    ("cron", "says"),
    [
        ("0 9 * * 1", "name the weekday"),
        ("0 9 * * 0", "name the weekday"),
        ("0 9 * * 1-5", "name the weekday"),
        ("0 9 * * mon-5", "name the weekday"),
        ("0 9 * * mon,3", "name the weekday"),
        ("0 9 * * */2", "name the weekday"),
        ("0 9 * * monday", "name the weekday"),
        ("0 9 * *", "five fields"),
        ("0 0 9 * * mon", "five fields"),
        ("", "five fields"),
        ("60 9 * * mon", "60 9"),
        ("0 25 * * mon", "0 25"),
        ("x 9 * * mon", "x 9"),
        ("0 9 * * fri-mon", "fri-mon"),
    ],
)
def test_a_line_that_could_mean_two_things_is_refused(cron: str, says: str) -> None:
    with pytest.raises(CronError, match=says.replace("*", r"\*")):
        trigger(cron, "UTC")


@pytest.mark.parametrize("cron", ["0 9 * * mon", "0 9 * * MON-FRI", "*/5 * 1,15 * sat,sun"])
def test_a_line_with_named_weekdays_is_taken(cron: str) -> None:
    assert next_slot(cron, "UTC", datetime(2026, 11, 20, tzinfo=UTC)) is not None


def test_a_weekday_is_the_day_of_its_name() -> None:
    slot = next_slot("0 9 * * mon", "UTC", datetime(2026, 11, 20, 10, tzinfo=UTC))
    assert slot == datetime(2026, 11, 23, 9, tzinfo=UTC)
    assert slot.strftime("%a") == "Mon"


def test_the_next_slot_is_after_the_present_one() -> None:
    slot = datetime(2026, 11, 21, 9, tzinfo=UTC)
    assert next_slot("0 9 * * *", "UTC", slot) == slot + timedelta(days=1)
    assert next_slot("0 9 * * *", "UTC", slot - timedelta(seconds=1)) == slot


def test_a_day_that_never_comes_is_refused() -> None:
    with pytest.raises(CronError, match="never comes"):
        next_slot("0 9 31 2 *", "UTC", datetime(2026, 11, 20, tzinfo=UTC))


@pytest.mark.parametrize(
    "begins", [datetime(2026, 10, 5, tzinfo=UTC), datetime(2027, 3, 8, tzinfo=UTC)]
)
def test_nine_in_the_morning_stays_nine_when_the_clocks_change(begins: datetime) -> None:
    slots, at = [], begins
    for _ in range(6):
        at = next_slot("0 9 * * mon", "Europe/Berlin", at)
        slots.append(at)
    local = [slot.astimezone(BERLIN) for slot in slots]
    assert {(slot.strftime("%a"), slot.hour, slot.minute) for slot in local} == {("Mon", 9, 0)}
    assert len({slot.date() for slot in local}) == 6
    assert len({slot.astimezone(UTC).hour for slot in slots}) == 2


@pytest.mark.parametrize(
    "begins", [datetime(2026, 10, 12, tzinfo=UTC), datetime(2027, 3, 15, tzinfo=UTC)]
)
async def test_a_daily_digest_comes_once_a_day_over_a_change_of_clocks(
    store: World, begins: datetime
) -> None:
    store.clock.at = begins
    digest = DigestSchedule(channel="C1", cron="30 2 * * *", zone="Europe/Berlin")
    scheduler = await started(store, digest)
    for _ in range(4 * 24 * 21):
        store.clock.forward(900)
        await scheduler.look()
    taken = [
        datetime.fromisoformat(str(event["data"]["slot"])).astimezone(BERLIN).date()
        for event in await store.events("digest.scheduled")
    ]
    assert max(Counter(taken).values()) == 1
    assert len(taken) == 21
    assert all("late_since" not in json.loads(row.spec) for row in await store.rows(tasks))


async def test_a_slot_is_taken_once_however_often_one_looks(store: World) -> None:
    scheduler = await started(store, DAILY)
    await scheduler.look()
    assert await store.rows(tasks) == []
    store.clock.forward(23 * 3600)
    await asyncio.gather(*(scheduler.look() for _ in range(20)))
    (row,) = await store.rows(tasks)
    assert (row.kind, row.requester) == ("digest", '{"kind":"system","id":"system:schedule"}')
    assert json.loads(row.spec) == {}
    (event,) = await store.events("digest.scheduled")
    assert event["data"] == {
        "schedule": "digest:C0MARKETING:0 9 * * *:UTC",
        "slot": "2026-11-21T09:00:00+00:00",
    }


async def test_two_schedulers_on_the_same_row_take_a_slot_once(store: World) -> None:
    pair = [await started(store, DAILY) for _ in range(2)]
    for _ in range(10):
        store.clock.forward(24 * 3600)
        await asyncio.gather(*(scheduler.look() for scheduler in pair for _ in range(3)))
    slots = [event["data"]["slot"] for event in await store.events("digest.scheduled")]
    assert len(slots) == len(set(slots)) == 10


async def test_after_a_downtime_one_catches_up_and_says_since_when_it_is_late(
    store: World,
) -> None:
    await started(store, DAILY)
    store.clock.forward(5 * 24 * 3600)
    scheduler = await started(store, DAILY)
    for _ in range(3):
        await scheduler.look()
    (row,) = await store.rows(tasks)
    assert json.loads(row.spec) == {"late_since": "Sat 21 Nov 09:00 UTC"}
    (schedule,) = await store.database.read(all_schedules)
    assert schedule.next_at == datetime(2026, 11, 26, 9, tzinfo=UTC)
    store.clock.at = schedule.next_at + timedelta(minutes=5)
    await scheduler.look()
    specs = [json.loads(row.spec) for row in await store.rows(tasks)]
    assert specs == [{"late_since": "Sat 21 Nov 09:00 UTC"}, {}]


async def test_a_restart_neither_skips_nor_repeats_a_slot(store: World) -> None:
    store.clock.forward(23 * 3600 - 1)
    await started(store, DAILY)
    store.clock.forward(1)
    await (await started(store, DAILY)).look()
    await (await started(store, DAILY)).look()
    assert len(await store.rows(tasks)) == 1


async def test_the_rows_follow_the_settings(store: World) -> None:
    weekly = DigestSchedule(channel="C0OTHER", cron="0 9 * * mon", zone="UTC")
    await started(store, DAILY, weekly)
    assert len(await store.rows(schedules)) == 2
    moved = DAILY.model_copy(update={"cron": "0 7 * * *"})
    await started(store, moved)
    (row,) = await store.rows(schedules)
    assert row.next_at == datetime(2026, 11, 21, 7, tzinfo=UTC)


async def test_one_channel_may_have_two_digests(store: World) -> None:
    weekly = DigestSchedule(channel=DAILY.channel, cron="0 17 * * fri", zone="UTC")
    await started(store, DAILY, weekly)
    abroad = DAILY.model_copy(update={"zone": "Europe/Berlin"})
    await started(store, DAILY, weekly, abroad, DAILY)
    found = await store.database.read(all_schedules)
    assert sorted((schedule.cron, schedule.zone) for schedule in found) == [
        ("0 17 * * fri", "UTC"),
        ("0 9 * * *", "Europe/Berlin"),
        ("0 9 * * *", "UTC"),
    ]


async def test_the_clock_itself_looks_and_stops(store: World) -> None:
    scheduler = Scheduler(store.context, [DAILY])
    await scheduler.start()
    store.clock.forward(24 * 3600)
    deadline = asyncio.get_running_loop().time() + 10
    while not await store.rows(tasks):
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.05)
    await scheduler.stop()
    await scheduler.stop()


class Endless(FakeTrouble):
    """A database that is asked, and never answers."""

    def __init__(self, real: Database) -> None:
        super().__init__(real)
        self.asked = asyncio.Event()

    async def read(self, unit: Unit[T]) -> T:
        del unit
        self.asked.set()
        await asyncio.Event().wait()
        raise AssertionError("it was cancelled before")


async def test_a_look_that_the_stop_ends_is_no_fault(
    store: World, caplog: pytest.LogCaptureFixture
) -> None:
    database = Endless(store.database)
    found = Scheduler(replace(store.context, database=database), [])
    await found.start()
    async with asyncio.timeout(60):
        await database.asked.wait()
    await found.stop()
    await asyncio.sleep(0.05)
    assert [line for line in caplog.records if line.levelno >= logging.WARNING] == []
