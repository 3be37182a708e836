"""Why a decision came out as it did: rule by rule, which counts, and at what the others fail."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from policies.conditions import Condition, Kind, answer, checks, conditions, kind_of
from policies.confidence import Asking, settled, successors
from policies.engine import (
    NOT_APPROVED,
    Rule,
    RuleKind,
    RuleSet,
    counts,
    decide,
    is_approved,
    is_held_back,
    unpermitted,
)
from policies.facts import Facts, Tier
from policies.model import Decision, EffectKind


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A rule as it was read: whether it counts, and what decided that."""

    rule: Rule
    counts: bool
    words: str


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """A decision with the reading of every rule; `notes` say what the engine added itself."""

    decision: Decision
    readings: tuple[Reading, ...]
    notes: tuple[str, ...]


def explain(facts: Facts, rules: RuleSet) -> Explanation:
    """Decide, and say of every rule why it counts or does not."""
    decision = decide(facts, rules)
    followed = successors(rules.rules)
    readings = tuple(
        _succeeded(_reading(rule, facts, decision), facts, followed.get(place))
        for place, rule in enumerate(rules.rules)
    )
    return Explanation(
        decision=decision,
        readings=readings,
        notes=tuple(_notes(facts, rules, decision, readings)),
    )


def _reading(rule: Rule, facts: Facts, decision: Decision) -> Reading:
    known, found = vars(facts), conditions(rule.when)
    does_count = counts(rule, answer(checks(settled(rule).when), known))
    failing = [
        one for one in found if known[one.fact] is not None and not one.test(known[one.fact])
    ]
    unknown = [one.fact for one in found if known[one.fact] is None]
    if failing:
        words = _failure(failing[0], known)
        if does_count or (rule.id in decision.rules and decision.effect is EffectKind.APPROVE):
            does_count = True
            words += ": it counts as it does at a higher confidence"
    elif unknown:
        names = ", ".join(f"`{name}`" for name in unknown)
        be = "is" if len(unknown) == 1 else "are"
        words = f"{names} {be} not known: "
        words += _blindly(rule, decision, does_count=does_count)
    else:
        words = ", ".join(_success(one, known[one.fact]) for one in found)
    return Reading(rule=rule, counts=does_count, words=words)


def _succeeded(reading: Reading, facts: Facts, follower: Asking | None) -> Reading:
    """Return the reading of a rule in view of the one that takes over from it below."""
    if follower is None or facts.confidence is None or facts.confidence > follower.most:
        return reading
    if not reading.counts:
        return reading
    words = f"{reading.words}: here `{follower.rule.id}` takes over from it"
    return Reading(rule=reading.rule, counts=False, words=words)


def _blindly(rule: Rule, decision: Decision, *, does_count: bool) -> str:
    if does_count:
        return "it counts, as it tightens"
    if rule.id in decision.rules and decision.effect is EffectKind.APPROVE:
        return "it can't permit on that, but asks too where another rule permits"
    return "it can't permit on that"


def _success(condition: Condition, fact: Any) -> str:  # noqa: ANN401 - any fact
    match kind_of(condition.name):
        case Kind.ANY_OF:
            return f"{condition.name} {', '.join(sorted(fact & set(condition.wanted)))}"
        case Kind.NONE_OF:
            return f"{condition.name} {', '.join(condition.wanted)}"
        case _:
            return f"{condition.name} {_said(fact)}"


def _failure(condition: Condition, known: Mapping[str, Any]) -> str:
    fact, wanted = known[condition.fact], condition.wanted
    match kind_of(condition.name):
        case Kind.BOUNDS:
            return f"{condition.name} is {fact}, not {wanted}"
        case Kind.FLAG:
            return f"{condition.name} is {_said(fact)}"
        case Kind.ANY_OF:
            return f"{condition.name}: none of {', '.join(wanted)} now"
        case Kind.NONE_OF:
            held = sorted(set(wanted) & set(fact))
            return f"{condition.name}: {', '.join(held)} holds now"
        case Kind.ONE_OF:
            return f"{condition.name} is {_said(fact)}, not {' or '.join(map(str, wanted))}"


def _said(fact: Any) -> str:  # noqa: ANN401 - any fact
    if isinstance(fact, bool):
        return str(fact).lower()
    if isinstance(fact, frozenset):
        return ", ".join(sorted(fact)) or "none"
    return str(fact)


def _notes(
    facts: Facts, rules: RuleSet, decision: Decision, readings: tuple[Reading, ...]
) -> list[str]:
    counting = [reading.rule for reading in readings if reading.counts]
    is_denied = any(rule.kind is RuleKind.DENY for rule in counting)
    if is_denied:
        return ["any deny wins, whatever the others say"]
    if facts.tier is Tier.READ:
        return ["reading needs no rule"]
    if not is_approved(facts, rules, counting):
        given = f"agent {facts.agent}, action {facts.action or 'not known'}, {facts.environment}"
        return [f"the approved actions have no row for {given} ({NOT_APPROVED})"]
    gap = unpermitted(facts, rules)
    if gap is not None:
        return [f"at a confidence {gap} no rule permits it, and less never lets more through"]
    return [*_notes_of_permission(facts, decision, counting)]


def _notes_of_permission(
    facts: Facts, decision: Decision, counting: Sequence[Rule]
) -> Iterator[str]:
    for rule in counting:
        if rule.kind is RuleKind.AUTO and is_held_back(rule, facts):
            why = f"the mode is {facts.mode}" if facts.mode != "auto" else "the task is tainted"
            then = "asks those it names" if rule.asked is not None else "permits nothing"
            yield f"`{rule.id}` may not act alone, as {why}: it {then}"
    permits = [rule for rule in counting if rule.kind in {RuleKind.APPROVE, RuleKind.AUTO}]
    if not permits:
        yield "no rule permits it, and silence is a deny"
    elif decision.effect is EffectKind.APPROVE and len(decision.clauses) > 1:
        yield "each rule that asks counts: one person counts for one of them only"
