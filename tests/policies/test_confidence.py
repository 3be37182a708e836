"""A ladder of confidence: it asks what it says, and less confidence never loosens it."""

import itertools
from collections.abc import Mapping
from decimal import Decimal

import pytest

from bot.policy import candidate
from policies.comparison import Change, compared
from policies.confidence import is_plain
from policies.difference import changed_rules, difference
from policies.engine import Asked, Bounds, Rule, RuleKind, When, decide
from policies.explanation import explain
from policies.facts import Facts, Mode, Severity
from policies.loader import sealed
from policies.model import Decision, EffectKind
from tests.fakes.values import facts, rule

# The second lies within the first.
BOUNDS = (Bounds(min=Decimal(1), max=Decimal(5)), Bounds(min=Decimal(2), max=Decimal(4)))
STEPS = ("1", "0.95", "0.9", "0.7", "0.5", "0.3", "0", None)
ONE, TWO = Asked(n=1, groups=("oncall",)), Asked(n=2, groups=("oncall",))
OPERATOR = Asked(n=1, groups=("operators",))


def within(least: str | None, most: str | None, **others: object) -> When:
    bounds = Bounds(
        min=None if least is None else Decimal(least), max=None if most is None else Decimal(most)
    )
    return When.model_validate({"confidence": bounds, **others})


AUTO = rule("auto", RuleKind.AUTO, within("0.9", None), ONE)
ONE_MIDDLE = rule("one-middle", RuleKind.APPROVE, within("0.5", "0.9"), ONE)
ONE_UP = rule("one-up", RuleKind.APPROVE, within("0.5", None), ONE)
TWO_LOW = rule("two-low", RuleKind.APPROVE, within(None, "0.5"), TWO)
ANY = rule("any", RuleKind.APPROVE, When(environment=("staging",)), OPERATOR)


def at(confidence: str | None, mode: Mode = Mode.AUTO, **changes: object) -> Facts:
    share = None if confidence is None else Decimal(confidence)
    return facts(confidence=share, mode=mode, **changes)


def said(found: Decision) -> str:
    """Return the effect, or in its place who is asked: `2 oncall + 1 operators`."""
    if found.effect is not EffectKind.APPROVE:
        return str(found.effect)
    return " + ".join(f"{one.n} {'/'.join(one.groups)}" for one in found.clauses)


def answers(*rules: Rule, mode: Mode = Mode.AUTO, **changes: object) -> Mapping[str | None, str]:
    """Return what is said at each step, none of them looser than the one before."""
    found = {step: decide(at(step, mode, **changes), sealed(rules)) for step in STEPS}
    falling = list(found.values())
    for before, after in itertools.pairwise(falling):
        assert not compared(before, after).is_looser
    return {step: said(decision) for step, decision in found.items()}


def test_a_ladder_asks_what_it_says_and_not_the_sum() -> None:
    assert answers(AUTO, ONE_MIDDLE, TWO_LOW) == {
        "1": "auto",
        "0.95": "auto",
        "0.9": "1 oncall",
        "0.7": "1 oncall",
        "0.5": "2 oncall",
        "0.3": "2 oncall",
        "0": "2 oncall",
        None: "deny",
    }
    held_back = answers(AUTO, ONE_MIDDLE, TWO_LOW, mode=Mode.APPROVE)
    assert [held_back[step] for step in ("0.95", "0.9", "0.7", "0.5")] == [
        "1 oncall",
        "1 oncall",
        "1 oncall",
        "2 oncall",
    ]
    # An `approve` without a `max` asks further up too, beside or instead of an `auto`.
    assert answers(AUTO, ONE_UP, TWO_LOW, mode=Mode.APPROVE)["0.3"] == "2 oncall"
    assert [answers(AUTO, ONE_UP, TWO_LOW)[step] for step in ("0.95", "0.7", "0.3")] == [
        "1 oncall",
        "1 oncall",
        "2 oncall",
    ]


@pytest.mark.parametrize("kind", [RuleKind.DENY, RuleKind.RAISE])
def test_what_tightens_from_a_confidence_on_tightens_below_it_too(kind: RuleKind) -> None:
    asked = None if kind is RuleKind.DENY else ONE
    sure = rule("sure", kind, within("0.5", "0.9"), asked)
    tighter = "deny" if kind is RuleKind.DENY else "1 operators + 1 oncall"
    found = answers(ANY, sure)
    assert [found[step] for step in ("1", "0.9", "0.7", "0.3", None)] == [
        "1 operators",
        tighter,
        tighter,
        tighter,
        tighter,
    ]


