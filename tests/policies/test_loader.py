"""Loading a rule set: the shipped one, its own test cases, and what keeps a set from loading."""

from decimal import Decimal
from pathlib import Path

import pytest

from bot.policy import OWN, SHIPPED, candidate, hard_rules
from policies.engine import RuleKind, decide
from policies.loader import PolicyError, load
from policies.model import ActionKind, EffectKind, Mode, Tier
from tests.fakes.values import facts

TEAM = """\
rules:
  - id: ask-oncall
    effect: {approve: {n: 1, groups: [oncall]}}
    reason: ASKED
    when: {tool: [shop_rollback]}
"""
CASES = """\
cases:
  - name: one is asked
    facts: {tool: shop_rollback}
    expect: {effect: approve, groups: [oncall], rules: [ask-oncall]}
  - name: nothing else is allowed
    facts: {tool: shop_deploy}
    expect: {effect: deny}
"""


def shipped(folder: str) -> dict[str, str]:
    found = sorted((SHIPPED / folder).glob("*.yaml"))
    return {path.name: path.read_text(encoding="utf-8") for path in found}


def test_the_shipped_rules_load_and_pass_their_own_cases() -> None:
    rules = candidate(None)
    assert {rule.id for rule in rules.rules if rule.is_hard} == {
        "kill-switch",
        "frozen",
        "observe-only",
        "too-many-actions",
        "policy-change",
        "policy-loosening",
    }
    assert len(rules.rules) == len({rule.id for rule in rules.rules})


def test_every_shipped_case_is_really_run() -> None:
    text, files = shipped("tests")["shipped.yaml"], shipped("rules")
    hard = {name: files.pop(name) for name in OWN}
    expected = [at for at, line in enumerate(text.splitlines()) if "expect:" in line]
    for first in range(0, len(expected), 50):
        # Some at a time: only so many mistakes are told.
        turned = expected[first : first + 50]
        with pytest.raises(PolicyError) as failed:
            load(hard, files, {"shipped.yaml": _with_expectations_turned(text, turned)})
        assert len(failed.value.problems) == len(turned)
        assert all("expected" in problem.message for problem in failed.value.problems)


def _with_expectations_turned(text: str, places: list[int]) -> str:
    lines = text.splitlines()
    for place in places:
        lines[place] = "    expect: {effect: auto, rules: [nobody]}"
    return "\n".join(lines)


def test_what_is_shipped_acts_without_a_person_on_the_lowest_rung_only() -> None:
    (free,) = [rule for rule in candidate(None).rules if rule.kind is RuleKind.AUTO]
    assert free.when.tier == (Tier.LOW,)
    assert free.when.reversible is True
    assert set(free.when.environment or ()) == {"sandbox", "staging"}
    assert free.asked is not None, "held back, it asks"
    # Nowhere else, and only in the mode that an operator chose.
    sure = facts(tool="alertmanager_silence", action=ActionKind.SILENCE, tier=Tier.LOW)
    sure = sure.model_copy(update={"confidence": Decimal("0.95"), "calendars": frozenset()})
    for mode in Mode:
        found = decide(sure.model_copy(update={"mode": mode}), candidate(None))
        assert (found.effect is EffectKind.AUTO) is (mode is Mode.AUTO)


@pytest.mark.parametrize("tier", [Tier.LOW, Tier.MEDIUM, Tier.HIGH])
def test_observing_executes_nothing_of_any_risk(tier: Tier) -> None:
    for tool in ("shop_rollback", "alertmanager_silence"):
        found = decide(facts(tool=tool, tier=tier, mode=Mode.OBSERVE), candidate(None))
        assert (found.effect, found.rules) == (EffectKind.DENY, ("observe-only",))


def test_a_currency_that_no_rule_names_is_denied() -> None:
    found = decide(
        facts(
            agent="campaign",
            tool="adplatform_activate_campaign",
            action=ActionKind.ACTIVATE,
            environment="ads",
            currency="TWD",
            exposure=Decimal(10),
            calendars=frozenset(),
        ),
        candidate(None),
    )
    assert (found.effect, found.reasons) == (EffectKind.DENY, ("NO_RULE",))


def test_a_rule_set_that_fails_its_own_test_does_not_load() -> None:
    weaker = TEAM.replace("n: 1", "n: 2").replace("oncall]}}", "everybody]}}")
    assert load({}, {"team.yaml": TEAM}, {"cases.yaml": CASES}).rules
    with pytest.raises(PolicyError) as caught:
        load({}, {"team.yaml": weaker}, {"cases.yaml": CASES})
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == ("cases.yaml", 2)
    assert "one is asked" in problem.message
    assert "everybody" in problem.message


