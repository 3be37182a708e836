"""When calendars hold at once: no way of it is missed, and each is told with a true moment."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.calendars import Calendar, Weekday
from policies.moments import YEARS, is_same_time, moments

DAYS = [*Weekday.__members__]
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca")
FAR = ("Pacific/Kiritimati", "Etc/GMT+12")
HOURS = st.integers(0, 47).map(lambda half: f"{half // 2:02}:{half % 2 * 30:02}")


def calendar(**written: object) -> Calendar:
    return Calendar.model_validate_json(json.dumps({"name": "x", **written}))


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    written: dict[str, object] = {"zone": draw(st.sampled_from([*ZONES, *FAR]))}
    kind = draw(st.sampled_from(["weekly", "dates", "both", "dated"]))
    begin, end = draw(st.tuples(HOURS, HOURS).filter(lambda pair: pair[0] != pair[1]))
    if kind in {"weekly", "both"}:
        written["weekly"] = [{"days": [draw(st.sampled_from(DAYS))], "from": begin, "to": end}]
    if kind in {"dates", "both"}:
        ends = [f"{draw(st.integers(1, 12)):02}-{draw(st.integers(1, 29)):02}" for _ in "ab"]
        written["dates"] = [{"from": ends[0].replace("02-29", "02-28"), "to": ends[1]}]
    if kind == "dated":
        first = draw(st.dates(datetime(2025, 1, 1).date(), datetime(2070, 12, 1).date()))  # noqa: DTZ001 - days have no zone
        last = first + timedelta(days=draw(st.integers(0, 9)))
        written["dates"] = [{"from": str(first), "to": str(last)}]
    return calendar(**written)


def held(found: tuple[Calendar, ...], at: datetime) -> frozenset[int]:
    return frozenset(place for place, one in enumerate(found) if one.holds(at))


def near(found: tuple[Calendar, ...]) -> st.SearchStrategy[datetime]:
    """Draw moments: any of these years, and those around each end of dates that have a year."""
    begin, end = datetime(YEARS[0], 1, 3), datetime(YEARS[-1], 12, 29)  # noqa: DTZ001 - hypothesis wants the bounds of times without a zone
    anywhen = st.datetimes(begin, end, timezones=st.just(UTC))
    ends = [
        datetime.fromisoformat(f"{text}T00:00Z")
        for one in found
        for span in one.dates
        if span.is_dated
        for text in (span.from_, span.to)
    ]
    if not ends:
        return anywhen
    steps = st.integers(-40 * 60, 40 * 60).map(lambda minutes: timedelta(minutes=minutes))
    return anywhen | st.builds(lambda one, step: one + step, st.sampled_from(ends), steps)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_no_way_in_which_calendars_hold_at_once_is_missed(data: st.DataObject) -> None:
    found = tuple(data.draw(st.lists(calendars(), min_size=1, max_size=3)))
    told = moments(found)
    for at in data.draw(st.lists(near(found), min_size=30, max_size=30)):
        assert held(found, at) in told
    assert all(held(found, at) == names for names, at in told.items())


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", datetime(2026, 3, 28, 12, tzinfo=UTC), ("02:00", "03:01")),
        ("Europe/Berlin", datetime(2026, 10, 24, 12, tzinfo=UTC), ("02:10", "02:20")),
        ("Australia/Lord_Howe", datetime(2026, 4, 4, 0, tzinfo=UTC), ("01:40", "01:50")),
    ],
)
def test_every_minute_of_a_night_in_which_the_clock_leaps_is_told(
    zone: str, day: datetime, hours: tuple[str, str]
) -> None:
    window = {"days": ["sun"], "from": hours[0], "to": hours[1]}
    date = (day + timedelta(hours=14)).date().isoformat()
    found = (
        calendar(zone=zone, weekly=[window]),
        calendar(zone=zone, dates=[{"from": date, "to": date}]),
        calendar(zone="UTC", weekly=[{**window, "from": "00:30", "to": "01:00"}]),
    )
    told = moments(found)
    for minute in range(36 * 60):
        assert held(found, day + timedelta(minutes=minute)) in told


def test_holidays_of_these_years_are_told_with_the_hours_they_meet() -> None:
    easter = calendar(zone="Europe/Berlin", holidays=[{"country": "DE"}])
    part = calendar(zone="Europe/Berlin", holidays=[{"country": "DE", "subdivision": "BE"}])
    monday = calendar(zone="UTC", weekly=[{"days": ["mon"], "from": "09:00", "to": "17:00"}])
    told = moments((easter, part, monday))
    at = datetime(YEARS[0], 1, 2, tzinfo=UTC)
    for hours in range(2 * 366 * 24):
        assert held((easter, part, monday), at + timedelta(hours=hours)) in told
    assert is_same_time(easter, easter)
    assert not is_same_time(easter, part)


def test_dates_at_the_ends_of_the_calendar_are_compared() -> None:
    for zone in FAR:
        last = calendar(zone=zone, dates=[{"from": "9999-12-31", "to": "9999-12-31"}])
        first = calendar(zone=zone, dates=[{"from": "0001-01-01", "to": "0001-01-20"}])
        assert frozenset({1}) in moments((last, first))