def test_people_of_another_group_are_asked_beside_those_of_before() -> None:
    others = rule("others", RuleKind.APPROVE, within(None, "0.5"), OPERATOR)
    found = answers(ONE_UP, others)
    assert found["0.7"] == "1 oncall"
    assert found["0.5"] == found["0.3"] == "1 oncall + 1 operators"
    both = rule(
        "both", RuleKind.APPROVE, within(None, "0.5"), Asked(n=2, groups=("oncall", "operators"))
    )
    # Two of both groups may be two operators, so nobody takes the place of one of oncall.
    assert answers(ONE_UP, both)["0.3"] == "2 oncall/operators + 1 oncall"


def test_one_rule_takes_over_from_as_many_people_as_it_asks() -> None:
    beside = rule("beside", RuleKind.APPROVE, within("0.5", None), ONE)
    found = answers(ONE_UP, beside, TWO_LOW)
    assert (found["0.7"], found["0.3"]) == ("1 oncall + 1 oncall", "2 oncall")
    third = rule("third", RuleKind.APPROVE, within("0.5", None), ONE)
    assert answers(ONE_UP, beside, third, TWO_LOW)["0.3"] == "1 oncall + 2 oncall"


def test_what_asks_in_every_mode_is_taken_over_first_and_then_the_first_by_name() -> None:
    low = rule("low", RuleKind.APPROVE, within(None, "0.5"), ONE)
    assert answers(AUTO, ONE_UP, low)["0.3"] == "1 oncall"
    wider = Asked(n=1, groups=("oncall", "operators"))
    other = rule("other", RuleKind.APPROVE, within("0.5", None), wider)
    rules = sealed([ONE_UP, other, low])
    turned = rules.model_copy(update={"rules": rules.rules[::-1]})
    for some in (rules, turned):
        assert said(decide(at("0.3"), some)) == "1 oncall + 1 oncall/operators"


def test_two_rules_for_one_confidence_alone_do_not_replace_each_other() -> None:
    one = rule("one", RuleKind.APPROVE, within("0.5", "0.5"), ONE)
    other = rule("other", RuleKind.APPROVE, within("0.5", "0.5"), ONE)
    found = answers(ANY, one, other)
    assert found["0.7"] == "1 operators"
    assert found["0.5"] == found["0.3"] == "1 operators + 1 oncall + 1 oncall"


def test_one_rule_takes_over_from_all_that_never_ask_together() -> None:
    staging = rule("staging", RuleKind.APPROVE, within("0.5", None, environment=("staging",)), TWO)
    ads = rule("ads", RuleKind.APPROVE, within("0.5", None, environment=("ads",)), TWO)
    clean = rule("clean", RuleKind.APPROVE, within("0.5", None, tainted=False), TWO)
    tainted = rule("tainted", RuleKind.APPROVE, within("0.5", None, tainted=True), TWO)
    for environment in ("staging", "ads"):
        found = answers(staging, ads, TWO_LOW, environment=environment)
        assert (found["0.7"], found["0.3"]) == ("2 oncall", "2 oncall")
        found = answers(clean, tainted, TWO_LOW, tainted=environment == "ads")
        assert (found["0.7"], found["0.3"]) == ("2 oncall", "2 oncall")
    found = answers(staging, clean, TWO_LOW)
    assert (found["0.7"], found["0.3"]) == ("2 oncall + 2 oncall", "2 oncall + 2 oncall")


