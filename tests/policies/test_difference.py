"""What a change of rules loosens: nothing is missed, and every example is a true one."""

import itertools
from decimal import Decimal

import pytest
from hypothesis import given, reject, settings

from bot.names import subjects
from bot.policy import candidate
from policies.comparison import Change, compared, covers
from policies.difference import Comparison, changed_rules, difference, judged, with_own_calendars
from policies.engine import Approved, Asked, Bounds, RuleKind, RuleSet, When, decide
from policies.facts import ActionKind, Facts, Tier
from policies.loader import sealed
from policies.model import Clause, EffectKind
from policies.space import Space, TooLargeError, space_of
from tests.fakes.values import facts, rule
from tests.policies.drawn import FACTS, calendar, changes

STAGING = When(environment=("staging",))
ONCALL = Asked(n=1, groups=("oncall",))
ASK = rule("ask", RuleKind.APPROVE, STAGING, ONCALL)


def in_the_new_set(found: Facts, old: RuleSet, new: RuleSet) -> Facts:
    """Return facts for both sets: a calendar that means another time has two names."""
    if found.calendars is None:
        return found
    own = with_own_calendars(old, new)
    named = {
        name
        for one in own.rules
        for name in (*(one.when.in_calendar or ()), *(one.when.outside or ()))
    }
    both = {f"{name} (new)" for name in found.calendars} & named
    return found.model_copy(update={"calendars": found.calendars | both})


def told_of(old: RuleSet, new: RuleSet) -> Comparison:
    """Compare drawn sets; what is refused as too large is drawn again."""
    try:
        return difference(old, new)
    except TooLargeError:
        reject()


@settings(max_examples=40)
@given(changes(), FACTS)
def test_whatever_is_decided_differently_is_reported(
    change: tuple[RuleSet, RuleSet], drawn: Facts
) -> None:
    old, new = change
    own = with_own_calendars(old, new)
    found = in_the_new_set(drawn, old, new)
    told = told_of(old, new)
    truth = judged(found, (old, own), changed_rules(old, new))
    if truth is not None:
        same = [one for one in told.differences if one.kind == truth.kind]
        assert any(one.rules <= truth.rules for one in same), truth
        assert told.is_looser or not truth.change.is_looser


@settings(max_examples=30)
@given(changes())
def test_every_example_is_a_case_in_which_the_sets_differ_as_told(
    change: tuple[RuleSet, RuleSet],
) -> None:
    old, new = change
    own = with_own_calendars(old, new)
    for one in told_of(old, new).differences:
        before, after = decide(one.example, old), decide(one.example, own)
        assert (one.before, one.after) == (before, after)
        assert compared(before, after) is one.change is not Change.SAME


def every_case(space: Space) -> list[Facts]:
    names = sorted(space.values)
    cells = itertools.product(*(range(len(space.values[name])) for name in names))
    return [
        space.facts({name: 1 << place for name, place in zip(names, cell, strict=True)})
        for cell in cells
        if _can_be(space, dict(zip(names, cell, strict=True)))
    ]


def _can_be(space: Space, cell: dict[str, int]) -> bool:
    if "action" not in cell:
        return True
    action = space.values["action"][cell["action"]]
    is_reading = space.values["tier"][cell["tier"]] is Tier.READ
    return action is None or is_reading == (action is ActionKind.READ)


def test_all_cases_one_by_one_give_the_same_answer_as_cutting() -> None:
    """Each of the 10 000s of cases that two small sets tell apart, without any shortcut."""
    old = sealed(
        [
            rule(
                "auto",
                RuleKind.AUTO,
                When(environment=("staging",), confidence=Bounds(min=Decimal("0.9"))),
                ONCALL,
            ),
            rule("deny", RuleKind.DENY, When(action=(ActionKind.SILENCE,), tainted=True)),
            rule(
                "more",
                RuleKind.RAISE,
                When(currency=("EUR",), exposure=Bounds(min=Decimal(10))),
                ONCALL,
            ),
        ]
    )
    new = sealed(
        [
            rule(
                "auto",
                RuleKind.AUTO,
                When(environment=("staging",), confidence=Bounds(min=Decimal("0.8"))),
                ONCALL,
            ),
            rule("deny", RuleKind.DENY, When(action=(ActionKind.SILENCE,), tainted=True)),
            rule(
                "more",
                RuleKind.RAISE,
                When(currency=("EUR",), exposure=Bounds(min=Decimal(5))),
                ONCALL,
            ),
        ]
    )
    told = difference(old, new)
    cases = every_case(space_of([*old.rules, *new.rules], [], {}))
    assert len(cases) > 10_000
    changed = changed_rules(old, new)
    truths = [truth for case in cases if (truth := judged(case, (old, new), changed)) is not None]
    assert {one.kind for one in truths} == {one.kind for one in told.differences}
    for truth in truths:
        assert any(one.kind == truth.kind and one.rules <= truth.rules for one in told.differences)
    assert told.cells < len(cases) / 10


