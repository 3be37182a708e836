"""Decides what a rule set says about facts; the strictest answer wins and silence is a deny."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from policies.model import (
    ActorKind,
    Clause,
    Decision,
    EffectKind,
    Facts,
    Mode,
    Severity,
    Strict,
    Tier,
)

DEFAULT_EXPIRES_S = 1800
# Elsewhere whoever asks is never the one who signs off, whatever a rule says.
SELF_APPROVAL_IN = frozenset({"sandbox", "staging"})


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

    def holds(self, number: Decimal) -> bool:
        """Say whether `number` lies inside."""
        above = self.min is None or number >= self.min
        return above and (self.max is None or number <= self.max)


class When(Strict):
    """The conditions of a rule: all that are named must hold."""

    agent: tuple[str, ...] | None = Field(default=None, min_length=1)
    tool: tuple[str, ...] | None = Field(default=None, min_length=1)
    tier: tuple[Tier, ...] | None = Field(default=None, min_length=1)
    environment: tuple[str, ...] | None = Field(default=None, min_length=1)
    target: tuple[str, ...] | None = Field(default=None, min_length=1)
    mode: tuple[Mode, ...] | None = Field(default=None, min_length=1)
    requester: tuple[ActorKind, ...] | None = Field(default=None, min_length=1)
    severity: tuple[Severity, ...] | None = Field(default=None, min_length=1)
    currency: tuple[str, ...] | None = Field(default=None, min_length=1)
    paused: bool | None = None
    tainted: bool | None = None
    reversible: bool | None = None
    confidence: Bounds | None = None
    daily_amount: Bounds | None = None
    total_amount: Bounds | None = None
    actions_last_hour: Bounds | None = None


class Asked(Strict):
    """Who must approve, and until when."""

    n: int = Field(ge=1, le=10)
    groups: tuple[str, ...] = Field(min_length=1)
    then: tuple[str, ...] = ()
    expires_s: int | None = Field(default=None, ge=60, le=2_592_000)
    self_approval: bool = False


class RuleKind(StrEnum):
    """What a rule does when it matches."""

    DENY = "deny"
    AUTO = "auto"
    APPROVE = "approve"
    RAISE = "raise"


class Rule(Strict):
    """One rule; `asked` is set for approve and raise, and for auto where it may be held back."""

    id: str
    kind: RuleKind
    when: When
    reason: str
    asked: Asked | None = None
    is_hard: bool = False


class RuleSet(Strict):
    """The rules in force; `version` is the hash of their canonical form."""

    rules: tuple[Rule, ...]
    version: str


_SETS = (
    "agent",
    "tool",
    "tier",
    "environment",
    "target",
    "mode",
    "requester",
    "severity",
    "currency",
)
_FLAGS = ("paused", "tainted", "reversible")
_NUMBERS = ("confidence", "daily_amount", "total_amount", "actions_last_hour")


def holds(when: When, facts: Facts) -> bool | None:
    """Say whether every named condition holds; None when that hangs on an unknown fact."""
    answers = [
        *_answers(_SETS, when, facts, lambda wanted, fact: fact in wanted),
        *_answers(_FLAGS, when, facts, lambda wanted, fact: fact is wanted),
        *_answers(_NUMBERS, when, facts, lambda wanted, fact: wanted.holds(Decimal(fact))),
    ]
    if False in answers:
        return False
    return None if None in answers else True


def _answers(  # The two values come from one field's name, whose types the models hold.
    names: Iterable[str],
    when: When,
    facts: Facts,
    test: Callable[..., bool],
) -> list[bool | None]:
    answers: list[bool | None] = []
    for name in names:
        wanted, fact = getattr(when, name), getattr(facts, name)
        if wanted is not None:
            answers.append(None if fact is None else test(wanted, fact))
    return answers


def matches(rule: Rule, facts: Facts) -> bool:
    """Say whether a rule counts: an unknown fact stops a loosening rule, never a tightening one."""
    answer = holds(rule.when, facts)
    if answer is None:
        return rule.kind in {RuleKind.DENY, RuleKind.RAISE}
    return answer


def decide(facts: Facts, rules: RuleSet) -> Decision:
    """Return the strictest of what the matching rules say.

    Reading tools are allowed by their tier unless a rule denies them. Writing needs a rule.
    """
    matching = [rule for rule in rules.rules if matches(rule, facts)]
    denying = [rule for rule in matching if rule.kind is RuleKind.DENY]
    if denying:
        return _decision(EffectKind.DENY, denying, rules, facts)
    if facts.tier is Tier.READ:
        return Decision(
            effect=EffectKind.AUTO,
            rules=(),
            reasons=("READ_TIER",),
            policy_version=rules.version,
        )
    return _permission(facts, matching, rules)


def _permission(facts: Facts, matching: list[Rule], rules: RuleSet) -> Decision:
    auto = [rule for rule in matching if rule.kind is RuleKind.AUTO]
    approve = [rule for rule in matching if rule.kind is RuleKind.APPROVE]
    held = sorted((rule for rule in auto if _is_held_back(rule, facts)), key=lambda rule: rule.id)
    # An auto rule that is held back asks the people it names instead; naming nobody is a deny.
    asking = approve + [rule for rule in held if rule.asked is not None]
    free = [rule for rule in auto if rule not in held]
    if not asking and not free:
        reasons = tuple(rule.reason for rule in held)
        return Decision(
            effect=EffectKind.DENY,
            rules=tuple(rule.id for rule in held),
            reasons=(*reasons, "AUTO_HELD_BACK" if held else "NO_RULE"),
            policy_version=rules.version,
        )
    asking += [rule for rule in matching if rule.kind is RuleKind.RAISE]
    if asking:
        return _decision(EffectKind.APPROVE, asking, rules, facts)
    return _decision(EffectKind.AUTO, free, rules, facts)


def _is_held_back(rule: Rule, facts: Facts) -> bool:
    is_for_tainted = rule.when.tainted is True
    return facts.mode is not Mode.AUTO or (facts.tainted and not is_for_tainted)


def _decision(effect: EffectKind, deciding: list[Rule], rules: RuleSet, facts: Facts) -> Decision:
    # Sorted, so that the order of rules in their files never shows.
    deciding = sorted(deciding, key=lambda rule: rule.id)
    asked = [(rule.id, rule.asked) for rule in deciding if rule.asked is not None]
    needs = effect is EffectKind.APPROVE
    may_self = needs and facts.environment in SELF_APPROVAL_IN
    expiries = [found.expires_s or DEFAULT_EXPIRES_S for _, found in asked]
    return Decision(
        effect=effect,
        rules=tuple(rule.id for rule in deciding),
        reasons=tuple(dict.fromkeys(rule.reason for rule in deciding)),
        policy_version=rules.version,
        clauses=tuple(
            Clause(rule=rule_id, n=found.n, groups=found.groups, then=found.then)
            for rule_id, found in asked
            if needs
        ),
        expires_s=min(expiries, default=DEFAULT_EXPIRES_S) if needs else None,
        self_approval=may_self and all(found.self_approval for _, found in asked),
    )
