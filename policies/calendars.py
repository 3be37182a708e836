"""Named calendars: the caller gives the time, and they say which names hold then."""

import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from enum import IntEnum
from functools import lru_cache
from itertools import pairwise
from typing import Self
from zoneinfo import ZoneInfo, available_timezones

import holidays
from holidays.registry import EntityLoader
from pydantic import ConfigDict, Field, field_validator, model_validator

from policies.facts import Strict
from policies.vocabulary import advice

DAY_MIN = 24 * 60
WEEK_MIN = 7 * DAY_MIN
# A year that has a 29 February, so that `02-29` can be written.
LEAP = 2000
# Whoever writes another year means one of these.
FIRST_YEAR, LAST_YEAR = "1970", "2100"
# Longer than this, dates of one year's time have every day in them, also a 29 February.
EVERY_DAY = 9 * 366

_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00")
_DATE = re.compile(r"(?:[0-9]{4}-)?[0-9]{2}-[0-9]{2}")


class Weekday(IntEnum):
    """The days of a week, as they are counted by `date.weekday`."""

    mon = 0
    tue = 1
    wed = 2
    thu = 3
    fri = 4
    sat = 5
    sun = 6


class Span(Strict):
    """From one point to another, stored under the names that it is written with."""

    model_config = ConfigDict(serialize_by_alias=True)

    from_: str = Field(alias="from")
    to: str


class Weekly(Span):
    """The same hours on some days; one that ends before it begins goes on past midnight."""

    days: tuple[str, ...] = Field(min_length=1)

    @field_validator("days")
    @classmethod
    def _are_days(cls, days: tuple[str, ...]) -> tuple[str, ...]:
        for day in days:
            if day not in Weekday.__members__:
                raise ValueError(f"`{day}` is no weekday: write {', '.join(Weekday.__members__)}")
        if len(set(days)) < len(days):
            raise ValueError("a day stands here twice")
        return days

    @model_validator(mode="after")
    def _are_hours(self) -> Self:
        for text in (self.from_, self.to):
            if not _TIME.fullmatch(text):
                raise ValueError(f'`{text}` is no time: write it in quotes like "09:00"')
        if self.from_ == self.to:
            raise ValueError(
                'it begins when it ends: for a whole day write from "00:00" to "24:00"'
            )
        return self

    def spans(self) -> Iterable[tuple[int, int]]:
        """Yield the minutes of the week that are covered, as half-open spans."""
        begin, end = _minute(self.from_), _minute(self.to)
        for day in self.days:
            first = Weekday[day] * DAY_MIN + begin
            last = Weekday[day] * DAY_MIN + end + (DAY_MIN if end < begin else 0)
            yield first, min(last, WEEK_MIN)
            if last > WEEK_MIN:
                yield 0, last - WEEK_MIN


class Dates(Span):
    """Days from one to another, both included; without a year they come back every year."""

    @model_validator(mode="after")
    def _are_dates(self) -> Self:
        for text in (self.from_, self.to):
            if not _DATE.fullmatch(text):
                words = f'`{text}` is no date: write it in quotes like "2026-12-20", or "12-20"'
                raise ValueError(f"{words} for every year")
            _day(text)
        if len(self.from_) != len(self.to):
            raise ValueError("write both dates with a year, or both without")
        if self.is_dated and self.from_ > self.to:
            raise ValueError("it ends before it begins")
        return self

    @property
    def is_dated(self) -> bool:
        """Whether it happens once."""
        return len(self.from_) == len("2026-12-20")

    def covers(self, day: date) -> bool:
        """Say whether the day is among them."""
        text = day.isoformat() if self.is_dated else f"{day:%m-%d}"
        if self.from_ <= self.to:
            return self.from_ <= text <= self.to
        return text >= self.from_ or text <= self.to


class PublicHolidays(Strict):
    """The public holidays of a country (ISO 3166, such as DE) or of a part of it (such as BE)."""

    country: str
    subdivision: str | None = None

    @model_validator(mode="after")
    def _are_known(self) -> Self:
        known = _countries()
        if self.country not in known:
            words = advice(self.country, known, "ISO 3166")
            raise ValueError(f"there is no country `{self.country}`; {words}")
        if self.subdivision is None:
            return self
        parts = holidays.country_holidays(self.country).subdivisions
        if self.subdivision not in parts:
            words = advice(self.subdivision, parts, "ISO 3166-2")
            raise ValueError(f"`{self.country}` has no part `{self.subdivision}`; {words}")
        return self

    def covers(self, day: date) -> bool:
        """Say whether the day is a public holiday there."""
        return day in _of(self.country, self.subdivision, day.year)


