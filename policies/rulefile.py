"""A rule file as it is written, and what its fields mean; each mistake is told with its place."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from policies.calendars import Dates, PublicHolidays, Times, Weekly
from policies.conditions import AMOUNTS, NUMBERS, Bounds, When
from policies.engine import SELF_APPROVAL_IN, Approved, Asked, Rule, RuleKind
from policies.facts import ActionKind, Facts, Strict, Tier
from policies.faults import Fields, Source
from policies.limits import AgentLimits, PlaceLimits, TaskLimits
from policies.money import CURRENCIES
from policies.vocabulary import advice, word_fault
from policies.yamltext import Path

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*([_-][a-z0-9]+)*$", max_length=64)]

Said = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class AutoText(Strict):
    """An `auto` with the people to ask where it is held back."""

    otherwise: Asked


class EffectText(Strict):
    """The `effect` of a rule as written: exactly one of the four."""

    deny: bool | None = None
    auto: AutoText | bool | None = None
    approve: Asked | None = None
    raise_: Asked | None = Field(default=None, alias="raise")


class RuleText(Strict):
    """A rule as written."""

    id: str = Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=64)
    effect: EffectText
    reason: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$", max_length=64)
    when: When


class RuleFile(Strict):
    """A file of a rule folder as written; every section may stand in any file."""

    rules: tuple[RuleText, ...] = Field(default=(), min_length=1)
    calendars: dict[Name, Times] = Field(default_factory=dict, min_length=1)
    # What each group that rules ask is for.
    groups: dict[Name, Said] = Field(default_factory=dict, min_length=1)
    approved: tuple[Approved, ...] = Field(default=(), min_length=1)
    # By agent, and `default`.
    limits: dict[Name, AgentLimits] = Field(default_factory=dict, min_length=1)


def _fields(model: type[Strict]) -> tuple[str, ...]:
    return tuple(field.alias or name for name, field in model.model_fields.items())


FIELDS: Fields = {
    "": _fields(RuleFile),
    "rules": _fields(RuleText),
    "effect": _fields(EffectText),
    "auto": _fields(AutoText),
    **dict.fromkeys(("approve", "raise", "otherwise"), _fields(Asked)),
    "when": tuple(When.model_fields),
    **dict.fromkeys(NUMBERS, _fields(Bounds)),
    "approved": _fields(Approved),
    "calendars": _fields(Times),
    "weekly": _fields(Weekly),
    "dates": _fields(Dates),
    "holidays": _fields(PublicHolidays),
    "limits": _fields(AgentLimits),
    "task": _fields(TaskLimits),
    "environments": _fields(PlaceLimits),
}


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A rule with the place it was written at."""

    rule: Rule
    source: Source
    path: Path

    @property
    def at(self) -> str:
        """The place as file and line."""
        return f"{self.source.file}:{self.source.line(*self.path)}"


def rule_of(written: RuleText, *, is_hard: bool) -> Rule:
    """Return the rule that was written; `faults` found nothing in it."""
    effect = written.effect
    kind = RuleKind.APPROVE if effect.approve is not None else RuleKind.RAISE
    if effect.deny is not None:
        kind = RuleKind.DENY
    elif effect.auto is not None:
        kind = RuleKind.AUTO
    return Rule(
        id=written.id,
        kind=kind,
        when=written.when,
        reason=written.reason,
        asked=_asked(effect),
        is_hard=is_hard,
    )


def faults(written: RuleText) -> Iterator[tuple[Path, str]]:
    """Yield what is wrong with a rule that reads, each with its place below the rule."""
    effect = _effect_fault(written.effect)
    if effect is not None:
        yield (), effect
        return
    yield from _when_faults(written.when)
    own = _self_fault(written)
    if own is not None:
        yield (), own
    asked = _asked(written.effect)
    if asked is not None:
        yield from _asked_faults(asked)


def _asked_faults(asked: Asked) -> Iterator[tuple[Path, str]]:
    for name in ("groups", "then"):
        yield from word_faults(getattr(asked, name), ("effect",), name)
    given = asked.model_fields_set
    if "then" in given and not asked.then:
        yield ("effect",), "then: it is empty; name at least one group, or leave it out"
    if "expires_s" in given and asked.expires_s is None:
        yield ("effect",), "expires_s: it has no value; write seconds, or leave it out"


def _effect_fault(effect: EffectText) -> str | None:
    given = effect.model_fields_set
    if len(given) != 1:
        return "effect: write exactly one of deny, auto, approve, raise"
    if all(getattr(effect, name) is None for name in given):
        return "effect: it has no value"
    if (effect.deny is not None and not effect.deny) or effect.auto is False:
        return "effect: `false` means nothing here; leave the rule out"
    return None


