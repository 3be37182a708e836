"""What a change of rules loosens: nothing is missed, and every example is a true one."""

import itertools
import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from bot.names import subjects
from bot.policy import candidate
from policies.calendars import Calendar, holding
from policies.cases import ORDINARY
from policies.comparison import Change, compared, covers
from policies.difference import (
    Comparison,
    Difference,
    changed_rules,
    difference,
    judged,
    with_own_calendars,
)
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


DATES = (
    '[{"from": "12-18", "to": "01-03"}]',
    '[{"from": "12-18", "to": "01-04"}]',
    '[{"from": "12-18", "to": "12-31"}, {"from": "01-01", "to": "01-03"}]',
)
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2053, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants the bounds of times without a zone


def at_a_moment(found: Facts, old: RuleSet, own: RuleSet, at: datetime) -> Facts:
    """Return facts for both sets: where their calendars differ, those that hold at a moment."""
    if found.calendars is None or old.calendars == own.calendars:
        return found
    held = holding(old.calendars, at) | holding(own.calendars, at)
    return found.model_copy(update={"calendars": held})


def printed(one: Difference, rules: RuleSet) -> Facts:
    """Return the facts that somebody who read an example would ask a set with."""
    ordinary = Facts.model_validate_json(json.dumps({"tool": "some-tool", **ORDINARY}))
    told = {name: getattr(one.example, name) for name in one.telling}
    if one.at is not None:
        told["calendars"] = holding(rules.calendars, one.at)
    return Facts.model_validate(dict(ordinary) | told)


def require_true(told: Comparison, old: RuleSet, new: RuleSet) -> None:
    for one in told.differences:
        before, after = decide(printed(one, old), old), decide(printed(one, new), new)
        assert (one.before, one.after) == (before, after)
        assert compared(before, after) is one.change is not Change.SAME


def told_of(old: RuleSet, new: RuleSet) -> Comparison:
    """Compare drawn sets; what is refused as too large is drawn again."""
    try:
        return difference(old, new)
    except TooLargeError:
        reject()


@settings(max_examples=40)
@given(changes(), FACTS, MOMENTS)
def test_whatever_is_decided_differently_is_reported(
    change: tuple[RuleSet, RuleSet], drawn: Facts, at: datetime
) -> None:
    old, new = change
    own = with_own_calendars(old, new)
    found = at_a_moment(drawn, old, own, at)
    told = told_of(old, new)
    truth = judged(found, (old, own), changed_rules(old, new))
    if truth is not None:
        same = [one for one in told.differences if one.kind == truth.kind]
        assert any(one.rules <= truth.rules for one in same), truth
        assert told.is_looser or not truth.change.is_looser


@settings(max_examples=40)
@given(changes())
def test_every_example_as_it_is_printed_gives_the_decisions_as_printed(
    change: tuple[RuleSet, RuleSet],
) -> None:
    require_true(told_of(*change), *change)


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
    assert {one.change for one in difference(old, new).differences} == {Change.TIGHTER}
    back = difference(new, old)
    assert {one.change for one in back.differences} == {Change.LOOSER}
    for one in back.differences:
        assert one.at is not None
        assert (one.at.weekday() in {0, 1, 2}, 12 <= one.at.hour < 18) == (True, True)
    require_true(back, new, old)
    assert difference(old, old).differences == ()


def with_freeze(times: str, kind: RuleKind = RuleKind.DENY) -> RuleSet:
    """Return a set in which a calendar of these times denies, or permits."""
    found = Calendar.model_validate_json(f'{{"name": "freeze", {times}}}')
    asked = None if kind is RuleKind.DENY else ONCALL
    rules = [rule("cold", kind, When(environment=("staging",), in_calendar=("freeze",)), asked)]
    if kind is RuleKind.DENY:
        rules.append(ASK)
    return sealed(rules, [found, calendar("night", "18:00")])


