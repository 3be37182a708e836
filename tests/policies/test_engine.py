"""The engine: silence is a deny, any deny wins, and what is not known never loosens."""

from decimal import Decimal
from itertools import combinations, product

import pytest

from policies.engine import (
    DEFAULT_EXPIRES_S,
    Asked,
    Bounds,
    Rule,
    RuleKind,
    When,
    decide,
    holds,
    is_open_denial,
)
from policies.loader import sealed
from policies.model import ActionKind, EffectKind, Facts, Mode, Severity, Tier
from tests.fakes.values import facts, rule

STAGING = When(environment=("staging",))
ONCALL = Asked(n=1, groups=("oncall",))
ASK = rule("ask", RuleKind.APPROVE, STAGING, ONCALL, "ASKED")
DENY = rule("deny", RuleKind.DENY, STAGING, reason="DENIED")
RAISE = rule("raise", RuleKind.RAISE, STAGING, Asked(n=2, groups=("operators",)), "RAISED")
AUTO = rule("auto", RuleKind.AUTO, STAGING, reason="FREE")
AUTO_OR_ASK = rule("auto-or-ask", RuleKind.AUTO, STAGING, ONCALL, "FREE_OR_ASKED")


def test_without_a_rule_a_write_is_denied() -> None:
    found = decide(facts(), sealed([]))
    assert (found.effect, found.reasons, found.rules) == (EffectKind.DENY, ("NO_RULE",), ())


def test_a_rule_for_another_environment_allows_nothing() -> None:
    assert decide(facts(environment="production"), sealed([ASK])).effect is EffectKind.DENY


def test_a_decision_names_its_rule_its_reason_and_who_is_asked() -> None:
    rules = sealed([ASK])
    found = decide(facts(), rules)
    assert found.effect is EffectKind.APPROVE
    assert (found.rules, found.reasons, found.groups) == (("ask",), ("ASKED",), ("oncall",))
    assert found.policy_version == rules.version
    assert found.expires_s == DEFAULT_EXPIRES_S


def test_any_deny_wins() -> None:
    found = decide(facts(mode=Mode.AUTO), sealed([ASK, AUTO, RAISE, DENY]))
    assert (found.effect, found.rules, found.clauses) == (EffectKind.DENY, ("deny",), ())


def test_a_raise_adds_its_own_people_to_those_already_asked() -> None:
    found = decide(facts(), sealed([ASK, RAISE]))
    assert [(clause.rule, clause.n) for clause in found.clauses] == [("ask", 1), ("raise", 2)]
    assert found.groups == ("oncall", "operators")


def test_a_raise_alone_permits_nothing() -> None:
    assert decide(facts(), sealed([RAISE])).effect is EffectKind.DENY


def test_a_raise_turns_auto_into_a_question() -> None:
    found = decide(facts(mode=Mode.AUTO), sealed([AUTO, RAISE]))
    assert (found.effect, found.groups) == (EffectKind.APPROVE, ("operators",))


@pytest.mark.parametrize("kind", [RuleKind.APPROVE, RuleKind.AUTO])
def test_who_might_have_been_asked_is_asked_too_where_another_rule_permits(kind: RuleKind) -> None:
    sure = When(confidence=Bounds(min=Decimal("0.9")))
    other = rule("other", kind, sure, Asked(n=2, groups=("operators",)), "SURE")
    for confidence in (Decimal(1), Decimal(0), None):
        found = decide(facts(confidence=confidence), sealed([ASK, other]))
        assert [(clause.rule, clause.n) for clause in found.clauses] == [("ask", 1), ("other", 2)]
    assert decide(facts(confidence=None), sealed([other])).effect is EffectKind.DENY


def test_what_acts_alone_on_a_known_fact_asks_nobody_else_without_it() -> None:
    sure = When(confidence=Bounds(min=Decimal("0.9")))
    other = rule("other", RuleKind.AUTO, sure, Asked(n=2, groups=("operators",)), "SURE")
    found = decide(facts(mode=Mode.AUTO, confidence=None), sealed([AUTO, other]))
    assert (found.effect, found.rules) == (EffectKind.AUTO, ("auto",))


