"""Slots over every change of the clocks of every zone: each wall time comes exactly once."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest

from bot.scheduler import next_slot, trigger

BEGIN, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC)
# Every offset of our time, and every change of one, lies on such a step.
STEP = timedelta(minutes=15)
BEFORE, AFTER = timedelta(days=2), timedelta(days=8)
CRONS = {
    "0 0 * * *": (0, 0, None),
    "30 0 * * *": (0, 30, None),
    "30 2 * * *": (2, 30, None),
    "0 * * * *": (None, 0, None),
    "0 0 * * mon": (0, 0, 0),
    "0 9 * * sun": (9, 0, 6),
}


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of the clocks: when, and the offset from UTC after it."""

    at: datetime
    offset: timedelta


def offset(zone: ZoneInfo, at: datetime) -> timedelta:
    found = at.astimezone(zone).utcoffset()
    assert found is not None
    return found


def changes(zone: ZoneInfo) -> Iterator[Change]:
    week = BEGIN
    while week < END:
        # No zone goes ahead and back within one.
        after = week + timedelta(days=7)
        if offset(zone, week) != offset(zone, after):
            steps = (week + STEP * count for count in range(1, 7 * 96 + 1))
            at = next(step for step in steps if offset(zone, step) != offset(zone, week))
            yield Change(at=at, offset=offset(zone, at))
        week = after


def changing() -> dict[str, tuple[Change, ...]]:
    """Return one zone for each calendar of changes."""
    found: dict[tuple[timedelta, tuple[Change, ...]], str] = {}
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        all_changes = tuple(changes(zone))
        if all_changes:
            found.setdefault((offset(zone, BEGIN), all_changes), name)
    return {name: all_changes for (_, all_changes), name in found.items()}


CHANGING = changing()


def is_slot(cron: str, wall: datetime) -> bool:
    hour, minute, weekday = CRONS[cron]
    return wall.minute == minute and hour in {None, wall.hour} and weekday in {None, wall.weekday()}


def wanted(zone: ZoneInfo, cron: str, begin: datetime, end: datetime) -> list[datetime]:
    """Return the slots by looking at the clock on the wall at every step.

    A slot has come when the clock shows, for the first time, its time or a later one.
    """
    at, found = begin, []
    shown = at.astimezone(zone).replace(tzinfo=None)
    while at < end:
        at += STEP
        now = at.astimezone(zone).replace(tzinfo=None)
        passed = []
        while shown < now:
            shown += STEP
            passed.append(shown)
        # Of two that come at the end of one gap there is one.
        if any(is_slot(cron, wall) for wall in passed):
            found.append(at)
    return found


@pytest.mark.parametrize("name", CHANGING)
def test_every_wall_time_is_a_slot_once_whenever_the_clocks_change(name: str) -> None:
    zone = ZoneInfo(name)
    for cron, change in itertools.product(CRONS, CHANGING[name]):
        begin, end = change.at - BEFORE, change.at + AFTER
        line, found = trigger(cron, name), [begin]
        while found[-1] < end:
            slot = line.after(found[-1])
            assert slot is not None
            found.append(slot)
        assert found[1:-1] == [at for at in wanted(zone, cron, begin, end) if at < found[-1]], (
            cron,
            change,
        )


def test_many_zones_change_and_some_of_them_at_midnight() -> None:
    assert len(CHANGING) > 20
    midnights = [
        name
        for name, found in CHANGING.items()
        if any(
            (change.at + change.offset).time() == datetime(1, 1, 1, 1, tzinfo=UTC).time()
            for change in found
        )
    ]
    assert midnights != []


@pytest.mark.parametrize("name", ["Europe/Berlin", "Africa/Cairo", "Australia/Lord_Howe"])
def test_from_any_moment_around_a_change_the_next_slot_is_the_same(name: str) -> None:
    zone = ZoneInfo(name)
    for cron, change in itertools.product(CRONS, list(changes(zone))[:2]):
        begin, end = change.at - BEFORE, change.at + AFTER + timedelta(days=8)
        slots = wanted(zone, cron, begin, end)
        at = begin
        while at < change.at + timedelta(days=1):
            after = next(slot for slot in slots if slot > at)
            assert next_slot(cron, name, at) == after, (cron, at)
            # Half a second before a slot is before it.
            assert next_slot(cron, name, after - timedelta(seconds=0.5)) == after
            at += timedelta(hours=3, minutes=25)
