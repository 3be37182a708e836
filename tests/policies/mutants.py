"""Rule sets that differ from a given one in a single place, as a slip of the pen would."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from policies.calendars import DAY_MIN, Calendar, Dates, PublicHolidays, Weekly
from policies.conditions import Bounds, When
from policies.engine import Approved, Rule, RuleSet

# How far a bound is moved.
STEPS = {"confidence": Decimal("0.01"), "exposure": Decimal("0.01")}

Mutant = tuple[str, RuleSet]


def mutants(rules: RuleSet) -> Iterator[Mutant]:
    """Yield every mutant of a set with the words for what it lacks."""
    yield from _of_rules(rules)
    yield from _of_approved(rules)
    yield from _of_calendars(rules)


def _without(items: tuple[Any, ...], place: int) -> tuple[Any, ...]:
    return (*items[:place], *items[place + 1 :])


def _with(items: tuple[Any, ...], place: int, item: object) -> tuple[Any, ...]:
    return (*items[:place], item, *items[place + 1 :])


def _of_rules(rules: RuleSet) -> Iterator[Mutant]:
    for place, rule in enumerate(rules.rules):
        dropped = _without(rules.rules, place)
        yield f"{rule.id} is missing", rules.model_copy(update={"rules": dropped})
        for words, other in (*_of_when(rule), *_of_asked(rule)):
            changed = _with(rules.rules, place, other)
            yield f"{rule.id}: {words}", rules.model_copy(update={"rules": changed})


def _of_when(rule: Rule) -> Iterator[tuple[str, Rule]]:
    for name in When.model_fields:
        wanted = getattr(rule.when, name)
        if wanted is None:
            continue
        for words, other in (("is missing", None), *_narrower(name, wanted)):
            when = rule.when.model_copy(update={name: other})
            yield f"{name} {words}", rule.model_copy(update={"when": when})


def _narrower(name: str, wanted: object) -> Iterator[tuple[str, object]]:
    if isinstance(wanted, tuple) and len(wanted) > 1:
        for place, value in enumerate(wanted):
            yield f"lacks {value}", _without(wanted, place)
    if isinstance(wanted, Bounds):
        step = STEPS.get(name, Decimal(1))
        for end, bound in (("min", wanted.min), ("max", wanted.max)):
            for moved in () if bound is None else (bound - step, bound + step):
                yield f"{end} is {moved}", wanted.model_copy(update={end: moved})


def _of_asked(rule: Rule) -> Iterator[tuple[str, Rule]]:
    asked = rule.asked
    if asked is None:
        return
    others = [asked.model_copy(update={"n": asked.n + 1})]
    if len(asked.groups) > 1:
        others += [
            asked.model_copy(update={"groups": _without(asked.groups, place)})
            for place in range(len(asked.groups))
        ]
    for other in others:
        yield f"asks {other.n} of {other.groups}", rule.model_copy(update={"asked": other})


def _of_approved(rules: RuleSet) -> Iterator[Mutant]:
    rows = rules.approved or ()
    for place, row in enumerate(rows):
        others: list[tuple[str, tuple[Approved, ...]]] = [("missing", _without(rows, place))]
        for name in Approved.model_fields:
            values = getattr(row, name)
            if len(values) > 1:
                others += [
                    (
                        f"without {value}",
                        _with(rows, place, row.model_copy(update={name: _without(values, number)})),
                    )
                    for number, value in enumerate(values)
                ]
        for words, changed in others:
            yield f"row {place + 1} is {words}", rules.model_copy(update={"approved": changed})


def _of_calendars(rules: RuleSet) -> Iterator[Mutant]:
    for place, calendar in enumerate(rules.calendars):
        for words, other in _of_calendar(calendar):
            changed = _with(rules.calendars, place, other)
            yield f"{calendar.name}: {words}", rules.model_copy(update={"calendars": changed})


def _of_calendar(calendar: Calendar) -> Iterator[tuple[str, Calendar]]:
    for name, moved in (("weekly", _hours), ("dates", _days), ("holidays", _elsewhere)):
        entries = getattr(calendar, name)
        for place, entry in enumerate(entries):
            yield f"lacks {entry}", calendar.model_copy(update={name: _without(entries, place)})
            for other in moved(entry):
                changed = _with(entries, place, other)
                yield f"has {other}", calendar.model_copy(update={name: changed})


def _hours(window: Weekly) -> Iterator[Weekly]:
    for place in range(len(window.days)):
        yield window.model_copy(update={"days": _without(window.days, place)})
    for end in ("from_", "to"):
        for step in (-1, 1):
            hour, minute = getattr(window, end).split(":")
            moved = divmod((int(hour) * 60 + int(minute) + step) % DAY_MIN, 60)
            yield window.model_copy(update={end: f"{moved[0]:02}:{moved[1]:02}"})


def _days(span: Dates) -> Iterator[Dates]:
    for end in ("from_", "to"):
        for step in (-1, 1):
            day = date.fromisoformat(f"2027-{getattr(span, end)}") + timedelta(days=step)
            yield span.model_copy(update={end: f"{day:%m-%d}"})


def _elsewhere(days: PublicHolidays) -> Iterator[PublicHolidays]:
    for country in ("CA", "DE", "GB"):
        yield days.model_copy(update={"country": country})
