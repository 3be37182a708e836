"""Calendars: which names hold at a time, in their own zone, across midnight, years and clocks."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from policies.calendars import Calendar, Dates, Times, Weekly, faults, holding

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def weekly(days: str, begin: str, end: str, zone: str = "UTC") -> Calendar:
    window = Weekly.model_validate({"days": tuple(days.split()), "from": begin, "to": end})
    return Calendar(name="c", zone=zone, weekly=(window,))


def dates(begin: str, end: str, zone: str = "UTC") -> Calendar:
    return Calendar(name="c", zone=zone, dates=(Dates.model_validate({"from": begin, "to": end}),))


def at(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "does"),
    [
        ("2026-11-20T08:59:59", False),
        ("2026-11-20T09:00", True),
        ("2026-11-20T17:59:59", True),
        ("2026-11-20T18:00", False),
        ("2026-11-21T12:00", False),
        # Another zone's clock, the same moment as 09:00 UTC.
        ("2026-11-20T10:00+01:00", True),
    ],
)
def test_a_window_begins_on_its_first_minute_and_ends_before_its_last(
    moment: str, does: bool
) -> None:
    assert weekly("fri", "09:00", "18:00").holds(at(moment)) is does


@pytest.mark.parametrize(
    ("moment", "does"),
    [
        ("2026-11-22T19:59", False),
        ("2026-11-22T20:00", True),
        # Sunday night goes on into Monday, the beginning of the week.
        ("2026-11-23T07:59", True),
        ("2026-11-23T08:00", False),
        ("2026-11-23T20:00", False),
    ],
)
def test_a_window_that_ends_earlier_than_it_begins_goes_past_midnight(
    moment: str, does: bool
) -> None:
    assert weekly("sun", "20:00", "08:00").holds(at(moment)) is does


@pytest.mark.parametrize(
    ("moment", "does"),
    [
        # Berlin is an hour ahead in winter and two in summer.
        ("2026-01-14T07:30", False),
        ("2026-01-14T08:00", True),
        ("2026-07-15T07:00", True),
        ("2026-07-15T16:00", False),
        # On the day the clocks go forward 09:00 is 07:00 UTC already.
        ("2026-03-29T07:00", True),
        ("2026-10-25T07:59", False),
        ("2026-10-25T08:00", True),
    ],
)
def test_windows_are_those_of_the_zone_whatever_its_clocks_do(moment: str, does: bool) -> None:
    calendar = weekly("mon tue wed thu fri sat sun", "09:00", "18:00", "Europe/Berlin")
    assert calendar.holds(at(moment)) is does


@pytest.mark.parametrize(
    ("begin", "end", "moment", "does"),
    [
        ("12-18", "01-03", "2026-12-17T23:59", False),
        ("12-18", "01-03", "2026-12-18T00:00", True),
        ("12-18", "01-03", "2031-01-03T23:59", True),
        ("12-18", "01-03", "2031-01-04T00:00", False),
        ("02-29", "02-29", "2028-02-29T12:00", True),
        ("02-29", "02-29", "2027-03-01T12:00", False),
        ("2026-12-18", "2027-01-03", "2027-12-20T12:00", False),
        ("2026-12-18", "2027-01-03", "2027-01-03T12:00", True),
    ],
)
def test_dates_include_both_ends_and_come_back_without_a_year(
    begin: str, end: str, moment: str, does: bool
) -> None:
    assert dates(begin, end).holds(at(moment)) is does


def test_a_day_begins_in_its_zone() -> None:
    tokyo = dates("2026-12-24", "2026-12-24", "Asia/Tokyo")
    assert tokyo.holds(at("2026-12-23T15:00"))
    assert not tokyo.holds(at("2026-12-24T15:00"))


@pytest.mark.parametrize(
    ("country", "subdivision", "day", "is_one"),
    [
        ("DE", None, "2026-10-03", True),
        ("DE", "BE", "2026-03-08", True),
        ("DE", None, "2026-03-08", False),
        ("US", None, "2026-07-04", True),
        ("US", None, "2026-07-06", False),
        ("FR", None, "2027-07-14", True),
    ],
)
def test_public_holidays_are_those_of_the_country_or_its_part(
    country: str, subdivision: str | None, day: str, is_one: bool
) -> None:
    given_ = {"country": country} | ({} if subdivision is None else {"subdivision": subdivision})
    calendar = Calendar.model_validate({"name": "c", "zone": "UTC", "holidays": (given_,)})
    assert calendar.holds(at(f"{day}T12:00")) is is_one


def test_every_calendar_that_holds_is_named() -> None:
    days = weekly("fri", "00:00", "24:00").model_copy(update={"name": "friday"})
    night = weekly("fri", "20:00", "08:00").model_copy(update={"name": "night"})
    assert holding([days, night], at("2026-11-20T12:00")) == frozenset({"friday"})
    assert holding([days, night], at("2026-11-20T21:00")) == frozenset({"friday", "night"})
    assert holding([days, night], at("2026-11-21T01:00")) == frozenset({"night"})


def test_what_is_stored_reads_back() -> None:
    calendar = Calendar.model_validate_json(
        '{"name": "c", "zone": "Europe/Paris", "dates": [{"from": "05-01", "to": "05-08"}],'
        ' "weekly": [{"days": ["mon"], "from": "20:00", "to": "08:00"}],'
        ' "holidays": [{"country": "FR"}]}'
    )
    assert Calendar.model_validate_json(calendar.model_dump_json()) == calendar


MINUTES = st.integers(0, 24 * 60 - 1).map(lambda minute: f"{minute // 60:02}:{minute % 60:02}")


@given(
    st.lists(st.sampled_from(WEEK), min_size=1, max_size=3, unique=True),
    MINUTES,
    MINUTES,
    st.integers(0, 7 * 24 * 60 - 1),
)
def test_a_window_holds_from_its_beginning_for_its_length(
    days: list[str], begin: str, end: str, minute: int
) -> None:
    """Counted in another way: by walking back to the last time that the window began."""
    if begin == end:
        return
    try:
        calendar = weekly(" ".join(days), begin, end)
    except ValidationError:
        return  # Nights that would run into each other are refused.
    monday = datetime.combine(date(2026, 11, 16), datetime.min.time(), UTC)
    now = monday + timedelta(minutes=minute)
    first, last = (int(text[:2]) * 60 + int(text[3:]) for text in (begin, end))
    length = (last - first) % (24 * 60)
    begun = [
        monday + timedelta(days=day + WEEK.index(name), minutes=first)
        for day in (-7, 0)
        for name in days
    ]
    assert calendar.holds(now) is any(
        start <= now < start + timedelta(minutes=length) for start in begun
    )


@given(
    one=st.tuples(*[st.dates(date(2000, 1, 1), date(2000, 12, 31))] * 2),
    other=st.tuples(*[st.dates(date(2024, 1, 1), date(2029, 12, 31))] * 2).map(sorted),
)
def test_dates_of_a_year_are_refused_just_where_they_meet_those_of_every_year(
    one: tuple[date, date], other: list[date]
) -> None:
    yearly = {"from": f"{one[0]:%m-%d}", "to": f"{one[1]:%m-%d}"}
    dated = {"from": f"{other[0]}", "to": f"{other[1]}"}
    times = Times.model_validate_json(json.dumps({"zone": "UTC", "dates": [yearly, dated]}))
    days = (other[0] + timedelta(days=count) for count in range((other[1] - other[0]).days + 1))
    assert bool(list(faults(times))) is any(times.dates[0].covers(day) for day in days)


@given(st.lists(st.tuples(*[st.dates(date(2000, 1, 1), date(2000, 12, 31))] * 2), min_size=2))
def test_dates_of_every_year_are_refused_just_where_they_meet(
    spans: list[tuple[date, date]],
) -> None:
    dates = [{"from": f"{one:%m-%d}", "to": f"{other:%m-%d}"} for one, other in spans]
    written = [Dates.model_validate_json(json.dumps(one)) for one in dates]
    days = [date(2000, 1, 1) + timedelta(days=count) for count in range(366)]
    meet = any(sum(one.covers(day) for one in written) > 1 for day in days)
    text = json.dumps({"zone": "UTC", "dates": dates})
    if meet:
        with pytest.raises(ValidationError, match="overlap"):
            Times.model_validate_json(text)
    else:
        assert len(Times.model_validate_json(text).dates) == len(dates)