BERLIN = '"zone": "Europe/Berlin", '
NIGHT = '"weekly": [{"days": ["mon"], "from": "20:00", "to": "%s"}]'
LONGER = [
    (f'{BERLIN}"dates": {DATES[0]}', f'{BERLIN}"dates": {DATES[1]}'),
    (f'{BERLIN}"dates": {DATES[2]}', f'{BERLIN}"dates": {DATES[1]}'),
    (BERLIN + NIGHT % "08:00", BERLIN + NIGHT % "08:01"),
    ('"zone": "UTC", ' + NIGHT % "23:00", f'"zone": "UTC", {NIGHT % "23:00"}, "dates": {DATES[0]}'),
    (
        f'{BERLIN}"dates": [{{"from": "2061-02-03", "to": "2061-02-04"}}]',
        f'{BERLIN}"dates": [{{"from": "2061-02-03", "to": "2061-02-05"}}]',
    ),
    (
        f'{BERLIN}"holidays": [{{"country": "DE"}}]',
        f'{BERLIN}"holidays": [{{"country": "DE", "subdivision": "BE"}}]',
    ),
    (
        f'{BERLIN}"dates": [{{"from": "02-28", "to": "02-28"}}]',
        f'{BERLIN}"dates": [{{"from": "02-28", "to": "02-29"}}]',
    ),
]


@pytest.mark.parametrize(("short", "long"), LONGER)
def test_a_longer_freeze_is_tighter_only_and_a_longer_permission_looser_only(
    short: str, long: str
) -> None:
    for kind, change in ((RuleKind.DENY, Change.TIGHTER), (RuleKind.APPROVE, Change.LOOSER)):
        old, new = with_freeze(short, kind), with_freeze(long, kind)
        told = difference(old, new)
        assert {one.change for one in told.differences} == {change}
        assert all(one.at is not None for one in told.differences)
        require_true(told, old, new)
        back = difference(new, old)
        assert back.is_looser is (change is Change.TIGHTER)
        require_true(back, new, old)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f'{BERLIN}"dates": {DATES[0]}', f'{BERLIN}"dates": {DATES[2]}'),
        (
            f'"zone": "UTC", {NIGHT % "24:00"}',
            '"zone": "Etc/GMT-1", "weekly": [{"days": ["mon"], "from": "21:00", "to": "24:00"},'
            ' {"days": ["tue"], "from": "00:00", "to": "01:00"}]',
        ),
    ],
)
def test_the_same_times_written_otherwise_are_no_change(one: str, other: str) -> None:
    told = difference(with_freeze(one), with_freeze(other))
    assert told.differences == ()
    assert changed_rules(with_freeze(one), with_freeze(other)) == frozenset()


def test_the_same_hours_in_another_zone_differ_at_both_ends() -> None:
    old = with_freeze(f'"zone": "Europe/London", {NIGHT % "23:00"}')
    new = with_freeze(f"{BERLIN}{NIGHT % '23:00'}")
    told = difference(old, new)
    assert {one.change for one in told.differences} == {Change.LOOSER, Change.TIGHTER}
    require_true(told, old, new)


def test_a_calendar_that_comes_or_goes_with_its_rule_is_told_with_a_moment() -> None:
    frozen = with_freeze(f'{BERLIN}"dates": {DATES[0]}')
    free = sealed([ASK], [calendar("night", "18:00")])
    for old, new, is_looser in ((frozen, free, True), (free, frozen, False)):
        told = difference(old, new)
        assert told.is_looser is is_looser
        assert all(one.at is not None for one in told.differences)
        require_true(told, old, new)


def test_the_tier_of_a_case_is_told_where_the_decision_hangs_on_it() -> None:
    cold = rule("cold", RuleKind.DENY, When(environment=("staging",), tainted=True))
    told = difference(sealed([ASK, cold]), sealed([ASK]))
    assert Tier.READ in {one.example.tier for one in told.differences if "tier" in one.telling}
    require_true(told, sealed([ASK, cold]), sealed([ASK]))


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