def test_auto_runs_alone_only_in_the_mode_auto() -> None:
    assert decide(facts(mode=Mode.AUTO), sealed([AUTO])).effect is EffectKind.AUTO
    for mode in (Mode.APPROVE, Mode.OBSERVE):
        found = decide(facts(mode=mode), sealed([AUTO]))
        assert (found.effect, found.reasons[-1]) == (EffectKind.DENY, "AUTO_HELD_BACK")


def test_auto_held_back_asks_the_people_it_names() -> None:
    found = decide(facts(mode=Mode.APPROVE), sealed([AUTO_OR_ASK]))
    assert (found.effect, found.groups) == (EffectKind.APPROVE, ("oncall",))


def test_untrusted_text_holds_auto_back() -> None:
    tainted = facts(mode=Mode.AUTO, tainted=True)
    assert decide(tainted, sealed([AUTO])).effect is EffectKind.DENY
    assert decide(tainted, sealed([AUTO_OR_ASK])).effect is EffectKind.APPROVE


def test_auto_for_a_tainted_case_must_name_it() -> None:
    named = rule("named", RuleKind.AUTO, When(environment=("staging",), tainted=True))
    assert decide(facts(mode=Mode.AUTO, tainted=True), sealed([named])).effect is EffectKind.AUTO
    assert decide(facts(mode=Mode.AUTO), sealed([named])).effect is EffectKind.DENY


def test_asking_is_stricter_than_auto() -> None:
    found = decide(facts(mode=Mode.AUTO), sealed([AUTO, ASK]))
    assert (found.effect, found.rules) == (EffectKind.APPROVE, ("ask",))


def test_reading_needs_no_rule_but_can_be_denied() -> None:
    reading = facts(tier=Tier.READ, action=ActionKind.READ)
    found = decide(reading, sealed([ASK]))
    assert (found.effect, found.reasons) == (EffectKind.AUTO, ("READ_TIER",))
    assert decide(reading, sealed([DENY])).effect is EffectKind.DENY


@pytest.mark.parametrize(
    "when",
    [
        When(severity=(Severity.SEV3,)),
        When(confidence=Bounds(min=Decimal("0.5"))),
        When(currency=("EUR",), total_amount=Bounds(max=Decimal(100))),
        When(actions_last_hour=Bounds(max=Decimal(5))),
    ],
)
def test_what_is_not_known_stops_a_permission_and_triggers_a_deny(when: When) -> None:
    unknown = facts(severity=None, confidence=None, actions_last_hour=None, mode=Mode.AUTO)
    asked = rule("ask", RuleKind.APPROVE, when, ONCALL)
    free = rule("free", RuleKind.AUTO, when)
    deny = rule("deny", RuleKind.DENY, when)
    more = rule("more", RuleKind.RAISE, when, Asked(n=1, groups=("operators",)))
    assert holds(when, unknown) is None
    assert decide(unknown, sealed([asked, free])).effect is EffectKind.DENY
    assert decide(unknown, sealed([ASK, deny])).rules == ("deny",)
    assert decide(unknown, sealed([ASK, more])).groups == ("oncall", "operators")


def test_a_known_false_condition_settles_it_whatever_else_is_unknown() -> None:
    when = When(environment=("production",), confidence=Bounds(min=Decimal("0.5")))
    assert holds(when, facts(confidence=None)) is False


@pytest.mark.parametrize(
    ("amount", "inside"), [("99.99", False), ("100", True), ("200.00", True), ("200.01", False)]
)
def test_bounds_are_inclusive(amount: str, inside: bool) -> None:
    when = When(currency=("EUR",), total_amount=Bounds(min=Decimal(100), max=Decimal(200)))
    assert holds(when, facts(currency="EUR", total_amount=Decimal(amount))) is inside


@pytest.mark.parametrize(
    ("when", "fits"),
    [
        (When(agent=("incident",)), True),
        (When(agent=("campaign",)), False),
        (When(tool=("a", "shop_rollback")), True),
        (When(tier=(Tier.LOW,)), False),
        (When(target=("payments",)), False),
        (When(paused=False), True),
        (When(reversible=False), False),
        (When(mode=(Mode.APPROVE,), environment=("production",)), False),
    ],
)
def test_every_named_condition_must_hold(when: When, fits: bool) -> None:
    assert holds(when, facts()) is fits