class Times(Strict):
    """Windows, dates and holidays in one time zone."""

    zone: str
    weekly: tuple[Weekly, ...] = ()
    dates: tuple[Dates, ...] = ()
    holidays: tuple[PublicHolidays, ...] = ()

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, zone: str) -> str:
        known = _zones()
        if zone not in known:
            raise ValueError(
                f"there is no time zone `{zone}`; {advice(zone, known, 'the IANA time zones')}"
            )
        return zone

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        if not (self.weekly or self.dates or self.holidays):
            raise ValueError("it names no time: write `weekly`, `dates` or `holidays`")
        _require_apart([span for window in self.weekly for span in window.spans()])
        for one in (*_overlapping(self.dates), *_overlapping_yearly(self.dates)):
            raise ValueError(f"the dates from {one.from_} overlap others; join them")
        if len(set(self.holidays)) < len(self.holidays):
            raise ValueError("the same holidays stand here twice")
        return self

    def holds(self, now: datetime) -> bool:
        """Say whether it holds at a time, which must be aware."""
        local = now.astimezone(ZoneInfo(self.zone))
        day = local.date()
        minute = local.weekday() * DAY_MIN + local.hour * 60 + local.minute
        return (
            any(begin <= minute < end for window in self.weekly for begin, end in window.spans())
            or any(one.covers(day) for one in self.dates)
            or any(one.covers(day) for one in self.holidays)
        )


class Calendar(Times):
    """A name for times, as the conditions `in_calendar` and `outside` know it."""

    name: str


def faults(times: Times) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield what a file may not say of times, each with its place; what is stored may have it.

    Sets that were in force before these were asked still read.
    """
    for place, window in enumerate(times.weekly):
        if window.from_ == "24:00":
            yield ("weekly", place, "from"), '"24:00" is the next day: write "00:00" and its name'
    yearly = {day for one in times.dates if not one.is_dated for day in _days(one)}
    for place, one in enumerate(times.dates):
        if one.is_dated and not FIRST_YEAR <= one.from_[:4] <= one.to[:4] <= LAST_YEAR:
            words = f"a year is from {FIRST_YEAR} to {LAST_YEAR}"
            yield ("dates", place), f"{words}, unlike that of {one.from_} to {one.to}"
        if one.is_dated and not yearly.isdisjoint(_days(one)):
            words = "overlap those of every year; join them, or end one earlier"
            yield ("dates", place), f"the dates from {one.from_} {words}"
    for place, one_of in enumerate(times.holidays):
        parts = [other for other in times.holidays if other.country == one_of.country]
        if one_of.subdivision is None and len(parts) > 1:
            words = f"the holidays of `{one_of.country}` are among those of its parts; keep those"
            yield ("holidays", place), words


def _overlapping(dates: Iterable[Dates]) -> Iterator[Dates]:
    """Yield the dates that happen once and have a day in common with some before them."""
    ordered = sorted((one for one in dates if one.is_dated), key=lambda one: one.from_)
    for before, one in pairwise(ordered):
        if one.from_ <= before.to:
            yield one


def _overlapping_yearly(dates: Iterable[Dates]) -> Iterator[Dates]:
    """Yield the same of dates that come back every year."""
    taken: set[tuple[int, int]] = set()
    for one in dates:
        if not one.is_dated:
            days = set(_days(one))
            if not taken.isdisjoint(days):
                yield one
            taken |= days


def _days(dates: Dates) -> Iterator[tuple[int, int]]:
    """Yield the days as month and day; those that come back every year may have a 29 February."""
    first, last = _day(dates.from_).toordinal(), _day(dates.to).toordinal()
    if not dates.is_dated:
        first, last = date(LEAP, 1, 1).toordinal(), date(LEAP, 12, 31).toordinal()
    for number in range(first, min(last, first + EVERY_DAY) + 1):
        day = date.fromordinal(number)
        if dates.is_dated or dates.covers(day):
            yield day.month, day.day


def holding(calendars: Iterable[Calendar], now: datetime) -> frozenset[str]:
    """Return the names of the calendars that hold at a time."""
    return frozenset(calendar.name for calendar in calendars if calendar.holds(now))


def _require_apart(spans: list[tuple[int, int]]) -> None:
    ordered = sorted(spans)
    for (_, end), (begin, _) in pairwise(ordered):
        if begin < end:
            day = Weekday(begin // DAY_MIN).name
            hour, minute = divmod(begin % DAY_MIN, 60)
            at = f"{day} {time(hour, minute):%H:%M}"
            raise ValueError(f"two windows overlap on {at}; join them, or end one earlier")


def _minute(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def _day(text: str) -> date:
    full = text if len(text) > len("12-20") else f"{LEAP}-{text}"
    try:
        return date.fromisoformat(full)
    except ValueError as error:
        raise ValueError(f"`{text}` is no day of the calendar") from error


@lru_cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


@lru_cache
def _countries() -> frozenset[str]:
    # `holidays.list_supported_countries` would import all 250 of them.
    return frozenset(EntityLoader.get_country_codes())


@lru_cache(maxsize=256)
def _of(country: str, subdivision: str | None, year: int) -> holidays.HolidayBase:
    return holidays.country_holidays(country, subdiv=subdivision, years=year, expand=False)


__all__ = [
    "Calendar",
    "Dates",
    "PublicHolidays",
    "Times",
    "Weekday",
    "Weekly",
    "faults",
    "holding",
]
