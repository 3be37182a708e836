"""Whether rules can be changed again: the hard rules ask operators, whatever a folder says."""

from datetime import UTC, datetime

import pytest

from bot.policy import candidate
from policies.approvals import Membership, Memberships
from policies.engine import Approved, Asked, Rule, RuleKind, RuleSet, When
from policies.facts import ActionKind, Mode, Tier
from policies.loader import sealed
from policies.lockout import ACTIVATE, LOOSEN, lockouts, next_change
from policies.model import EffectKind
from tests.fakes.values import rule
from tests.policies.drawn import calendar

SHIPPED = candidate(None)
NEVER = frozenset[str]()


def with_rules(*rules: Rule) -> RuleSet:
    """Return the shipped rules with others, and one calendar more."""
    calendars = [*SHIPPED.calendars, calendar("window", "12:00")]
    return sealed([*SHIPPED.rules, *rules], calendars, SHIPPED.approved)


def people(**groups: int) -> Memberships:
    """Return groups of these sizes, with nobody in two of them."""
    return {
        name: Membership(
            group=name,
            members=frozenset(f"T0/U{name}{number}" for number in range(size)),
            read_at=datetime(2026, 11, 20, tzinfo=UTC),
        )
        for name, size in groups.items()
    }


@pytest.mark.parametrize(("tool", "n"), [(ACTIVATE, 1), (LOOSEN, 2)])
def test_a_change_asks_operators_and_a_looser_one_two(tool: str, n: int) -> None:
    found = next_change(SHIPPED, tool, Mode.APPROVE, NEVER)
    assert found.effect is EffectKind.APPROVE
    assert (found.people, found.groups, found.self_approval) == (n, ("operators",), False)
    assert lockouts(SHIPPED, people(operators=2)) == []


def test_a_folder_can_neither_answer_for_a_change_nor_let_it_act_alone() -> None:
    free = rule("free", RuleKind.AUTO, When(tool=(LOOSEN,)))
    cheap = rule("cheap", RuleKind.APPROVE, When(tool=(LOOSEN,)), Asked(n=1, groups=("oncall",)))
    found = next_change(with_rules(free, cheap), LOOSEN, Mode.AUTO, NEVER)
    assert [clause.rule for clause in found.clauses] == [
        "cheap",
        "policy-change",
        "policy-loosening",
    ]


def test_approved_actions_need_no_row_for_it() -> None:
    row = Approved(agent=("incident",), action=(ActionKind.ROLLBACK,), environment=("staging",))
    narrow = sealed(SHIPPED.rules, SHIPPED.calendars, [row])
    assert next_change(narrow, LOOSEN, Mode.APPROVE, NEVER).effect is EffectKind.APPROVE
    # What a folder permits is still held to its rows.
    soft = [one.model_copy(update={"is_hard": False}) for one in SHIPPED.rules]
    denied = next_change(sealed(soft, SHIPPED.calendars, [row]), LOOSEN, Mode.APPROVE, NEVER)
    assert denied.reasons == ("NOT_APPROVED",)


def test_rules_that_deny_every_change_are_named() -> None:
    locked = with_rules(rule("no-risk", RuleKind.DENY, When(tier=(Tier.HIGH,))))
    tighter, looser = lockouts(locked)
    assert tighter.startswith("A tighter change of these rules could not be signed off any more")
    assert looser.endswith("denied by `no-risk`")
    assert len(lockouts(SHIPPED, mode=Mode.OBSERVE)) == 2


@pytest.mark.parametrize(
    "when",
    [
        When(tier=(Tier.HIGH,), in_calendar=("window",)),
        When(tier=(Tier.HIGH,), outside=("window",)),
    ],
)
def test_a_calendar_that_forbids_changes_for_a_time_locks_nobody_out(when: When) -> None:
    assert lockouts(with_rules(rule("not-now", RuleKind.DENY, when)), people(operators=2)) == []


@pytest.mark.parametrize(("operators", "says"), [(0, 2), (1, 1), (2, 0)])
def test_too_few_operators_are_counted(operators: int, says: int) -> None:
    found = lockouts(SHIPPED, people(operators=operators))
    assert len(found) == says
    assert all(f"`operators` has {operators}" in words for words in found)


def test_a_further_group_that_a_folder_asks_must_be_there() -> None:
    asked = rule("ask", RuleKind.RAISE, When(agent=("policy",)), Asked(n=1, groups=("ghosts",)))
    found = lockouts(with_rules(asked), people(operators=5))
    assert len(found) == 2
    assert "`ghosts` has 0" in found[0]
