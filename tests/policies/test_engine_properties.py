"""What holds for every rule set: drawn rules and drawn facts."""

from decimal import Decimal
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.policy import candidate
from policies.comparison import Change, compared
from policies.conditions import Bounds, When, conditions
from policies.confidence import is_plain, settled
from policies.engine import Asked, Rule, RuleKind, RuleSet, counts, decide, holds, matching
from policies.facts import Facts, Mode, Tier
from policies.loader import sealed
from policies.model import Decision, EffectKind
from tests.fakes.values import rule
from tests.policies.drawn import ASKED, FACTS, LADDERS, SETS, STEPS, whens

HARD = [one for one in candidate(None).rules if one.is_hard]
SHIPPED = candidate(None)
OPTIONAL = sorted(name for name, field in Facts.model_fields.items() if field.default is None)
# Sets of all kinds, half of them about confidence.
EVERY = st.one_of(LADDERS, SETS)
# Cases of each property, some 2 200 in all; `make properties` draws more.
MANY = settings(max_examples=max(130, settings().max_examples))


def is_looser(after: Decision, before: Decision) -> bool:
    """Say whether anything at all became easier."""
    return compared(before, after).is_looser


def with_rules(found: RuleSet, *more: Rule) -> RuleSet:
    return sealed([*found.rules, *more], found.calendars, found.approved)


@MANY
@given(FACTS, EVERY, st.randoms(use_true_random=False))
def test_the_order_of_rules_does_not_matter(found: Facts, some: RuleSet, chance: Random) -> None:
    turned = list(some.rules)
    chance.shuffle(turned)
    unsorted = some.model_copy(update={"rules": tuple(turned)})
    assert decide(found, unsorted) == decide(found, some)
    assert sealed(turned, some.calendars, some.approved) == some


@MANY
@given(FACTS, EVERY)
def test_the_index_finds_the_rules_that_count_when_each_is_asked(
    found: Facts, some: RuleSet
) -> None:
    cases = [found]
    share = found.confidence
    if share is not None and not is_plain(some.rules):
        cases = [found.model_copy(update={"confidence": one}) for one in STEPS if one >= share]
    asked = [
        one
        for one in some.rules
        if any(counts(one, holds(settled(one).when, case)) for case in cases)
    ]
    assert matching(found, some) == asked


@MANY
@given(FACTS, EVERY, whens())
def test_adding_a_deny_never_loosens(found: Facts, some: RuleSet, when: When) -> None:
    before = decide(found, some)
    after = decide(found, with_rules(some, rule("another", RuleKind.DENY, when)))
    assert not is_looser(after, before)


@MANY
@given(FACTS, EVERY, whens(), ASKED)
def test_adding_a_raise_never_loosens(
    found: Facts, some: RuleSet, when: When, asked: Asked
) -> None:
    before = decide(found, some)
    after = decide(found, with_rules(some, rule("another", RuleKind.RAISE, when, asked)))
    assert not is_looser(after, before)


@MANY
@given(FACTS, EVERY, st.lists(st.sampled_from(OPTIONAL), min_size=1, max_size=3))
def test_forgetting_facts_never_loosens(found: Facts, some: RuleSet, names: list[str]) -> None:
    for rules in (some, SHIPPED):
        before = decide(found, rules)
        after = decide(found.model_copy(update=dict.fromkeys(names)), rules)
        assert not is_looser(after, before)


@MANY
@given(FACTS, SETS, whens())
def test_a_deny_that_hangs_on_unknown_facts_denies(found: Facts, some: RuleSet, when: When) -> None:
    asked = {one.fact for one in conditions(when)} & set(OPTIONAL)
    blind = found.model_copy(update=dict.fromkeys(asked))
    known = [one for one in conditions(when) if one.fact not in asked]
    holds_else = all(one.test(getattr(blind, one.fact)) for one in known)
    decided = decide(blind, with_rules(some, rule("another", RuleKind.DENY, when)))
    assert ("another" in decided.rules) is holds_else
    assert decided.effect is EffectKind.DENY or not holds_else


@MANY
@given(FACTS, whens(), ASKED, st.sampled_from([RuleKind.APPROVE, RuleKind.AUTO]))
def test_a_permission_that_hangs_on_an_unknown_fact_permits_nothing(
    found: Facts, when: When, asked: Asked, kind: RuleKind
) -> None:
    facts_asked = {one.fact for one in conditions(when)} & set(OPTIONAL)
    blind = found.model_copy(update=dict.fromkeys(facts_asked))
    decided = decide(blind, sealed([rule("permits", kind, when, asked)]))
    is_moot = blind.tier is Tier.READ or not facts_asked
    assert is_moot or decided.effect is EffectKind.DENY


