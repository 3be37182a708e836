"""At which moments calendars hold: every way in which some of them do at once, each with one."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from policies.calendars import DAY_MIN, Calendar

# In 28 years every day of a year falls on every weekday, in leap years and others. They are fixed,
# so that two sets compare tomorrow as they do today.
YEARS = range(2026, 2026 + 28)
DAY = timedelta(days=1)
HALF_HOURS = tuple(time(hour, minute) for hour in range(24) for minute in (0, 30))
# What lies beyond can't be told in every zone.
FIRST, LAST = date(1, 1, 5), date(9999, 12, 27)

Moments = Mapping[frozenset[int], datetime]


@lru_cache(maxsize=64)
def moments(calendars: tuple[Calendar, ...]) -> Moments:
    """Return which calendars, by their places, ever hold at once, each way with a moment in UTC.

    Exact by the minute for windows and dates. Holidays are those that the library gives for
    `YEARS` and for each year that a date names.
    """
    found: dict[frozenset[int], datetime] = {}
    seen: set[object] = set()
    kinds: dict[date, object] = {}
    for day in _days(calendars):
        # Between the first zone and the last one lie up to two dates.
        days = [day + DAY * step for step in range(-2, 3)]
        for one in days:
            if one not in kinds:
                kinds[one] = tuple(_kind(calendar, one) for calendar in calendars)
        around = tuple(kinds[one] for one in days)
        if around in seen:
            continue
        seen.add(around)
        for at in _instants(calendars, day):
            held = frozenset(place for place, one in enumerate(calendars) if one.holds(at))
            found.setdefault(held, at)
    return found


def is_same_time(one: Calendar, other: Calendar) -> bool:
    """Say whether two calendars hold at the same moments, however they are written."""
    return one == other or {frozenset({0}), frozenset({1})}.isdisjoint(moments((one, other)))


def _days(calendars: Sequence[Calendar]) -> Iterator[date]:
    named = {
        int(text[:4])
        for calendar in calendars
        for span in calendar.dates
        if span.is_dated
        for text in (span.from_, span.to)
    }
    is_dated = any(calendar.dates or calendar.holidays for calendar in calendars)
    # The hours of a week in one zone are told apart by its summer time alone.
    is_plain = not is_dated and len({calendar.zone for calendar in calendars}) == 1
    for year in (*(YEARS[:2] if is_plain else YEARS), *sorted(named - set(YEARS))):
        day = date(year, 1, 1)
        while day.year == year and day <= LAST:
            if day >= FIRST:
                yield day
            day += DAY


def _kind(calendar: Calendar, day: date) -> tuple[object, ...]:
    """Return all that the hours of a day hang on in a calendar."""
    return (
        day.weekday() if calendar.weekly else None,
        any(one.covers(day) for one in calendar.dates)
        or any(one.covers(day) for one in calendar.holidays),
        *_offsets(calendar.zone, day),
    )


@lru_cache(maxsize=2**16)
def _offsets(zone: str, day: date) -> tuple[timedelta | None, timedelta | None]:
    """Return how far a zone is from UTC at the beginning of a day, and at its end."""
    info = ZoneInfo(zone)
    return (
        datetime.combine(day, time(), info).utcoffset(),
        datetime.combine(day + DAY, time(), info).utcoffset(),
    )


def _instants(calendars: Sequence[Calendar], day: date) -> list[datetime]:
    """Return every moment of a day at which one of the calendars may begin or end to hold."""
    found = set()
    for calendar in calendars:
        zone = ZoneInfo(calendar.zone)
        begin, end = _offsets(calendar.zone, day)
        # The clock leaps some time in this day: half an hour is the finest that any does it.
        hours = _bounds(calendar) if begin == end else {*_bounds(calendar), *HALF_HOURS}
        for hour in hours:
            for fold in (0, 1):
                local = datetime.combine(day, hour, zone).replace(fold=fold)
                found.add(local.astimezone(UTC))
    return sorted(found)


@lru_cache(maxsize=256)
def _bounds(calendar: Calendar) -> frozenset[time]:
    minutes = {0}
    for window in calendar.weekly:
        for begin, end in window.spans():
            minutes |= {begin % DAY_MIN, end % DAY_MIN}
    return frozenset(time(*divmod(minute, 60)) for minute in minutes)


__all__ = ["YEARS", "Moments", "is_same_time", "moments"]