@pytest.mark.parametrize(
    "lower",
    [
        rule("elsewhere", RuleKind.APPROVE, within(None, "0.5", tainted=False), TWO),
        rule("alone", RuleKind.AUTO, within(None, "0.5"), TWO),
        rule(
            "longer",
            RuleKind.APPROVE,
            within(None, "0.5"),
            TWO.model_copy(update={"expires_s": 86_400}),
        ),
        rule(
            "more-of-others-later",
            RuleKind.APPROVE,
            within(None, "0.5"),
            TWO.model_copy(update={"then": ("operators",)}),
        ),
        rule("overlapping", RuleKind.APPROVE, within(None, "0.6"), TWO),
        rule(
            "itself",
            RuleKind.APPROVE,
            within(None, "0.5"),
            TWO.model_copy(update={"self_approval": True}),
        ),
    ],
    ids=lambda one: one.id,
)
def test_what_asks_for_less_or_elsewhere_takes_over_from_nobody(lower: Rule) -> None:
    found = answers(ONE_UP, lower, mode=Mode.APPROVE)
    assert sorted(found["0.3"].split(" + ")) == ["1 oncall", "2 oncall"]
    assert "1 oncall" in answers(ONE_UP, lower)["0.3"]


@pytest.mark.parametrize(
    ("upper", "lower", "does"),
    [
        ({"environment": ("staging",)}, {"environment": ("ads", "staging")}, True),
        ({"environment": ("ads", "staging")}, {"environment": ("staging",)}, False),
        ({"environment": ("ads", "staging")}, {"environment": ("ads",)}, False),
        ({"environment": ("staging",)}, {}, True),
        ({"reversible": True}, {"reversible": True}, True),
        ({"reversible": True}, {"reversible": False}, False),
        ({"outside": ("freeze", "night")}, {"outside": ("night",)}, True),
        ({"outside": ("night",)}, {"outside": ("freeze", "night")}, False),
        ({"in_calendar": ("night",)}, {"in_calendar": ("freeze", "night")}, True),
        ({"in_calendar": ("freeze", "night")}, {"in_calendar": ("night",)}, False),
        ({"replicas": BOUNDS[1]}, {"replicas": BOUNDS[0]}, True),
        ({"replicas": BOUNDS[0]}, {"replicas": BOUNDS[1]}, False),
        ({"replicas": Bounds(min=Decimal(2))}, {"replicas": BOUNDS[1]}, False),
        ({"replicas": Bounds(max=Decimal(2))}, {"replicas": BOUNDS[1]}, False),
    ],
)
def test_what_takes_over_holds_wherever_the_other_would(
    upper: dict[str, object], lower: dict[str, object], does: bool
) -> None:
    up = rule("up", RuleKind.APPROVE, within("0.5", None, **upper), ONE)
    low = rule("low", RuleKind.APPROVE, within(None, "0.5", **lower), TWO)
    calendars = frozenset({"night"}) if "in_calendar" in upper else frozenset({"peak"})
    found = answers(ANY, up, low, calendars=calendars, replicas=2)
    assert found["0.7"] == "1 operators + 1 oncall"
    assert ("1 oncall" not in found["0.3"]) is does


def test_what_is_not_permitted_further_up_is_permitted_nowhere_below() -> None:
    assert set(answers(TWO_LOW).values()) == {"deny"}
    gap = answers(AUTO, rule("one", RuleKind.APPROVE, within("0.5", "0.8"), ONE), TWO_LOW)
    assert [gap[step] for step in ("1", "0.9", "0.7", "0.3")] == ["auto", "auto", "deny", "deny"]
    # An auto rule that is held back and names nobody permits nothing, so nothing below does.
    alone = rule("alone", RuleKind.AUTO, within("0.9", None))
    assert answers(alone, ONE_MIDDLE, TWO_LOW)["0.7"] == "1 oncall"
    held_back = answers(alone, ONE_MIDDLE, TWO_LOW, mode=Mode.APPROVE)
    assert set(held_back.values()) == {"deny"}
    assert set(answers(alone, ONE_MIDDLE, TWO_LOW, tainted=True).values()) == {"deny"}


def test_an_unknown_confidence_asks_everybody_whom_any_would_ask() -> None:
    found = answers(AUTO, ONE_MIDDLE, TWO_LOW, ANY, mode=Mode.APPROVE)
    assert found["0.7"] == "1 operators + 1 oncall"
    assert found["0.3"] == "1 operators + 2 oncall"
    assert found[None] == "1 operators + 1 oncall + 1 oncall + 2 oncall"


def test_what_hangs_on_another_unknown_fact_is_asked_below_too() -> None:
    severe = rule("severe", RuleKind.APPROVE, within("0.5", None, severity=(Severity.SEV1,)), ONE)
    for severity, extra in (
        (None, " + 1 oncall"),
        (Severity.SEV1, " + 1 oncall"),
        (Severity.SEV3, ""),
    ):
        found = answers(ANY, severe, severity=severity)
        assert found["0.7"] == found["0.3"] == f"1 operators{extra}"