def test_the_shortest_time_to_answer_counts() -> None:
    long = rule("long", RuleKind.APPROVE, STAGING, ONCALL.model_copy(update={"expires_s": 86_400}))
    short = rule("short", RuleKind.RAISE, STAGING, ONCALL.model_copy(update={"expires_s": 600}))
    assert decide(facts(), sealed([long, short])).expires_s == 600


def test_a_rule_that_names_no_time_keeps_the_ordinary_one() -> None:
    long = rule("long", RuleKind.RAISE, STAGING, ONCALL.model_copy(update={"expires_s": 86_400}))
    assert decide(facts(), sealed([ASK, long])).expires_s == DEFAULT_EXPIRES_S


def test_self_approval_needs_every_rule_that_asks() -> None:
    lenient = rule("l", RuleKind.APPROVE, STAGING, Asked(n=1, groups=("a",), self_approval=True))
    assert decide(facts(), sealed([lenient])).self_approval is True
    assert decide(facts(), sealed([lenient, RAISE])).self_approval is False


@pytest.mark.parametrize(
    ("environment", "may"),
    [
        ("staging", True),
        ("sandbox", True),
        ("production", False),
        ("ads", False),
        ("Staging", False),
    ],
)
def test_outside_of_sandbox_and_staging_nobody_signs_off_what_they_asked_for(
    environment: str, may: bool
) -> None:
    asked = Asked(n=1, groups=("a",), self_approval=True)
    lenient = rule("l", RuleKind.APPROVE, When(tool=("shop_rollback",)), asked)
    found = decide(facts(environment=environment), sealed([lenient]))
    assert (found.effect, found.self_approval) == (EffectKind.APPROVE, may)


def test_confidence_can_only_make_the_answer_stricter() -> None:
    unsure = rule("unsure", RuleKind.RAISE, When(confidence=Bounds(max=Decimal("0.6"))), ONCALL)
    rules = sealed([ASK, unsure])

    def people(confidence: Decimal | None) -> int:
        found: Facts = facts(confidence=confidence)
        return sum(clause.n for clause in decide(found, rules).clauses)

    assert [people(Decimal(text)) for text in ("0.2", "0.6", "0.9")] == [2, 2, 1]
    assert people(None) == 2


NAMES = ("oncall", "sre", "team")
SOME = [found for n in range(len(NAMES) + 1) for found in combinations(NAMES, n)]


@pytest.mark.parametrize("kind", [RuleKind.APPROVE, RuleKind.AUTO])
def test_a_denial_is_open_exactly_where_some_groups_of_the_requester_would_lift_it(
    kind: RuleKind,
) -> None:
    unknown, seen = facts(requester_groups=None, mode=Mode.AUTO), set()
    for permitted, first, second in product(SOME, SOME, SOME):
        rules = sealed(
            [
                *_of_groups(
                    "permits", kind, permitted, ONCALL if kind is RuleKind.APPROVE else None
                ),
                *_of_groups("denies", RuleKind.DENY, first),
                *_of_groups("denies-too", RuleKind.DENY, second),
            ]
        )
        known = [unknown.model_copy(update={"requester_groups": frozenset(one)}) for one in SOME]
        lifted = any(decide(one, rules).effect is not EffectKind.DENY for one in known)
        is_open = is_open_denial(unknown, rules)
        assert is_open is lifted
        seen.add(is_open)
    assert seen == {True, False}


def test_with_known_groups_no_denial_is_open() -> None:
    lets = rule("lets", RuleKind.APPROVE, When(requester_group=("sre",)), ONCALL)
    assert not is_open_denial(facts(requester_groups=frozenset()), sealed([lets]))
    assert is_open_denial(facts(requester_groups=None), sealed([lets]))


def _of_groups(
    name: str, kind: RuleKind, groups: tuple[str, ...], asked: Asked | None = None
) -> list[Rule]:
    return [rule(name, kind, When(requester_group=groups), asked)] if groups else []