@MANY
@given(FACTS, SETS)
def test_what_no_rule_permits_is_not_written(found: Facts, some: RuleSet) -> None:
    kept = [one for one in some.rules if one.kind in {RuleKind.DENY, RuleKind.RAISE}]
    decided = decide(found, sealed(kept, some.calendars, some.approved))
    assert decided.effect is EffectKind.DENY or found.tier is Tier.READ


@MANY
@given(FACTS, EVERY)
def test_any_deny_that_matches_wins(found: Facts, some: RuleSet) -> None:
    denying = {one.id for one in matching(found, some) if one.kind is RuleKind.DENY}
    decided = decide(found, some)
    assert not denying or (decided.effect is EffectKind.DENY and set(decided.rules) == denying)


@MANY
@given(FACTS, SETS)
def test_a_set_whose_every_permission_names_an_unknown_fact_denies_each_write(
    found: Facts, some: RuleSet
) -> None:
    when = {"confidence": Bounds(min=Decimal(0))}
    blind = [
        one.model_copy(update={"when": one.when.model_copy(update=when)}) for one in some.rules
    ]
    unknown = found.model_copy(update={"confidence": None})
    decided = decide(unknown, sealed(blind, some.calendars, some.approved))
    assert decided.effect is EffectKind.DENY or found.tier is Tier.READ


@MANY
@given(FACTS, EVERY, st.sampled_from(STEPS), st.sampled_from(STEPS))
def test_lower_confidence_never_loosens(
    found: Facts, some: RuleSet, one: Decimal, other: Decimal
) -> None:
    low, high = sorted([one, other])
    for rules in (some, SHIPPED):
        before = decide(found.model_copy(update={"confidence": high}), rules)
        for worse in (low, None):
            after = decide(found.model_copy(update={"confidence": worse}), rules)
            assert not is_looser(after, before)


@MANY
@given(FACTS, EVERY)
def test_untrusted_text_never_loosens_unless_a_rule_names_it(found: Facts, some: RuleSet) -> None:
    named = [
        one if one.when.tainted is None else one.model_copy(update={"kind": RuleKind.DENY})
        for one in some.rules
    ]
    silent = sealed(
        [one for one in named if one.when.tainted is None], some.calendars, some.approved
    )
    for rules in (silent, SHIPPED):
        clean = decide(found.model_copy(update={"tainted": False}), rules)
        tainted = decide(found.model_copy(update={"tainted": True}), rules)
        assert not is_looser(tainted, clean)


@MANY
@given(FACTS, SETS)
def test_untrusted_text_never_makes_anything_automatic(found: Facts, some: RuleSet) -> None:
    decided = decide(found.model_copy(update={"tainted": True}), some)
    by_id = {one.id: one for one in some.rules}
    if decided.effect is EffectKind.AUTO:
        assert all(by_id[name].when.tainted is True for name in decided.rules)


@MANY
@given(FACTS, SETS)
def test_a_pause_denies_everything_whatever_the_other_rules_say(
    found: Facts, some: RuleSet
) -> None:
    denied = decide(found.model_copy(update={"paused": True}), with_rules(some, *HARD))
    assert denied.effect is EffectKind.DENY
    assert "kill-switch" in denied.rules


@MANY
@given(FACTS, SETS)
def test_nothing_is_automatic_outside_the_mode_auto(found: Facts, some: RuleSet) -> None:
    decided = decide(found, some)
    is_reading = found.tier is Tier.READ
    assert decided.effect is not EffectKind.AUTO or is_reading or found.mode is Mode.AUTO


@MANY
@given(FACTS, SETS)
def test_nothing_is_written_that_no_row_of_the_approved_actions_has(
    found: Facts, some: RuleSet
) -> None:
    decided = decide(found, some)
    if found.tier is not Tier.READ and some.approved is not None:
        may = any(row.covers(found) for row in some.approved)
        assert may or decided.effect is EffectKind.DENY


@MANY
@given(FACTS, SETS)
def test_every_answer_has_a_reason_and_a_question_has_people(found: Facts, some: RuleSet) -> None:
    decided = decide(found, some)
    assert decided.reasons
    assert bool(decided.clauses) == (decided.effect is EffectKind.APPROVE)
    assert (decided.expires_s is not None) == (decided.effect is EffectKind.APPROVE)
    assert compared(decided, decided) is Change.SAME
