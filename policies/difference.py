"""What a change of rules loosens and tightens: every case that the two sets can tell apart."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from policies.analysis import Subject
from policies.cases import ORDINARY
from policies.comparison import Change, compared
from policies.conditions import conditions
from policies.confidence import settled, successors
from policies.engine import Rule, RuleKind, RuleSet, decide, matching
from policies.facts import Facts, Tier
from policies.limitfile import LimitChange, limit_changes
from policies.model import Decision, EffectKind
from policies.moments import is_same_time, moments
from policies.space import ANY, MOST_NAMES, Box, Cut, Space, TooLargeError, space_of

# What an example takes for granted of each fact that it does not tell.
UNSAID = Facts.model_validate_json(json.dumps({"tool": ANY, **ORDINARY}))
# What sets a calendar of the new set apart from the old one of its name; no name can hold it.
NEW = " (new)"
ORDER = {Change.LOOSER: 0, Change.OTHER: 1, Change.TIGHTER: 2}


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What changed rules do together: a change of the decision, with one case of it."""

    change: Change
    # The changed rules that count in the case, in the old set or in the new one.
    rules: frozenset[str]
    before: Decision
    after: Decision
    example: Facts
    # The facts of the example that its decisions hang on; every other one is ordinary, as a test
    # case and `explain` take it.
    telling: tuple[str, ...]
    # When it is, where the calendars of the sets are not the same; then `example` has those of the
    # old set, and `calendars` those of the new one.
    at: datetime | None = None
    calendars: frozenset[str] | None = None

    @property
    def example_after(self) -> Facts:
        """The example as the new set sees it."""
        if self.at is None:
            return self.example
        return self.example.model_copy(update={"calendars": self.calendars})

    @property
    def kind(self) -> tuple[Change, EffectKind, EffectKind]:
        """What a case of the same kind has in common with it."""
        return self.change, self.before.effect, self.after.effect


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Everything in which two sets differ; `cells` is how many cases were looked at.

    `limits` are no decisions: the numbers that differ.
    """

    differences: tuple[Difference, ...]
    cells: int
    limits: tuple[LimitChange, ...] = ()

    @property
    def is_looser(self) -> bool:
        """Whether the new set lets anything through that the old one does not."""
        is_raised = any(found.is_looser for found in self.limits)
        return is_raised or any(found.change.is_looser for found in self.differences)

    @property
    def looser(self) -> int:
        """How many of the differences let more through."""
        decided = sum(found.change.is_looser for found in self.differences)
        return decided + sum(found.is_looser for found in self.limits)

    @property
    def tighter(self) -> int:
        """How many of the differences do not."""
        return len(self.differences) + len(self.limits) - self.looser


def difference(old: RuleSet, new: RuleSet, subjects: Iterable[Subject] = ()) -> Comparison:
    """Compare two rule sets in every case that their rules can tell apart.

    Where the sets have not the same calendars, only what holds at once at some moment is looked
    at. With subjects, cases in which a tool is what it is not are left out.

    Raises:
        TooLargeError: there are too many cases.
    """
    own = with_own_calendars(old, new)
    rows = [*(old.approved or ()), *(new.approved or ())]
    times = _times(old, own)
    space = space_of([*old.rules, *own.rules], rows, _implied(subjects), list(times))
    boxes = [*_boxes(space, old, own), *_engine_boxes(space, old, own)]
    changed = changed_rules(old, new)
    found: dict[object, Difference] = {}
    cells = 0
    for cell in space.cells(boxes):
        cells += 1
        one = judged(space.facts(cell), (old, own), changed)
        if one is None:
            continue
        key = (one.kind, one.rules)
        if key not in found or _weight(one) < _weight(found[key]):
            found[key] = one
    told = [_told(one, (old, own), times) for one in _least(found.values())]
    return Comparison(
        differences=tuple(sorted(told, key=_place)),
        cells=cells,
        limits=tuple(limit_changes(old.limits, new.limits)),
    )


def judged(
    facts: Facts, sets: tuple[RuleSet, RuleSet], changed: frozenset[str]
) -> Difference | None:
    """Return how a case is decided differently, or None."""
    old, new = sets
    before, after = decide(facts, old), decide(facts, new)
    change = compared(before, after)
    if change is Change.SAME:
        return None
    counting = {rule.id for rules in sets for rule in matching(facts, rules)}
    counting |= {*before.rules, *after.rules}
    telling = {"agent", "action", "environment"}
    for decision, rules in ((before, old), (after, new)):
        for rule in rules.rules:
            if rule.id in decision.rules:
                telling |= {condition.fact for condition in conditions(rule.when)}
    return Difference(
        change=change,
        rules=frozenset(counting & changed),
        before=before,
        after=after,
        example=facts,
        telling=tuple(name for name in Facts.model_fields if name in telling),
    )


def changed_rules(old: RuleSet, new: RuleSet) -> frozenset[str]:
    """Return the ids of rules that are in one of the sets only, or mean something else there."""
    before, after = (
        {rule.id: meaning for rule, meaning in zip(rules.rules, _meanings(rules), strict=True)}
        for rules in (old, with_own_calendars(old, new))
    )
    return frozenset(
        rule_id for rule_id in before | after if before.get(rule_id) != after.get(rule_id)
    )


def _weight(found: Difference) -> int:
    """Return how much there is to read about a case: the simplest one is shown."""
    return len(found.telling) + len(found.before.rules) + len(found.after.rules)


def _least(found: Iterable[Difference]) -> Iterator[Difference]:
    """Leave out what more rules do together if fewer of them do the same."""
    every = list(found)
    for one in every:
        if not any(other.kind == one.kind and other.rules < one.rules for other in every):
            yield one


def _place(found: Difference) -> tuple[int, list[str]]:
    return ORDER[found.change], sorted(found.rules)


def _implied(subjects: Iterable[Subject]) -> Mapping[str, Mapping[str, Any]]:
    return {
        subject.tool: {"tier": subject.tier, "action": subject.action, "agent": subject.agents[0]}
        if len(subject.agents) == 1
        else {"tier": subject.tier, "action": subject.action}
        for subject in subjects
    }


def _meanings(rules: RuleSet) -> list[object]:
    """Return what each rule says: a name, or a least confidence that it counts below, is nothing.

    Where another one takes over from it belongs to it.
    """
    followed = successors(rules.rules)
    return [
        (rule.kind, settled(rule).when, rule.asked, followed[place].most)
        if place in followed
        else (rule.kind, settled(rule).when, rule.asked)
        for place, rule in enumerate(rules.rules)
    ]


def _boxes(space: Space, old: RuleSet, new: RuleSet) -> Iterable[Box]:
    """Yield a box for each rule; what both sets have as often as each other is common."""
    before, after = Counter(_meanings(old)), Counter(_meanings(new))
    for place, rules in enumerate((old, new)):
        for rule, meaning in zip(rules.rules, _meanings(rules), strict=True):
            is_common = before[meaning] == after[meaning]
            if is_common and place == 1:
                continue
            side = 3 if is_common else 1 << place
            cut = Cut.COMMON if is_common else Cut.CHANGED
            yield from space.boxes(rule, cut, side if rule.kind is RuleKind.DENY else 0)


def _engine_boxes(space: Space, old: RuleSet, new: RuleSet) -> Iterable[Box]:
    """Yield what the engine itself tells apart, beside the rules."""
    yield space.where(Cut.OTHER, tier=[Tier.READ])
    yield space.where(Cut.AUTO, mode=["auto"])
    yield space.where(Cut.AUTO, tainted=[True])
    asked = [rule.asked for rule in (*old.rules, *new.rules) if rule.asked is not None]
    if any(found.self_approval for found in asked):
        yield space.where(Cut.OTHER, environment=["sandbox", "staging"])
    before, after = old.approved, new.approved
    cut = Cut.OTHER if before == after else Cut.CHANGED
    for row in {*(before or ()), *(after or ())}:
        wanted = {"agent": row.agent, "action": row.action, "environment": row.environment}
        yield space.where(cut, **wanted)
    if (before is None) != (after is None):
        # A limit that is only in one of them cuts off everything outside of its rows.
        yield Box(limits={}, cut=Cut.CHANGED)


def _told(
    found: Difference,
    sets: tuple[RuleSet, RuleSet],
    times: Mapping[frozenset[str], datetime],
) -> Difference:
    """Return a difference whose example is told whole, with the moment it is at."""
    telling = _telling(found, sets)
    held = found.example.calendars
    one = replace(found, telling=telling)
    if held is None or "calendars" not in telling:
        return one
    before, after = (_names(held, rules) for rules in sets)
    if held not in times or before == after:
        return replace(one, example=found.example.model_copy(update={"calendars": before}))
    return replace(
        one,
        example=found.example.model_copy(update={"calendars": before}),
        at=times[held],
        calendars=after,
    )


def _telling(found: Difference, sets: tuple[RuleSet, RuleSet]) -> tuple[str, ...]:
    """Return the facts without which the decisions would not be these, and those asked about."""
    wanted = (found.before, found.after)
    names = {
        name
        for name in Facts.model_fields
        if getattr(found.example, name) != getattr(UNSAID, name) or name in found.telling
    }
    kept = {*found.telling, *({"tier"} if found.example.tier is Tier.READ else ())}
    for name in sorted(names - kept):
        less = {one: getattr(found.example, one) for one in names - {name}}
        facts = UNSAID.model_copy(update=less)
        if tuple(decide(facts, rules) for rules in sets) == wanted:
            names.remove(name)
    return tuple(name for name in Facts.model_fields if name in names)


def _times(old: RuleSet, own: RuleSet) -> Mapping[frozenset[str], datetime]:
    """Return which calendars hold at once, and when; empty where both sets have the same ones."""
    named = {
        name
        for rule in (*old.rules, *own.rules)
        for name in (*(rule.when.in_calendar or ()), *(rule.when.outside or ()))
    }
    before, after = (
        {calendar.name for calendar in rules.calendars} & named for rules in (old, own)
    )
    if before == after or before | after != named:
        return {}
    if len({_plain(name) for name in named}) > MOST_NAMES:
        raise TooLargeError(f"the rules name more than {MOST_NAMES} calendars")
    found = {one.name: one for one in (*old.calendars, *own.calendars) if one.name in named}
    calendars = tuple(found.values())
    return {
        frozenset(calendars[place].name for place in held): at
        for held, at in moments(calendars).items()
    }


def _names(held: frozenset[str], rules: RuleSet) -> frozenset[str]:
    """Return the calendars of a set among those that hold, as it names them itself."""
    return frozenset(_plain(one.name) for one in rules.calendars if one.name in held)


def _plain(name: str) -> str:
    return name.removesuffix(NEW)


def with_own_calendars(old: RuleSet, new: RuleSet) -> RuleSet:
    """Return the new set with another name for each calendar that means another time in it."""
    before = {calendar.name: calendar for calendar in old.calendars}
    moved = {
        calendar.name: f"{calendar.name}{NEW}"
        for calendar in new.calendars
        if calendar.name in before and not is_same_time(before[calendar.name], calendar)
    }
    if not moved:
        return new
    calendars = tuple(
        one.model_copy(update={"name": moved.get(one.name, one.name)}) for one in new.calendars
    )
    rules = tuple(_renamed(rule, moved) for rule in new.rules)
    return new.model_copy(update={"rules": rules, "calendars": calendars})


def _renamed(rule: Rule, names: Mapping[str, str]) -> Rule:
    changed = {
        name: tuple(names.get(value, value) for value in given)
        for name in ("in_calendar", "outside")
        if (given := getattr(rule.when, name)) is not None
    }
    return rule.model_copy(update={"when": rule.when.model_copy(update=changed)})
