"""Decides what a rule set says about facts; the strictest answer wins and silence is a deny."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from policies.conditions import Bounds, When, holds
from policies.confidence import Steps, is_plain, steps_of
from policies.facts import Facts, Mode, Tier
from policies.index import Index, places
from policies.model import Clause, Decision, EffectKind
from policies.ruleset import (
    DEFAULT_EXPIRES_S,
    PERMITTING,
    TIGHTENING,
    Approved,
    Asked,
    Rule,
    RuleKind,
    RuleSet,
    counts,
    is_held_back,
    joins,
)

# Elsewhere whoever asks is never the one who signs off, whatever a rule says.
SELF_APPROVAL_IN = frozenset({"sandbox", "staging"})
NOT_APPROVED = "NOT_APPROVED"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Masks:
    """What the rules are, as bits."""

    # That an unknown fact does not stop, that deny, and that `joins` is true of.
    tightening: int
    denying: int
    joining: int
    # That name a confidence; that approve; that act alone where nothing holds them back, and
    # those of them that do in a tainted task; that name people.
    bounded: int
    approving: int
    automatic: int
    untainted: int
    naming: int

    def permitting(self, facts: Facts) -> int:
        """Return the rules that may permit what the facts describe, alone or by asking."""
        held = self.automatic if facts.mode is not Mode.AUTO else 0
        if facts.tainted:
            held |= self.automatic & self.untainted
        return self.approving | self.automatic & (~held | self.naming)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Indexed:
    rules: tuple[Rule, ...]
    # Where there are steps, confidence is left out of the index: they say what it lets count.
    index: Index
    steps: Steps | None
    masks: _Masks

    def picked(self, bits: int) -> list[Rule]:
        """Return the rules of these bits."""
        return [self.rules[number] for number in places(bits)]

    def answers(self, facts: Facts) -> tuple[int, int]:
        """Return the rules that count, and those that only ask where another permits, as bits."""
        sure, open_ = self.index.answers(facts)
        masks, steps = self.masks, self.steps
        if steps is None:
            return sure | open_ & masks.tightening, open_ & masks.joining
        if facts.confidence is None:
            sure, open_ = self._blind(sure, open_)
            return sure | open_ & masks.tightening, open_ & masks.joining
        here = steps.place(facts.confidence)
        gap = self.gap(facts, sure, here)
        counting = (sure | open_) & masks.tightening & steps.counting[here]
        counting |= sure & ~masks.tightening & steps.counting[here if gap is None else gap]
        return counting, (sure | open_) & steps.asking[here] & ~counting

    def gap(self, facts: Facts, sure: int, here: int) -> int | None:
        """Return the nearest step from `here` up at which nothing permits."""
        if self.steps is None:
            return None
        able = sure & self.masks.permitting(facts)
        if able & ~self.masks.bounded:
            return None
        steps = self.steps.counting
        return next((place for place in range(here, len(steps)) if not able & steps[place]), None)

    def bearing(self, facts: Facts) -> int:
        """Return the rules that count at the confidence of the facts or at a higher one."""
        sure, open_ = self.index.answers(facts)
        if self.steps is not None and facts.confidence is None:
            sure, open_ = self._blind(sure, open_)
        found = sure | open_ & self.masks.tightening
        if self.steps is None or facts.confidence is None:
            return found
        return found & self.steps.begun[self.steps.place(facts.confidence)]

    def _blind(self, sure: int, open_: int) -> tuple[int, int]:
        """Return the answers where the confidence, which the index leaves out, is not known."""
        blind = sure & self.masks.bounded
        return sure & ~blind, open_ | blind


# A rule set is asked again and again, a few at a time: when one is compared with another.
_KEPT = 8
_indexed: OrderedDict[int, _Indexed] = OrderedDict()


def _index_of(rules: tuple[Rule, ...]) -> _Indexed:
    """Return the index of these very rules, made at their first question."""
    found = _indexed.get(id(rules))
    # An id is used again after its owner is gone; the index keeps its owner, so that it can tell.
    if found is not None and found.rules is rules:
        return found
    steps = None if is_plain(rules) else steps_of(rules)
    whens = [rule.when for rule in rules]
    if steps is not None:
        whens = [when.model_copy(update={"confidence": None}) for when in whens]
    found = _Indexed(rules=rules, index=Index(whens), steps=steps, masks=_masks(rules))
    _indexed[id(rules)] = found
    while len(_indexed) > _KEPT:
        _indexed.popitem(last=False)
    return found


def _masks(rules: Iterable[Rule]) -> _Masks:
    found = tuple(rules)
    return _Masks(
        tightening=_bits(rule.kind in TIGHTENING for rule in found),
        denying=_bits(rule.kind is RuleKind.DENY for rule in found),
        joining=_bits(joins(rule) for rule in found),
        bounded=_bits(rule.when.confidence is not None for rule in found),
        approving=_bits(rule.kind is RuleKind.APPROVE for rule in found),
        automatic=_bits(rule.kind is RuleKind.AUTO for rule in found),
        untainted=_bits(rule.when.tainted is not True for rule in found),
        naming=_bits(rule.asked is not None for rule in found),
    )


def _bits(flags: Iterable[bool]) -> int:
    return sum(1 << number for number, flag in enumerate(flags) if flag)


def matching(facts: Facts, rules: RuleSet) -> list[Rule]:
    """Return the rules that count for these facts.

    Where confidence is bounded so that less of it could loosen, also those that permit at more of
    it: without them nothing is permitted here either.
    """
    found = _index_of(rules.rules)
    return found.picked(found.bearing(facts))


def unpermitted(facts: Facts, rules: RuleSet) -> str | None:
    """Say at which higher confidence nothing is permitted, so that nothing is here; else None."""
    found = _index_of(rules.rules)
    if found.steps is None or facts.confidence is None:
        return None
    here = found.steps.place(facts.confidence)
    sure, _ = found.index.answers(facts)
    gap = found.gap(facts, sure, here)
    return None if gap in {None, here} else found.steps.words(gap)


def decide(facts: Facts, rules: RuleSet) -> Decision:
    """Return the strictest of what the matching rules say.

    Reading tools are allowed by their tier unless a rule denies them. Writing needs a rule.
    """
    known = _index_of(rules.rules)
    counting, joining = known.answers(facts)
    # Before the others are looked at: a deny wins, and what is unknown leaves many rules open.
    if denying := counting & known.masks.denying:
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
    return _permission(facts, found, known.picked(joining), rules)


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
    return any(rule.is_hard and rule.kind in PERMITTING for rule in found)


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
    "unpermitted",
]