def kinds(found: Comparison) -> list[tuple[Change, EffectKind, EffectKind]]:
    return [one.kind for one in found.differences]


def test_nothing_changed_is_nothing_told() -> None:
    found = difference(candidate(None), candidate(None), subjects())
    assert (found.differences, found.cells, found.is_looser) == ((), 0, False)


def test_a_rule_under_another_name_or_reason_is_no_change() -> None:
    renamed = ASK.model_copy(update={"id": "ask-too", "reason": "OTHER"})
    assert difference(sealed([ASK]), sealed([renamed])).differences == ()


def test_a_removed_deny_is_looser_and_an_added_one_tighter() -> None:
    deny = rule("deny", RuleKind.DENY, When(target=("payments",)))
    looser = difference(sealed([ASK, deny]), sealed([ASK]))
    assert looser.is_looser
    (one,) = [found for found in looser.differences if found.example.tier is not Tier.READ]
    assert (one.kind, one.example.target) == (
        (Change.LOOSER, EffectKind.DENY, EffectKind.APPROVE),
        "payments",
    )
    assert not difference(sealed([ASK]), sealed([ASK, deny])).is_looser


def test_a_bound_that_moved_is_told_with_a_value_between() -> None:
    def large(least: int) -> RuleSet:
        when = When(currency=("EUR",), exposure=Bounds(min=Decimal(least)))
        return sealed([ASK, rule("large", RuleKind.RAISE, when, Asked(n=1, groups=("sre",)))])

    (one,) = difference(large(500), large(800)).differences
    assert one.change is Change.LOOSER
    assert one.example.exposure is not None
    assert 500 <= one.example.exposure < 800


def test_a_calendar_that_means_another_time_is_a_change() -> None:
    night = rule("night", RuleKind.DENY, When(environment=("staging",), in_calendar=("night",)))
    old = sealed([ASK, night], [calendar("night", "12:00")])
    new = sealed([ASK, night], [calendar("night", "18:00")])
    found = difference(old, new)
    assert {one.change for one in found.differences} == {Change.LOOSER, Change.TIGHTER}
    assert difference(old, old).differences == ()


def test_approved_actions_that_change_or_go_are_told() -> None:
    row = Approved(agent=("incident",), action=(ActionKind.ROLLBACK,), environment=("staging",))
    wider = row.model_copy(update={"action": (ActionKind.ROLLBACK, ActionKind.RESTART)})
    rules = [ASK]
    assert difference(sealed(rules, approved=[row]), sealed(rules, approved=[wider])).is_looser
    assert difference(sealed(rules, approved=[row]), sealed(rules)).is_looser
    assert not difference(sealed(rules), sealed(rules, approved=[row])).is_looser
    assert not difference(sealed(rules, approved=[wider]), sealed(rules, approved=[row])).is_looser


def test_a_tool_is_only_what_it_is() -> None:
    deny = rule("deny", RuleKind.DENY, When(tool=("shop_rollback",), tier=(Tier.HIGH,)))
    permit = rule("ask", RuleKind.APPROVE, When(tool=("shop_rollback",)), ONCALL)
    assert difference(sealed([permit, deny]), sealed([permit])).is_looser
    # Its tier is medium, so the deny never was one.
    assert not difference(sealed([permit, deny]), sealed([permit]), subjects()).is_looser


def test_more_calendars_than_can_be_told_apart_are_refused() -> None:
    names = tuple(f"c{number}" for number in range(9))
    many = rule("many", RuleKind.DENY, When(in_calendar=names))
    with pytest.raises(TooLargeError, match="more than 8 calendars"):
        difference(sealed([]), sealed([many]))


def clause(n: int, *groups: str) -> Clause:
    return Clause(rule="r", n=n, groups=groups)


@pytest.mark.parametrize(
    ("one", "other", "does"),
    [
        ([clause(2, "a")], [clause(1, "a"), clause(1, "a")], True),
        ([clause(1, "a"), clause(1, "a")], [clause(2, "a")], True),
        ([clause(1, "a")], [clause(1, "a", "b")], True),
        ([clause(1, "a", "b")], [clause(1, "a")], False),
        ([clause(1, "a")], [clause(2, "a")], False),
        ([clause(1, "a"), clause(1, "b")], [clause(1, "b"), clause(1, "a", "b")], True),
        ([clause(2, "a")], [clause(1, "a"), clause(1, "b")], False),
        ([], [clause(1, "a")], False),
    ],
)
def test_a_question_covers_another_when_its_answers_surely_do(
    one: list[Clause], other: list[Clause], does: bool
) -> None:
    assert covers(one, other) is does


def test_asking_others_instead_counts_as_looser() -> None:
    before = decide(facts(), sealed([ASK]))
    others = ASK.model_copy(update={"asked": Asked(n=1, groups=("sre",))})
    change = compared(before, decide(facts(), sealed([others])))
    assert (change, change.is_looser) == (Change.OTHER, True)
