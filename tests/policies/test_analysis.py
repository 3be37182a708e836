"""Questions about a rule set: the matrix, and rules that nobody could satisfy."""

from dataclasses import replace

import pytest

from bot.policy import candidate
from policies.analysis import Known, Subject, matrix, unmatchable, unsatisfiable
from policies.engine import Asked, RuleKind, When
from policies.loader import sealed
from policies.model import ActionKind, EffectKind, Tier
from policies.vocabulary import Does
from tests.fakes.values import rule

ROLLBACK = Subject(
    tool="shop_rollback",
    tier=Tier.MEDIUM,
    action=ActionKind.ROLLBACK,
    agents=("incident",),
    is_reversible=True,
)
CREATE = Subject(
    tool="adplatform_create_campaign",
    tier=Tier.LOW,
    action=ActionKind.CREATE,
    agents=("campaign",),
    is_reversible=False,
)
STAGING = When(environment=("staging",))


def test_the_matrix_has_a_cell_for_each_agent_tool_and_place() -> None:
    agents = ["incident", "campaign"]
    cells = matrix(candidate(None), [ROLLBACK, CREATE], agents, ["staging", "production"])
    found = {(cell.agent, cell.tool, cell.environment): cell.decision for cell in cells}
    assert set(found) == {
        ("incident", "shop_rollback", "staging"),
        ("incident", "shop_rollback", "production"),
        ("campaign", "adplatform_create_campaign", "staging"),
        ("campaign", "adplatform_create_campaign", "production"),
    }
    assert found["incident", "shop_rollback", "staging"].rules == ("rollback-staging",)
    assert found["incident", "shop_rollback", "production"].clauses[0].n == 2


def test_a_tool_of_another_agent_has_no_cell() -> None:
    assert matrix(candidate(None), [ROLLBACK], ["campaign"], ["staging"]) == []


def test_an_environment_that_no_rule_names_is_shown_as_denied() -> None:
    (cell,) = matrix(candidate(None), [ROLLBACK], ["incident"], ["sandbox"])
    assert cell.decision.effect is EffectKind.DENY


@pytest.mark.parametrize(
    ("n", "sizes", "is_always"),
    [
        (1, {"oncall": 2}, None),
        (1, {"oncall": 1}, False),
        (1, {"oncall": 0}, True),
        (2, {"oncall": 1}, True),
        (2, {"oncall": 2}, False),
        (2, {"oncall": 3}, None),
        (1, {"sre": 5}, True),
    ],
)
def test_rules_that_nobody_could_satisfy_are_found(
    n: int, sizes: dict[str, int], is_always: bool | None
) -> None:
    asked = Asked(n=n, groups=("oncall",))
    found = unsatisfiable(sealed([rule("ask", RuleKind.APPROVE, STAGING, asked)]), sizes)
    assert [dead.is_always for dead in found] == ([] if is_always is None else [is_always])
    assert all("`ask`" in dead.words and "`oncall`" in dead.words for dead in found)


def test_a_lone_person_may_satisfy_a_rule_with_self_approval() -> None:
    asked = Asked(n=1, groups=("oncall",), self_approval=True)
    rules = sealed([rule("ask", RuleKind.APPROVE, STAGING, asked)])
    assert unsatisfiable(rules, {"oncall": 1}) == []


def test_a_group_that_is_asked_next_must_exist_too() -> None:
    asked = Asked(n=1, groups=("oncall",), then=("ghosts",))
    (dead,) = unsatisfiable(sealed([rule("ask", RuleKind.RAISE, STAGING, asked)]), {"oncall": 5})
    assert dead.is_always
    assert "`ghosts`" in dead.words


def test_a_rule_that_asks_nobody_is_never_dead() -> None:
    rules = sealed([rule("deny", RuleKind.DENY, STAGING)])
    assert unsatisfiable(rules, {}) == []


def test_with_the_groups_of_the_demo_every_shipped_rule_can_be_satisfied() -> None:
    sizes = {"oncall": 2, "operators": 1, "marketing": 2}
    assert [dead for dead in unsatisfiable(candidate(None), sizes) if dead.is_always] == []