def test_sets_that_bound_confidence_plainly_are_taken_as_they_stand() -> None:
    unsure = rule("unsure", RuleKind.RAISE, within(None, "0.5"), ONE)
    alone = rule("alone", RuleKind.AUTO, within("0.9", None))
    assert is_plain([ANY, unsure, alone])
    assert not any(
        is_plain([ANY, one])
        for one in (
            AUTO,
            ONE_UP,
            TWO_LOW,
            rule("sure", RuleKind.DENY, within("0.9", None)),
            rule("alone-below", RuleKind.AUTO, within(None, "0.5")),
        )
    )


def test_what_needs_no_row_of_the_approved_actions_bounds_no_confidence() -> None:
    shipped = candidate(None)
    hard = [one for one in shipped.rules if one.is_hard]
    assert hard
    assert is_plain(shipped.rules)
    assert all(one.when.confidence is None for one in hard)


def test_explain_says_why_a_rule_counts_that_does_not_match_itself() -> None:
    others = rule("others", RuleKind.APPROVE, within(None, "0.5"), OPERATOR)
    found = explain(at("0.3"), sealed([ONE_UP, others]))
    readings = {one.rule.id: (one.counts, one.words) for one in found.readings}
    assert readings == {
        "one-up": (
            True,
            "confidence is 0.3, not at least 0.5: it counts as it does at a higher confidence",
        ),
        "others": (True, "confidence 0.3"),
    }
    assert found.decision == decide(at("0.3"), sealed([ONE_UP, others]))


def test_explain_says_which_rule_takes_over() -> None:
    found = explain(at("0.5"), sealed([ONE_UP, TWO_LOW]))
    readings = {one.rule.id: (one.counts, one.words) for one in found.readings}
    assert readings["one-up"] == (False, "confidence 0.5: here `two-low` takes over from it")
    assert found.decision.rules == ("two-low",)


@pytest.mark.parametrize(
    ("rules", "where"),
    [
        ([TWO_LOW], "above 0.5"),
        ([AUTO, rule("one", RuleKind.APPROVE, within(None, "0.8"), ONE)], "between 0.8 and 0.9"),
    ],
)
def test_explain_says_where_further_up_nothing_is_permitted(rules: list[Rule], where: str) -> None:
    found = explain(at("0.3"), sealed(rules))
    words = f"at a confidence {where} no rule permits it, and less never lets more through"
    assert (found.decision.effect, found.notes) == (EffectKind.DENY, (words,))


def test_a_change_further_up_is_told_of_what_only_differs_below_too() -> None:
    alone = rule("alone", RuleKind.AUTO, within("0.9", None))
    below = rule("below", RuleKind.AUTO, within(None, "0.9"))
    unsure = rule("unsure", RuleKind.RAISE, within(None, "0.5"), ONE)
    found = difference(sealed([alone, below, unsure]), sealed([below, unsure])).differences
    assert {(one.change, one.rules) for one in found} == {(Change.TIGHTER, frozenset({"alone"}))}
    effects = {(one.before.effect, one.after.effect) for one in found}
    assert effects == {
        (effect, EffectKind.DENY) for effect in (EffectKind.AUTO, EffectKind.APPROVE)
    }


def test_whom_a_rule_goes_on_to_ask_by_a_change_of_another_counts_as_changed() -> None:
    severe = rule("a", RuleKind.APPROVE, within("0.5", None, severity=(Severity.SEV1,)), TWO)
    every = rule("b", RuleKind.APPROVE, within("0.5", None), TWO)
    old, new = sealed([severe, every, TWO_LOW]), sealed([every, TWO_LOW])
    assert said(decide(at("0.3"), old)) == "2 oncall + 2 oncall"
    assert said(decide(at("0.3"), new)) == "2 oncall"
    assert changed_rules(old, new) == {"a", "b"}
    lower = rule("two-low", RuleKind.APPROVE, within(None, "0.3"), TWO)
    assert changed_rules(new, sealed([every, lower])) == {"b", "two-low"}
    assert frozenset({"b"}) in {one.rules for one in difference(old, new).differences}
