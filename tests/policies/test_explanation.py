"""Why a decision: every rule says whether it counts, and at which condition it fails."""

from decimal import Decimal

import pytest

from policies.engine import Approved, Asked, Bounds, RuleKind, RuleSet, When, decide
from policies.explanation import explain
from policies.facts import ActionKind, Facts, Mode, Tier
from policies.loader import sealed
from tests.fakes.values import facts, rule

ONCALL = Asked(n=1, groups=("oncall",))
ASK = rule("ask", RuleKind.APPROVE, When(environment=("staging",)), ONCALL)


def words(when: When, found: Facts, kind: RuleKind = RuleKind.DENY) -> tuple[bool, str]:
    (reading,) = explain(found, sealed([rule("one", kind, when)])).readings
    return reading.counts, reading.words


@pytest.mark.parametrize(
    ("when", "changes", "does", "says"),
    [
        (When(environment=("staging",)), {}, True, "environment staging"),
        (When(environment=("ads", "qa")), {}, False, "environment is staging, not ads or qa"),
        (When(paused=True), {}, False, "paused is false"),
        (
            When(confidence=Bounds(min=Decimal("0.9"))),
            {},
            True,
            "confidence is 0.8, not at least 0.9: it counts as it does at a higher confidence",
        ),
        (
            When(confidence=Bounds(max=Decimal("0.5"))),
            {},
            False,
            "confidence is 0.8, not at most 0.5",
        ),
        (
            When(in_calendar=("freeze",)),
            {"calendars": frozenset({"night"})},
            False,
            "in_calendar: none of freeze now",
        ),
        (
            When(in_calendar=("freeze", "night")),
            {"calendars": frozenset({"night"})},
            True,
            "in_calendar night",
        ),
        (
            When(outside=("night",)),
            {"calendars": frozenset({"night"})},
            False,
            "outside: night holds now",
        ),
        (When(outside=("night",)), {"calendars": frozenset()}, True, "outside night"),
        (
            When(exposure=Bounds(min=Decimal(5)), currency=("EUR",)),
            {},
            True,
            "`currency`, `exposure` are not known: it counts, as it tightens",
        ),
    ],
)
def test_a_rule_says_what_decided_about_it(
    when: When, changes: dict[str, object], does: bool, says: str
) -> None:
    assert words(when, facts(**changes)) == (does, says)


def test_a_permission_does_not_count_on_what_is_not_known() -> None:
    when = When(confidence=Bounds(min=Decimal("0.5")))
    assert words(when, facts(confidence=None), RuleKind.AUTO) == (
        False,
        "`confidence` is not known: it can't permit on that",
    )


ROW = Approved(agent=("campaign",), action=(ActionKind.CREATE,), environment=("ads",))
DENY = rule("deny", RuleKind.DENY, When(environment=("staging",)))
AUTO = rule("auto", RuleKind.AUTO, When(environment=("staging",)), ONCALL)
MORE = rule("more", RuleKind.RAISE, When(environment=("staging",)), ONCALL)


@pytest.mark.parametrize(
    ("rules", "changes", "says"),
    [
        (sealed([ASK, DENY]), {}, "any deny wins"),
        (sealed([]), {"tier": Tier.READ, "action": ActionKind.READ}, "reading needs no rule"),
        (sealed([]), {}, "no rule permits it"),
        (sealed([ASK], approved=[ROW]), {}, "agent incident, action rollback, staging"),
        (sealed([AUTO]), {}, "`auto` may not act alone, as the mode is approve: it asks"),
        (sealed([AUTO]), {"mode": Mode.AUTO, "tainted": True}, "as the task is tainted"),
        (sealed([ASK, MORE]), {}, "one person counts for one of them only"),
    ],
)
def test_what_the_engine_itself_adds_is_told(
    rules: RuleSet, changes: dict[str, object], says: str
) -> None:
    found = explain(facts(**changes), rules)
    assert any(says in note for note in found.notes), found.notes
    assert found.decision == decide(facts(**changes), rules)


def test_a_rule_that_joins_without_its_fact_says_so() -> None:
    sure = rule("sure", RuleKind.APPROVE, When(confidence=Bounds(min=Decimal("0.9"))), ONCALL)
    _, reading = explain(facts(confidence=None), sealed([ASK, sure])).readings
    told = "`confidence` is not known: it can't permit on that, but asks too where another rule"
    assert (reading.counts, reading.words) == (False, f"{told} permits")
