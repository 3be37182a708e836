"""What holds for every rule set: drawn rules and drawn facts."""

from decimal import Decimal
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.policy import candidate
from policies.engine import Asked, Bounds, Rule, RuleKind, RuleSet, When, decide
from policies.loader import sealed
from policies.model import Decision, EffectKind, Facts, Mode, Severity, Tier
from tests.fakes.values import facts, rule

HARD = [one for one in candidate(None).rules if one.is_hard]
GROUPS = ("oncall", "operators", "sre")
STRICTNESS = {EffectKind.AUTO: 0, EffectKind.APPROVE: 1, EffectKind.DENY: 2}

NUMBERS = st.integers(0, 4).map(Decimal)
SHARES = st.sampled_from([Decimal(share) for share in ("0", "0.3", "0.5", "0.8", "1")])
WHENS = st.fixed_dictionaries(
    {},
    optional={
        "agent": st.sampled_from([("incident",), ("campaign",), ("incident", "campaign")]),
        "tier": st.sampled_from([(Tier.LOW,), (Tier.MEDIUM, Tier.HIGH)]),
        "environment": st.sampled_from([("staging",), ("staging", "production")]),
        "mode": st.sampled_from([(Mode.AUTO,), (Mode.APPROVE, Mode.AUTO)]),
        "severity": st.sampled_from([(Severity.SEV1,), (Severity.SEV3, Severity.SEV4)]),
        "tainted": st.booleans(),
        "reversible": st.booleans(),
        "confidence": SHARES.map(lambda least: Bounds(min=least)),
        "actions_last_hour": NUMBERS.map(lambda most: Bounds(max=most)),
    },
).map(When.model_validate)
ASKED = st.builds(
    Asked,
    n=st.integers(1, 3),
    groups=st.lists(st.sampled_from(GROUPS), min_size=1, max_size=2, unique=True).map(tuple),
    expires_s=st.none() | st.sampled_from([600, 1800, 86_400]),
    self_approval=st.booleans(),
)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    kind = draw(st.sampled_from(RuleKind))
    needs = kind in {RuleKind.APPROVE, RuleKind.RAISE}
    has = needs or (kind is RuleKind.AUTO and draw(st.booleans()))
    rule_id = f"r-{draw(st.integers(0, 10**9))}"
    return rule(rule_id, kind, draw(WHENS), draw(ASKED) if has else None, rule_id.upper())


RULES = st.lists(rules(), max_size=6, unique_by=lambda found: found.id)
FACTS = st.fixed_dictionaries(
    {
        "agent": st.sampled_from(["incident", "campaign"]),
        "tier": st.sampled_from([Tier.LOW, Tier.MEDIUM, Tier.HIGH]),
        "environment": st.sampled_from(["staging", "production"]),
        "mode": st.sampled_from(Mode),
        "tainted": st.booleans(),
        "reversible": st.booleans(),
        "severity": st.none() | st.sampled_from(Severity),
        "confidence": st.none() | SHARES,
        "actions_last_hour": st.none() | st.integers(0, 4),
    }
).map(lambda drawn: facts(**drawn))


def is_looser(after: Decision, before: Decision) -> bool:
    """Say whether anything at all became easier."""
    if STRICTNESS[after.effect] != STRICTNESS[before.effect]:
        return STRICTNESS[after.effect] < STRICTNESS[before.effect]
    if after.effect is not EffectKind.APPROVE:
        return False
    asks_less = not set(before.clauses) <= set(after.clauses)
    waits_longer = (after.expires_s or 0) > (before.expires_s or 0)
    return asks_less or waits_longer or (after.self_approval and not before.self_approval)


@given(FACTS, RULES, st.randoms(use_true_random=False))
def test_the_order_of_rules_does_not_matter(found: Facts, some: list[Rule], chance: Random) -> None:
    turned = list(some)
    chance.shuffle(turned)
    unsorted = RuleSet(rules=tuple(turned), version=sealed(some).version)
    assert decide(found, unsorted) == decide(found, sealed(some))
    assert sealed(turned) == sealed(some)


@settings(max_examples=300)
@given(FACTS, RULES, WHENS)
def test_adding_a_deny_never_loosens(found: Facts, some: list[Rule], when: When) -> None:
    before = decide(found, sealed(some))
    after = decide(found, sealed([*some, rule("another", RuleKind.DENY, when)]))
    assert not is_looser(after, before)


@settings(max_examples=400)
@given(FACTS, RULES, WHENS, ASKED)
def test_adding_a_raise_never_loosens(
    found: Facts, some: list[Rule], when: When, asked: Asked
) -> None:
    before = decide(found, sealed(some))
    after = decide(found, sealed([*some, rule("another", RuleKind.RAISE, when, asked)]))
    assert not is_looser(after, before)


@given(FACTS, RULES, st.sampled_from(["severity", "confidence", "actions_last_hour"]))
def test_forgetting_a_fact_never_loosens(found: Facts, some: list[Rule], name: str) -> None:
    before = decide(found, sealed(some))
    after = decide(found.model_copy(update={name: None}), sealed(some))
    assert STRICTNESS[after.effect] >= STRICTNESS[before.effect]


@given(FACTS, RULES)
def test_a_pause_denies_every_write_whatever_the_other_rules_say(
    found: Facts, some: list[Rule]
) -> None:
    denied = decide(found.model_copy(update={"paused": True}), sealed([*some, *HARD]))
    assert denied.effect is EffectKind.DENY
    assert "kill-switch" in denied.rules


@given(FACTS, RULES)
def test_untrusted_text_never_makes_anything_automatic(found: Facts, some: list[Rule]) -> None:
    decided = decide(found.model_copy(update={"tainted": True}), sealed(some))
    by_id = {one.id: one for one in some}
    if decided.effect is EffectKind.AUTO:
        assert all(by_id[name].when.tainted is True for name in decided.rules)


@given(FACTS, RULES)
def test_nothing_is_automatic_outside_the_mode_auto(found: Facts, some: list[Rule]) -> None:
    decided = decide(found, sealed(some))
    assert decided.effect is not EffectKind.AUTO or found.mode is Mode.AUTO


@given(FACTS, RULES)
def test_every_answer_has_a_reason_and_a_question_has_people(
    found: Facts, some: list[Rule]
) -> None:
    decided = decide(found, sealed(some))
    assert decided.reasons
    assert bool(decided.clauses) == (decided.effect is EffectKind.APPROVE)
    assert (decided.expires_s is not None) == (decided.effect is EffectKind.APPROVE)