@pytest.mark.parametrize(
    ("right", "wrong", "line"),
    [
        ("rules: [ask-oncall]", "rules: [ask-someone]", 2),
        ("groups: [oncall]", "groups: [oncall, sre]", 2),
        ("effect: deny", "effect: approve", 5),
        ("effect: deny", "effect: maybe", 7),
        ("tool: shop_deploy", "tool: shop_deploy, weekday: monday", 6),
        ("{tool: shop_deploy}", "{tool: shop_deploy, severity: SEV9}", 6),
        ("{tool: shop_deploy}", "{}", 6),
        ("cases:", "cases: []\nothers:", 1),
    ],
)
def test_a_wrong_case_keeps_the_set_from_loading(right: str, wrong: str, line: int) -> None:
    with pytest.raises(PolicyError) as caught:
        load({}, {"team.yaml": TEAM}, {"cases.yaml": CASES.replace(right, wrong, 1)})
    assert line in {problem.line for problem in caught.value.problems}, caught.value


def test_an_id_taken_in_another_file_is_refused_naming_both_places() -> None:
    with pytest.raises(PolicyError, match=r"^b\.yaml:2: .*a\.yaml:2$"):
        load({}, {"a.yaml": TEAM, "b.yaml": TEAM}, {})


def test_a_hard_rule_cannot_be_replaced_by_a_soft_one_of_its_name() -> None:
    soft = TEAM.replace("ask-oncall", "kill-switch")
    with pytest.raises(PolicyError, match="kill-switch"):
        load({"hard.yaml": shipped("rules")["hard.yaml"]}, {"soft.yaml": soft}, {})


def test_the_hard_rules_load_whatever_the_folder_holds(tmp_path: Path) -> None:
    (tmp_path / "team.yaml").write_text(TEAM, encoding="utf-8")
    rules = candidate(tmp_path)
    hard = {rule.id for rule in hard_rules().rules}
    assert {rule.id for rule in rules.rules} == hard | {"ask-oncall"}
    (tmp_path / "hard.yaml").write_text(TEAM.replace("ask-oncall", "mine"), encoding="utf-8")
    with pytest.raises(PolicyError, match=r"^hard\.yaml:1: .*leave it out"):
        candidate(tmp_path)


def test_without_any_rule_everything_is_denied(tmp_path: Path) -> None:
    assert decide(facts(), candidate(tmp_path)).effect is EffectKind.DENY


def test_the_version_names_the_content_not_the_layout() -> None:
    first = load({}, {"a.yaml": TEAM}, {})
    spaced = load({}, {"renamed.yaml": "# a comment\n\n" + TEAM}, {"c.yaml": CASES})
    changed = load({}, {"a.yaml": TEAM.replace("n: 1", "n: 2")}, {})
    assert first.version == spaced.version != changed.version


def test_a_raise_and_an_auto_are_read_with_their_people() -> None:
    text = """\
rules:
  - {id: more, effect: {raise: {n: 2, groups: [sre], then: [cto]}}, reason: A, when: {tier: [low]}}
  - {id: free, effect: {auto: true}, reason: B, when: {tier: [low]}}
  - id: held
    effect: {auto: {otherwise: {n: 1, groups: [oncall]}}}
    reason: C
    when: {tier: [low]}
"""
    more, free, held = sorted(load({}, {"t.yaml": text}, {}).rules, key=lambda rule: rule.reason)
    assert more.kind is RuleKind.RAISE
    assert more.asked is not None
    assert (more.asked.n, more.asked.then) == (2, ("cto",))
    assert (free.kind, free.asked) == (RuleKind.AUTO, None)
    assert held.asked is not None
    assert held.asked.groups == ("oncall",)


LENIENT = "{n: 1, groups: [oncall], self_approval: true}"


@pytest.mark.parametrize("kind", ["approve: ", "raise: ", "auto: {otherwise: "])
@pytest.mark.parametrize(
    ("when", "loads"),
    [
        ("tool: [shop_rollback], environment: [staging]", True),
        ("environment: [staging, sandbox]", True),
        ("environment: [staging, production]", False),
        ("environment: [production]", False),
        ("tool: [shop_rollback]", False),
    ],
)
def test_self_approval_is_for_sandbox_and_staging_only(kind: str, when: str, loads: bool) -> None:
    effect = "{" + kind + LENIENT + "}" * kind.count("{") + "}"
    text = f"rules:\n  - id: lenient\n    effect: {effect}\n    reason: R\n    when: {{{when}}}\n"
    if loads:
        assert load({}, {"team.yaml": text}, {}).rules[0].asked is not None
        return
    with pytest.raises(PolicyError) as refused:
        load({}, {"team.yaml": text}, {})
    (problem,) = refused.value.problems
    assert str(problem).startswith("team.yaml:2: lenient: effect: `self_approval: true` is for")
    assert "`environment: [sandbox, staging]`" in problem.message
