"""Replaying the past: on recorded facts, with the other rules' calendars."""

from datetime import UTC, datetime

from policies.comparison import Change
from policies.engine import Asked, RuleKind, RuleSet, When, decide
from policies.history import Past, replay
from policies.loader import sealed
from policies.model import Decided
from tests.fakes.values import facts, rule
from tests.policies.drawn import calendar

MONDAY_10, SUNDAY_10 = (datetime(2026, 11, day, 10, tzinfo=UTC) for day in (16, 22))
ASK = rule("ask", RuleKind.APPROVE, When(environment=("staging",)), Asked(n=1, groups=("oncall",)))
OLD = sealed([ASK])


def past(at: datetime = MONDAY_10, rules: RuleSet = OLD) -> Past:
    found = facts(calendars=frozenset({"of-then"}))
    return Past(
        proposal_id="T-1-1", at=at, decided=Decided(facts=found, decision=decide(found, rules))
    )


def test_the_same_rules_change_nothing() -> None:
    found = replay([past(), past()], OLD)
    assert (found.same, found.left_out, found.turned) == (2, 0, [])


def test_other_rules_are_asked_on_the_facts_of_then() -> None:
    found = replay([past()], sealed([]))
    (turned,) = found.turned
    assert (turned.change, turned.before.rules, turned.after.reasons) == (
        Change.TIGHTER,
        ("ask",),
        ("NO_RULE",),
    )
    (back,) = replay([past(rules=sealed([]))], OLD).turned
    assert back.change.is_looser


def test_calendars_are_those_of_the_other_rules_at_the_time_of_then() -> None:
    cold = rule("cold", RuleKind.DENY, When(in_calendar=("freeze",)))
    rules = sealed([ASK, cold], [calendar("freeze", "12:00")])
    assert len(replay([past(MONDAY_10)], rules).turned) == 1
    assert replay([past(SUNDAY_10)], rules).turned == []


def test_a_decision_without_facts_is_left_out_and_counted() -> None:
    blind = Past(proposal_id="T-1-1", at=MONDAY_10, decided=None)
    unasked = Past(
        proposal_id="T-1-2", at=MONDAY_10, decided=Decided(decision=decide(facts(), OLD))
    )
    found = replay([blind, unasked, past()], OLD)
    assert (found.same, found.left_out) == (1, 2)
