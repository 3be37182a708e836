"""Decides what a rule set says about facts; the strictest answer wins and silence is a deny."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from pydantic import Field

from policies.calendars import Calendar
from policies.conditions import Bounds, When, holds
from policies.facts import ActionKind, Facts, Mode, Strict, Tier
from policies.index import Index, places
from policies.limits import Limits
from policies.model import Clause, Decision, EffectKind

DEFAULT_EXPIRES_S = 1800
# Elsewhere whoever asks is never the one who signs off, whatever a rule says.
SELF_APPROVAL_IN = frozenset({"sandbox", "staging"})
NOT_APPROVED = "NOT_APPROVED"


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


_TIGHTENING = frozenset({RuleKind.DENY, RuleKind.RAISE})
_PERMITTING = frozenset({RuleKind.APPROVE, RuleKind.AUTO})


class Rule(Strict):
    """One rule; `asked` is set for approve and raise, and for auto where it may be held back."""

    id: str
    kind: RuleKind
    when: When
    reason: str
    asked: Asked | None = None
    is_hard: bool = False


class Approved(Strict):
    """A row of the approved actions: these agents may do these kinds of actions there."""

    agent: tuple[str, ...] = Field(min_length=1)
    action: tuple[ActionKind, ...] = Field(min_length=1)
    environment: tuple[str, ...] = Field(min_length=1)

    def covers(self, facts: Facts) -> bool:
        """Say whether the row lets through what the facts describe; an unknown action it stops."""
        return (
            facts.agent in self.agent
            and facts.action in self.action
            and facts.environment in self.environment
        )


class RuleSet(Strict):
    """The rules in force with their calendars; `version` is the hash of their canonical form.

    `approved` is what may be done at all, whatever the rules say; None sets no such limit. The
    `limits` are no rules: the gateway and the store hold them, whatever is decided.
    """

    rules: tuple[Rule, ...]
    version: str
    calendars: tuple[Calendar, ...] = ()
    approved: tuple[Approved, ...] | None = None
    limits: Limits | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Indexed:
    rules: tuple[Rule, ...]
    index: Index
    # As bits: the rules that an unknown fact does not stop, that deny, and that `joins` is true of.
    tightening: int
    denying: int
    joining: int

    def picked(self, bits: int) -> list[Rule]:
        """Return the rules of these bits."""
        return [self.rules[number] for number in places(bits)]


# A rule set is asked again and again, a few at a time: when one is compared with another.
_KEPT = 8
_indexed: OrderedDict[int, _Indexed] = OrderedDict()


def _index_of(rules: tuple[Rule, ...]) -> _Indexed:
    """Return the index of these very rules, made at their first question."""
    found = _indexed.get(id(rules))
    # An id is used again after its owner is gone; the index keeps its owner, so that it can tell.
    if found is not None and found.rules is rules:
        return found
    found = _Indexed(
        rules=rules,
        index=Index([rule.when for rule in rules]),
        tightening=_bits(rule.kind in _TIGHTENING for rule in rules),
        denying=_bits(rule.kind is RuleKind.DENY for rule in rules),
        joining=_bits(joins(rule) for rule in rules),
    )
    _indexed[id(rules)] = found
    while len(_indexed) > _KEPT:
        _indexed.popitem(last=False)
    return found


def _bits(flags: Iterable[bool]) -> int:
    return sum(1 << number for number, flag in enumerate(flags) if flag)


def counts(rule: Rule, answer_: bool | None) -> bool:
    """Say whether a rule counts: an unknown fact stops a loosening rule, never a tightening one."""
    return rule.kind in _TIGHTENING if answer_ is None else answer_


def joins(rule: Rule) -> bool:
    """Say whether a rule that an unknown fact leaves open asks too where another rule permits.

    It might have asked its people, so not knowing must not spare them; it permits nothing itself.
    """
    return rule.kind in _PERMITTING and rule.asked is not None


def matching(facts: Facts, rules: RuleSet) -> list[Rule]:
    """Return the rules that count for these facts."""
    found = _index_of(rules.rules)
    sure, open_ = found.index.answers(facts)
    return found.picked(sure | open_ & found.tightening)


def decide(facts: Facts, rules: RuleSet) -> Decision:
    """Return the strictest of what the matching rules say.

    Reading tools are allowed by their tier unless a rule denies them. Writing needs a rule.
    """
    known = _index_of(rules.rules)
    sure, open_ = known.index.answers(facts)
    counting = sure | open_ & known.tightening
    # Before the others are looked at: a deny wins, and what is unknown leaves many rules open.
    if denying := counting & known.denying:
        return _decision(EffectKind.DENY, known.picked(denying), rules, facts)
    if facts.tier is Tier.READ:
        return Decision(
            effect=EffectKind.AUTO,
            rules=(),
            reasons=("READ_TIER",),
            policy_version=rules.version,
        )
    found = known.picked(counting)
    if not is_approved(facts, rules, found):
        return Decision(
            effect=EffectKind.DENY,
            rules=(),
            reasons=(NOT_APPROVED,),
            policy_version=rules.version,
        )
    return _permission(facts, found, known.picked(open_ & known.joining), rules)


def asks_of_groups(rules: RuleSet) -> dict[str, tuple[str, ...]]:
    """Return the rules that ask which groups the requester is in, with the groups they name."""
    return {
        rule.id: rule.when.requester_group
        for rule in rules.rules
        if rule.when.requester_group is not None
    }


def is_open_denial(facts: Facts, rules: RuleSet) -> bool:
    """Say whether what is denied might not be, if it were known who is in which group.

    More groups only let more rules match. So it is enough to begin with all of them, and to leave
    out those by which a rule denies.
    """
    if facts.requester_groups is not None:
        return False
    asking = asks_of_groups(rules)
    supposed = {name for groups in asking.values() for name in groups}
    while True:
        found = decide(facts.model_copy(update={"requester_groups": frozenset(supposed)}), rules)
        if found.effect is not EffectKind.DENY:
            return True
        barring = {name for rule_id in found.rules for name in asking.get(rule_id, ())}
        if supposed.isdisjoint(barring):
            return False
        supposed -= barring


def is_approved(facts: Facts, rules: RuleSet, found: Iterable[Rule]) -> bool:
    """Say whether the approved actions let this through; without them everything is.

    `found` are the rules that count. What a hard rule permits needs no row: a folder that lists
    what may be done must not shut out what only the program answers for, a change of the rules.
    """
    if rules.approved is None or any(row.covers(facts) for row in rules.approved):
        return True
    return any(rule.is_hard and rule.kind in _PERMITTING for rule in found)


def _permission(facts: Facts, found: list[Rule], joining: list[Rule], rules: RuleSet) -> Decision:
    auto = [rule for rule in found if rule.kind is RuleKind.AUTO]
    approve = [rule for rule in found if rule.kind is RuleKind.APPROVE]
    held = sorted((rule for rule in auto if is_held_back(rule, facts)), key=lambda rule: rule.id)
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
    asking += [rule for rule in found if rule.kind is RuleKind.RAISE]
    asking += [
        rule for rule in joining if rule.kind is RuleKind.APPROVE or is_held_back(rule, facts)
    ]
    if asking:
        return _decision(EffectKind.APPROVE, asking, rules, facts)
    return _decision(EffectKind.AUTO, free, rules, facts)


def is_held_back(rule: Rule, facts: Facts) -> bool:
    """Say whether an auto rule may not act alone: in another mode, or after untrusted text."""
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


__all__ = [
    "DEFAULT_EXPIRES_S",
    "NOT_APPROVED",
    "SELF_APPROVAL_IN",
    "Approved",
    "Asked",
    "Bounds",
    "Rule",
    "RuleKind",
    "RuleSet",
    "When",
    "asks_of_groups",
    "counts",
    "decide",
    "holds",
    "is_approved",
    "is_held_back",
    "is_open_denial",
    "joins",
    "matching",
]