KNOWN = Known(
    tools=("shop_rollback", "alertmanager_silence"),
    agents=("incident", "campaign"),
    environments=("staging", "production"),
    groups=("oncall", "operators"),
)
ONCALL = Asked(n=1, groups=("oncall",))
DOING = replace(
    KNOWN,
    does=(
        Does(tier=Tier.MEDIUM, action=ActionKind.ROLLBACK, platform="shop", agents=("incident",)),
        Does(
            tier=Tier.LOW, action=ActionKind.SILENCE, platform="alertmanager", agents=("incident",)
        ),
        Does(tier=Tier.LOW, action=ActionKind.CREATE, platform="ads", agents=("campaign",)),
    ),
)


@pytest.mark.parametrize(
    ("when", "is_always", "says"),
    [
        (When(tool=("shop_rolback",)), True, ("tool `shop_rolback`", "mean `shop_rollback`?")),
        (When(tool=("shop_rollback", "fly")), True, ("`fly`", "`alertmanager_silence`, `shop_")),
        (When(agent=("incidnt",)), True, ("agent `incidnt`", "did you mean `incident`?")),
        (When(environment=("prodution",)), False, ("`prodution`", "did you mean `production`?")),
        (When(requester_group=("onclal",)), True, ("signoff.yaml does not", "mean `oncall`?")),
        (When(environment=("moon",)), False, ("no service in signoff.yaml", "`production`, `sta")),
    ],
)
def test_a_rule_that_names_what_there_is_not_is_found(
    when: When, is_always: bool, says: tuple[str, str]
) -> None:
    for kind, asked in ((RuleKind.APPROVE, ONCALL), (RuleKind.DENY, None)):
        rules = sealed([rule("ask", kind, when, asked), rule("fine", RuleKind.AUTO, STAGING)])
        (dead,) = unmatchable(rules, KNOWN)
        assert dead.is_always is is_always
        assert all(part in dead.words for part in ("rule `ask`", *says))


def test_environments_and_groups_that_nobody_knows_yet_are_not_judged() -> None:
    when = When(environment=("moon",), requester_group=("crew",))
    nowhere = rule("ask", RuleKind.APPROVE, when, ONCALL)
    blind = Known(tools=KNOWN.tools, agents=KNOWN.agents, environments=None)
    assert unmatchable(sealed([nowhere]), blind) == []


@pytest.mark.parametrize(
    ("when", "is_idle"),
    [
        (When(action=(ActionKind.SEND,)), True),
        (When(action=(ActionKind.ROLLBACK,), tier=(Tier.LOW,)), True),
        (When(action=(ActionKind.ROLLBACK,), agent=("campaign",)), True),
        (When(action=(ActionKind.ROLLBACK,), platform=("alertmanager",)), True),
        (When(action=(ActionKind.SEND, ActionKind.ROLLBACK), tier=(Tier.MEDIUM,)), False),
        (When(agent=("campaign",)), False),
        (When(environment=("staging",), tainted=True), False),
    ],
)
def test_a_rule_about_what_no_tool_does_is_told_and_is_no_fault(
    when: When, *, is_idle: bool
) -> None:
    rules = sealed([rule("ask", RuleKind.DENY, when), rule("fine", RuleKind.AUTO, STAGING)])
    found = unmatchable(rules, DOING)
    assert [one.is_always for one in found] == ([False] if is_idle else [])
    assert all("rule `ask`: no tool" in one.words for one in found)


@pytest.mark.parametrize(
    ("then", "is_told"), [(("oncall",), True), (("oncall", "operators"), False), ((), False)]
)
def test_a_rule_that_asks_nobody_new_next_is_told(then: tuple[str, ...], *, is_told: bool) -> None:
    asked = Asked(n=1, groups=("oncall",), then=then)
    found = unmatchable(sealed([rule("ask", RuleKind.APPROVE, STAGING, asked)]), KNOWN)
    assert [one.is_always for one in found] == ([False] if is_told else [])
    assert all("rule `ask` asks next" in one.words for one in found)


def test_all_rules_about_what_no_tool_does_are_told_at_once() -> None:
    send = When(action=(ActionKind.SEND,))
    rules = sealed(
        [rule("fine", RuleKind.AUTO, STAGING), *(rule(n, RuleKind.DENY, send) for n in "ba")]
    )
    (found,) = unmatchable(rules, DOING)
    assert found.words.startswith("rules `a`, `b`: no tool")


def test_rules_that_permit_nothing_are_told_with_what_to_do() -> None:
    (dead,) = unmatchable(sealed([rule("deny", RuleKind.DENY, STAGING)]), KNOWN)
    assert dead.is_always
    assert "whatever writes is denied" in dead.words
    assert "SIGNOFF_POLICY_DIR" in dead.words
