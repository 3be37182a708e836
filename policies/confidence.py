"""Sees to it that a lower confidence never loosens, wherever the rules of a set bound it.

What tightens counts below its least confidence too. What permits does so only while something
permits at every higher confidence. Whoever is asked from a confidence on is asked below it too,
unless another rule takes over there: one that asks for as much, under no more conditions.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from policies.conditions import Bounds, Kind, When, conditions, kind_of
from policies.facts import Facts
from policies.ruleset import DEFAULT_EXPIRES_S, PERMITTING, TIGHTENING, Asked, Rule, RuleKind, joins

LEAST, MOST = Decimal(0), Decimal(1)
# What a case always has, so that rules which name different values of it never meet.
ALWAYS_KNOWN = frozenset(name for name, fact in Facts.model_fields.items() if fact.is_required())


@dataclass(frozen=True, kw_only=True, slots=True)
class Steps:
    """Which rules are let by at each bound that any of them names, and between two of those.

    Beside the first point there is a step below it, beside the last one a step above it.
    """

    points: tuple[Decimal, ...]
    # As bits, for each step from the lowest up: the rules that count, those that ask (also where
    # they count no more, or hang on another fact), and those that begin here or further up.
    counting: tuple[int, ...]
    asking: tuple[int, ...]
    begun: tuple[int, ...]

    def place(self, confidence: Decimal) -> int:
        """Return the step of a confidence."""
        above = bisect_left(self.points, confidence)
        is_point = above < len(self.points) and self.points[above] == confidence
        return 2 * above + is_point

    def words(self, step: int) -> str:
        """Say where a step lies."""
        number, is_point = divmod(step, 2)
        if is_point:
            return f"of {self.points[number]}"
        if number == len(self.points):
            return f"above {self.points[-1]}"
        if number == 0:
            return f"below {self.points[0]}"
        return f"between {self.points[number - 1]} and {self.points[number]}"


def is_plain(rules: Sequence[Rule]) -> bool:
    """Say whether a lower confidence loosens nothing if each rule is taken as it stands."""
    return all(_is_plain(rule) for rule in rules)


def _is_plain(rule: Rule) -> bool:
    bounds = rule.when.confidence
    if bounds is None:
        return True
    if rule.kind in TIGHTENING:
        return bounds.min is None
    return bounds.max is None and not joins(rule)


def settled(rule: Rule) -> Rule:
    """Return the rule as it counts: what tightens does so below its least confidence too."""
    return reaching(rule) if rule.kind in TIGHTENING else rule


def reaching(rule: Rule) -> Rule:
    """Return the rule without its least confidence: it counts there, or at a higher one."""
    bounds = rule.when.confidence
    if bounds is None or bounds.min is None:
        return rule
    # What permits still has to know a confidence.
    most = MOST if bounds.max is None and rule.kind in PERMITTING else bounds.max
    kept = None if most is None else Bounds(max=most)
    return rule.model_copy(update={"when": rule.when.model_copy(update={"confidence": kept})})


def steps_of(rules: Sequence[Rule]) -> Steps:
    """Return the steps of a rule set."""
    points = tuple(sorted({end for rule in rules for end in _ends(rule.when)}))
    steps = 2 * len(points) + 1
    counting, asking, begun = ([0] * steps for _ in range(3))
    place = {point: 2 * number + 1 for number, point in enumerate(points)}
    followed = successors(rules)
    for number, rule in enumerate(rules):
        bit = 1 << number
        bounds = settled(rule).when.confidence
        least = 0 if bounds is None or bounds.min is None else place[bounds.min]
        most = steps - 1 if bounds is None or bounds.max is None else place[bounds.max]
        asks_from = place[followed[number].most] + 1 if number in followed else 0
        for step in range(most + 1):
            begun[step] |= bit
            if step >= max(least, asks_from):
                counting[step] |= bit
            if joins(rule) and step >= asks_from:
                asking[step] |= bit
    return Steps(points=points, counting=tuple(counting), asking=tuple(asking), begun=tuple(begun))


def _ends(when: When) -> Iterator[Decimal]:
    if when.confidence is not None:
        yield from (end for end in (when.confidence.min, when.confidence.max) if end is not None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asking:
    """A rule that permits, names people and bounds confidence, with its other conditions."""

    place: int
    rule: Rule
    asked: Asked
    least: Decimal
    most: Decimal
    others: Mapping[str, Any]

    def takes_over(self, ended: "Asking") -> bool:
        """Say whether this one asks the same people wherever the other one, further up, would.

        It begins where that one ends or further down, and goes on below.
        """
        return (
            self.least < ended.least
            # What may act alone asks nobody then, so it does not follow what always asks.
            and self.rule.kind in {RuleKind.APPROVE, ended.rule.kind}
            and _would_do(self.asked, ended.asked)
            and all(
                name in ended.others and _implies(name, ended.others[name], wanted)
                for name, wanted in self.others.items()
            )
        )

    def excludes(self, other: "Asking") -> bool:
        """Say whether the two never ask in the same case."""
        return any(
            _are_apart(self.others[name], other.others[name])
            for name in ALWAYS_KNOWN & self.others.keys() & other.others.keys()
        )


def successors(rules: Sequence[Rule]) -> Mapping[int, Asking]:
    """Return, by the place of each rule that ends somewhere, which one takes over from it below.

    Rules that can ask in the same case each ask people of their own: the one that takes over from
    several asks as many as all of these.
    """
    asking = list(_asking(rules))
    # The nearest one first, and what asks in every mode; by ids, so that no order of rules matters.
    asking.sort(key=lambda one: (-one.most, one.rule.kind is RuleKind.AUTO, one.rule.id))
    begins = [-one.most for one in asking]
    taken: dict[int, list[Asking]] = {}
    found: dict[int, Asking] = {}
    for ended in asking:
        for started in asking[bisect_left(begins, -ended.least) :]:
            if not started.takes_over(ended):
                continue
            others = taken.setdefault(started.place, [])
            beside = sum(other.asked.n for other in others if not ended.excludes(other))
            if ended.asked.n + beside <= started.asked.n:
                found[ended.place] = started
                others.append(ended)
                break
    return found


def _asking(rules: Sequence[Rule]) -> Iterator[Asking]:
    for place, rule in enumerate(rules):
        bounds = rule.when.confidence
        if bounds is None or rule.asked is None or not joins(rule):
            continue
        yield Asking(
            place=place,
            rule=rule,
            asked=rule.asked,
            least=LEAST if bounds.min is None else bounds.min,
            most=MOST if bounds.max is None else bounds.max,
            others={
                one.name: one.wanted for one in conditions(rule.when) if one.name != "confidence"
            },
        )


def _would_do(one: Asked, other: Asked) -> bool:
    """Say whether whoever answers the one question would do for the other too."""
    return (
        {*one.groups} <= {*other.groups}
        and {*one.groups, *one.then} <= {*other.groups, *other.then}
        and (one.expires_s or DEFAULT_EXPIRES_S) <= (other.expires_s or DEFAULT_EXPIRES_S)
        and (other.self_approval or not one.self_approval)
    )


def _implies(name: str, given: Any, wanted: Any) -> bool:  # noqa: ANN401 - of any condition
    """Say whether what holds for the one always holds for the other."""
    match kind_of(name):
        case Kind.ONE_OF | Kind.ANY_OF:
            return {*given} <= {*wanted}
        case Kind.NONE_OF:
            return {*wanted} <= {*given}
        case Kind.FLAG:
            return given is wanted
        case Kind.BOUNDS:
            is_above = wanted.min is None or (given.min is not None and given.min >= wanted.min)
            is_below = wanted.max is None or (given.max is not None and given.max <= wanted.max)
            return is_above and is_below


def _are_apart(one: Any, other: Any) -> bool:  # noqa: ANN401 - of a fact that is always known
    return {*one}.isdisjoint(other) if isinstance(one, tuple) else one is not other
