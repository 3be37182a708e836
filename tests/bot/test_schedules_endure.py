"""Schedules over more than three weeks with changes of the clocks, downtimes and restarts."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.config import DigestSchedule
from bot.scheduler import LATE_AFTER, Scheduler
from bot.store.tables import tasks
from tests.bot.world import World

STRIDE = timedelta(minutes=15)
BERLIN, SYDNEY = "Europe/Berlin", "Australia/Sydney"
CRONS = ("30 2 * * *", "0 * * * *", "0 9 * * mon", "0 0 * * *", "30 0 * * *")
DIGESTS = [
    DigestSchedule(channel="C0MARKETING", cron=cron, zone=zone)
    for cron in CRONS
    for zone in (BERLIN, SYDNEY)
]


@dataclass(frozen=True, kw_only=True)
class Season:
    """A time in which the clocks of both zones change, and when Signoff is down in it."""

    begins: datetime
    days: int
    downtimes: tuple[tuple[datetime, timedelta], ...]

    @property
    def ends(self) -> datetime:
        return self.begins + timedelta(days=self.days)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


AUTUMN = Season(
    # Sydney goes ahead on 3 October, 16:00 UTC; Berlin goes back on 25 October, 01:00 UTC.
    begins=at("2026-10-02T12:00"),
    days=24,
    downtimes=(
        (at("2026-10-03T15:10"), hours(3)),
        (at("2026-10-06T10:05"), minutes(10)),
        (at("2026-10-08T09:55"), minutes(8)),
        (at("2026-10-12T06:20"), minutes(45)),
        (at("2026-10-14T00:00"), hours(26)),
        (at("2026-10-17T11:30"), hours(80)),
        (at("2026-10-24T23:50"), hours(1.5)),
        (at("2026-10-25T01:40"), minutes(5)),
    ),
)
SPRING = Season(
    # Berlin goes ahead on 28 March, 01:00 UTC; Sydney goes back on 3 April, 16:00 UTC.
    begins=at("2027-03-14T12:00"),
    days=23,
    downtimes=(
        (at("2027-03-17T08:30"), hours(26)),
        (at("2027-03-20T21:15"), hours(80)),
        (at("2027-03-25T13:02"), minutes(10)),
        (at("2027-03-28T00:40"), hours(2)),
        (at("2027-04-03T15:20"), minutes(55)),
        (at("2027-04-03T16:25"), hours(1)),
        (at("2027-04-04T20:00"), hours(5)),
    ),
)


def slots(digest: DigestSchedule, season: Season) -> list[datetime]:
    """Return the slots by the calendar alone.

    A wall time that comes twice counts the first time; one that is left out comes when the clock
    has just been put ahead.
    """
    zone = ZoneInfo(digest.zone)
    wall = season.begins.astimezone(zone).replace(tzinfo=None, minute=0)
    found = set()
    while wall.replace(tzinfo=zone).astimezone(UTC) <= season.ends:
        if is_slot(digest.cron, wall):
            minute = 30 if digest.cron.startswith("30") else 0
            found.add(moment(wall.replace(minute=minute), zone))
        wall += timedelta(hours=1)
    return sorted(slot for slot in found if season.begins < slot <= season.ends)


def moment(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the first time at which the clocks show this wall time or a later one."""
    found = min(wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    while found.astimezone(zone).replace(tzinfo=None) < wall:
        found += STRIDE
    return found


def is_slot(cron: str, wall: datetime) -> bool:
    hour, weekday = cron.split()[1], cron.split()[4]
    is_day = weekday == "*" or wall.strftime("%a").lower() == weekday
    return is_day and hour in {"*", str(wall.hour)}


def looks(season: Season) -> Iterator[tuple[datetime, bool]]:
    """Yield each time somebody looks, and whether Signoff was started again just then."""
    now, downtimes = season.begins, list(season.downtimes)
    while now < season.ends:
        now += STRIDE - (now - season.begins) % STRIDE
        if downtimes and now > downtimes[0][0]:
            down_at, length = downtimes.pop(0)
            now = down_at + length
            yield now, True
        else:
            yield now, False


async def started(store: World) -> Scheduler:
    scheduler = Scheduler(store.context, DIGESTS)
    await scheduler.start()
    await scheduler.stop()
    return scheduler


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A slot that was taken, when, and since when its digest says that it is late."""

    slot: datetime
    at: datetime
    late_since: str | None


async def taken(store: World) -> dict[str, list[Taken]]:
    specs = {row.id: json.loads(row.spec) for row in await store.rows(tasks)}
    found: dict[str, list[Taken]] = {}
    for event in await store.events("digest.scheduled"):
        one = Taken(
            slot=datetime.fromisoformat(event["data"]["slot"]),
            at=datetime.fromisoformat(event["at"]),
            late_since=specs[event["task_id"]].get("late_since"),
        )
        found.setdefault(event["data"]["schedule"], []).append(one)
    return found


def require_complete(wanted: list[datetime], found: list[Taken]) -> None:
    """Each slot is taken once at its time, or covered by the one late digest after a downtime."""
    covered: Counter[datetime] = Counter()
    for one in found:
        assert one.slot in wanted
        assert one.slot <= one.at
        until = [slot for slot in wanted if one.slot <= slot <= one.at]
        covered.update(until)
        is_late = one.at - one.slot > LATE_AFTER
        assert is_late or len(until) == 1
        assert one.late_since == (one.slot.strftime("%a %d %b %H:%M UTC") if is_late else None)
    assert covered == Counter(wanted)
    assert len({one.at for one in found}) == len(found)


@pytest.mark.parametrize("season", [AUTUMN, SPRING], ids=["autumn", "spring"])
async def test_each_slot_comes_once_or_is_caught_up_once_and_says_so(
    store: World, season: Season
) -> None:
    store.clock.at = season.begins
    scheduler = await started(store)
    ups = []
    for now, is_start in looks(season):
        store.clock.at = now
        if is_start:
            scheduler = await started(store)
            ups.append(now)
            await scheduler.look()
        await scheduler.look()
    assert len(ups) == len(season.downtimes)
    found = await taken(store)
    late = 0
    for digest in DIGESTS:
        one = found[f"digest:{digest.channel}:{digest.cron}:{digest.zone}"]
        require_complete(slots(digest, season), one)
        late_at = [item.at for item in one if item.late_since]
        assert set(late_at) <= set(ups)
        late += len(late_at)
    # Of every downtime but the shortest at least the hourly ones are late.
    assert late >= 2 * (len(ups) - 3)
