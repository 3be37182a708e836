"""The conditions of a rule: sets, booleans and bounds over facts, and how each is tested."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self

from pydantic import Field, model_validator

from policies.facts import ActionKind, ActorKind, Facts, Mode, Severity, Strict, Tier

Words = tuple[str, ...]
# The name of a fact, and what is asked of it once it is known.
Check = tuple[str, Callable[[Any], bool]]


class Bounds(Strict):
    """A numeric range, both ends inclusive."""

    min: Decimal | None = None
    max: Decimal | None = None

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("write `min`, `max` or both: nothing is bounded")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("`min` is above `max`: nothing lies between")
        return self

    def holds(self, number: Decimal | int) -> bool:
        """Say whether `number` lies inside."""
        above = self.min is None or number >= self.min
        return above and (self.max is None or number <= self.max)

    def __str__(self) -> str:
        if self.min is None:
            return f"at most {self.max}"
        return f"at least {self.min}" if self.max is None else f"{self.min} to {self.max}"


class When(Strict):
    """The conditions of a rule: all that are named must hold."""

    agent: Words | None = Field(default=None, min_length=1)
    tool: Words | None = Field(default=None, min_length=1)
    tier: tuple[Tier, ...] | None = Field(default=None, min_length=1)
    environment: Words | None = Field(default=None, min_length=1)
    target: Words | None = Field(default=None, min_length=1)
    mode: tuple[Mode, ...] | None = Field(default=None, min_length=1)
    requester: tuple[ActorKind, ...] | None = Field(default=None, min_length=1)
    severity: tuple[Severity, ...] | None = Field(default=None, min_length=1)
    currency: Words | None = Field(default=None, min_length=1)
    paused: bool | None = None
    tainted: bool | None = None
    reversible: bool | None = None
    confidence: Bounds | None = None
    daily_amount: Bounds | None = None
    total_amount: Bounds | None = None
    actions_last_hour: Bounds | None = None
    action: tuple[ActionKind, ...] | None = Field(default=None, min_length=1)
    service: Words | None = Field(default=None, min_length=1)
    team: Words | None = Field(default=None, min_length=1)
    platform: Words | None = Field(default=None, min_length=1)
    channel: Words | None = Field(default=None, min_length=1)
    tenant: Words | None = Field(default=None, min_length=1)
    requester_group: Words | None = Field(default=None, min_length=1)
    in_calendar: Words | None = Field(default=None, min_length=1)
    outside: Words | None = Field(default=None, min_length=1)
    frozen: bool | None = None
    exposure: Bounds | None = None
    absolute_change: Bounds | None = None
    percent_change: Bounds | None = None
    spend_change_today: Bounds | None = None
    replicas: Bounds | None = None
    capacity_percent: Bounds | None = None
    blast_radius: Bounds | None = None
    open_proposals: Bounds | None = None
    last_change_age_s: Bounds | None = None


class Kind(StrEnum):
    """How a condition is written and tested."""

    ONE_OF = "one of"
    ANY_OF = "any of"
    NONE_OF = "none of"
    FLAG = "true or false"
    BOUNDS = "min, max"


_SPECIAL = {
    "requester_group": ("requester_groups", Kind.ANY_OF),
    "in_calendar": ("calendars", Kind.ANY_OF),
    "outside": ("calendars", Kind.NONE_OF),
}
FLAGS = frozenset({"paused", "tainted", "reversible", "frozen"})
# Amounts in `currency`, without which they mean nothing.
AMOUNTS = frozenset(
    {"daily_amount", "total_amount", "exposure", "absolute_change", "spend_change_today"}
)
NUMBERS = AMOUNTS | {
    "confidence",
    "percent_change",
    "replicas",
    "capacity_percent",
    "blast_radius",
    "actions_last_hour",
    "open_proposals",
    "last_change_age_s",
}


def fact_of(condition: str) -> str:
    """Return the name of the fact that a condition asks about."""
    return _SPECIAL[condition][0] if condition in _SPECIAL else condition


def kind_of(condition: str) -> Kind:
    """Return how a condition is written and tested."""
    if condition in _SPECIAL:
        return _SPECIAL[condition][1]
    if condition in FLAGS:
        return Kind.FLAG
    return Kind.BOUNDS if condition in NUMBERS else Kind.ONE_OF


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """One condition of a rule; `test` takes the known fact."""

    name: str
    fact: str
    wanted: Any
    test: Callable[[Any], bool]


def conditions(when: When) -> tuple[Condition, ...]:
    """Return the conditions that are named."""
    return tuple(
        Condition(name=name, fact=fact_of(name), wanted=wanted, test=_test(name, wanted))
        for name in When.model_fields
        if (wanted := getattr(when, name)) is not None
    )


def _test(name: str, wanted: Any) -> Callable[[Any], bool]:  # noqa: ANN401 - one field of When
    match kind_of(name):
        case Kind.FLAG:
            return lambda fact: fact is wanted
        case Kind.BOUNDS:
            bounds: Bounds = wanted
            return bounds.holds
        case Kind.ANY_OF:
            disjoint = frozenset(wanted).isdisjoint
            return lambda fact: not disjoint(fact)
        case Kind.NONE_OF:
            return frozenset(wanted).isdisjoint
        case Kind.ONE_OF:
            return frozenset(wanted).__contains__


def checks(when: When) -> tuple[Check, ...]:
    """Return the conditions that are named as they are tested."""
    return tuple((condition.fact, condition.test) for condition in conditions(when))


def answer(found: tuple[Check, ...], known: Mapping[str, Any]) -> bool | None:
    """Say whether all conditions hold; None when that hangs on an unknown fact."""
    is_unknown = False
    for name, test in found:
        fact = known[name]
        if fact is None:
            is_unknown = True
        elif not test(fact):
            return False
    return None if is_unknown else True


def holds(when: When, facts: Facts) -> bool | None:
    """Say whether every named condition holds; None when that hangs on an unknown fact."""
    return answer(checks(when), vars(facts))