def _when_faults(when: When) -> Iterator[tuple[Path, str]]:
    if not when.model_fields_set:
        yield (), "when: empty matches everything; name at least one condition"
        return
    for name in sorted(when.model_fields_set):
        value: Any = getattr(when, name)
        if value is None:
            yield (), f"when: `{name}` has no value and would match everything"
        elif isinstance(value, tuple):
            yield from word_faults(value, ("when", name), f"when.{name}")
        elif isinstance(value, Bounds):
            yield from _bounds_faults(name, value)
    has_amount = any(getattr(when, name) is not None for name in AMOUNTS)
    if has_amount and (when.currency is None or len(when.currency) != 1):
        words = "an amount means nothing without `currency: [EUR]` (exactly one) beside it"
        yield (), f"when: {words}"
    yield from _never_holding(when)


def _never_holding(when: When) -> Iterator[tuple[Path, str]]:
    """Yield conditions of which one shuts the other out."""
    both = set(when.in_calendar or ()) & set(when.outside or ())
    if both:
        words = f"it is never in and outside of `{min(both)}` at once"
        yield ("when", "outside"), f"when.outside: {words}; name it once"
    if when.tier is not None and when.action is not None and not _go_together(when):
        words = "the action `read` goes with the tier `read`, and no other does"
        yield ("when", "tier"), f"when.tier: {words}, so it never holds; leave one out"


def _go_together(when: When) -> bool:
    """Say whether any named action comes with any named tier."""
    reads = {tier is Tier.READ for tier in when.tier or ()}
    return not reads.isdisjoint(action is ActionKind.READ for action in when.action or ())


def word_faults(values: tuple[str, ...], path: Path, where: str) -> Iterator[tuple[Path, str]]:
    """Yield what is wrong with a list of names, each with its place."""
    for value, times in sorted(Counter(values).items()):
        if times > 1:
            yield path, f"{where}: `{value}` stands here twice; keep one"
        words = None if isinstance(value, StrEnum) else word_fault(value)
        if words is not None:
            yield path, f"{where}: {words}"
        elif path[-1:] == ("currency",) and value not in CURRENCIES:
            yield path, f"{where}: {currency_words(value)}"


def currency_words(code: str) -> str:
    """Say that there is no such currency, and what to write instead."""
    return f"there is no currency `{code}`; {advice(code, CURRENCIES, 'ISO 4217')}"


def quoted(document: object, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield the words below a place of a file that stand where a number is wanted."""
    if isinstance(document, str):
        where = ".".join(map(str, path))
        yield path, f"{where}: `{document[:40]}` is a word; write a plain number, without quotes"
    elif isinstance(document, Mapping):
        for name, value in document.items():
            yield from quoted(value, (*path, name))


def quoted_bounds(document: object) -> Iterator[tuple[Path, str]]:
    """Yield the bounds of a rule, as it stands in its file, that are words."""
    when = document.get("when") if isinstance(document, Mapping) else None
    if isinstance(when, Mapping):
        for name in sorted(NUMBERS.intersection(when)):
            yield from quoted(when[name], ("when", name))


def domain(name: str) -> tuple[Decimal | None, Decimal | None]:
    """Return the least and the most that a number can be, where it has such ends."""
    least: Decimal | None = None
    most: Decimal | None = None
    # The field's type is optional: its own limits stand one level deeper.
    for part in getattr(Facts.model_fields[name].annotation, "__args__", ()):
        for item in _items(part):
            least = Decimal(str(item.ge)) if hasattr(item, "ge") else least
            most = Decimal(str(item.le)) if hasattr(item, "le") else most
    return least, most


def _items(part: Any) -> Iterator[Any]:  # noqa: ANN401 - a type has no better type
    for item in getattr(part, "__metadata__", ()):
        yield from getattr(item, "metadata", (item,))


def _bounds_faults(name: str, bounds: Bounds) -> Iterator[tuple[Path, str]]:
    least, most = domain(name)
    for given in sorted(bounds.model_fields_set):
        if getattr(bounds, given) is None:
            yield ("when", name), f"when.{name}: `{given}` has no value and would bound nothing"
    for end in (bounds.min, bounds.max):
        is_low = end is not None and least is not None and end < least
        if is_low or (end is not None and most is not None and end > most):
            range_ = f"from {least} to {most}" if most is not None else f"never below {least}"
            yield ("when", name), f"when.{name}: it is {range_}, so `{end}` is no bound of it"


def _self_fault(written: RuleText) -> str | None:
    asked = _asked(written.effect)
    if asked is None or not asked.self_approval:
        return None
    if set(written.when.environment or ()) - SELF_APPROVAL_IN or not written.when.environment:
        return (
            "effect: `self_approval: true` is for sandbox and staging only; leave it out, or write"
            " `environment: [sandbox, staging]` (one or both, no other) under `when`"
        )
    return None


def _asked(effect: EffectText) -> Asked | None:
    if isinstance(effect.auto, AutoText):
        return effect.auto.otherwise
    return effect.approve or effect.raise_
