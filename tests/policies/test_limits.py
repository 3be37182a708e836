"""Limits: whose numbers count, what is said when one is reached, and what a file may say."""

from decimal import Decimal

import pytest

from policies.engine import RuleSet
from policies.limitfile import limit_changes
from policies.limits import Ceiling, Counters, Limit, Limits, Usage
from policies.loader import PolicyError, load
from policies.model import Money
from policies.vocabulary import Vocabulary

VOCABULARY = Vocabulary(tools=["shop_rollback"], agents=["campaign", "incident"])

SHIPPED = """\
limits:
  default:
    task: {wall_s: 600, tool_calls: 100, tokens: 1000, money: 5.00 USD, retries: 3,
           open_proposals: 2}
    open_proposals: 5
    actions_an_hour: 20
    spend_change_a_day: {EUR: 500, USD: 400}
"""

OWN = """\
approved:
  - {agent: [incident], action: [rollback, create], environment: [staging, production, ads]}
limits:
  default:
    environments:
      production: {actions_an_hour: 8}
  incident:
    task:
      tool_calls: 50
    actions_an_hour: 10
    environments:
      staging: {actions_an_hour: 30}
  campaign:
    spend_change_a_day: {EUR: 99.50}
"""


def loaded(own: str = OWN) -> RuleSet:
    return load({"hard/limits.yaml": SHIPPED}, {"team.yaml": own}, {}, VOCABULARY)


def ceiling(agent: str, environment: str, own: str = OWN) -> Ceiling:
    limits = loaded(own).limits
    assert limits is not None
    return limits.ceiling(agent, environment)


def test_what_a_folder_does_not_name_is_as_shipped() -> None:
    found = ceiling("incident", "staging")
    assert (found.task.tool_calls, found.task.wall_s, found.task.retries) == (50, 600, 3)
    assert found.task.money == Money.parse("5.00 USD")
    assert ceiling("campaign", "ads").task.tool_calls == 100
    assert ceiling("somebody", "anywhere").open_proposals == 5


@pytest.mark.parametrize(
    ("agent", "environment", "most"),
    [
        ("incident", "staging", 30),
        ("incident", "ads", 10),
        # Its own number, and that of production for everybody: the stricter one.
        ("incident", "production", 8),
        ("campaign", "production", 8),
        ("campaign", "ads", 20),
    ],
)
def test_the_most_exact_number_counts(agent: str, environment: str, most: int) -> None:
    assert ceiling(agent, environment).actions_an_hour == most


def test_a_currency_that_is_not_named_has_no_allowance() -> None:
    found = ceiling("campaign", "ads")
    assert found.of_action(Counters(), Money.parse("99.50 EUR")) is None
    for too_much in ("99.51 EUR", "0.01 USD", "1 JPY"):
        reached = found.of_action(Counters(), Money.parse(too_much))
        assert reached is not None, too_much
        assert reached.limit is Limit.SPEND_CHANGE_A_DAY
    assert found.of_action(Counters(), None) is None


def test_what_was_raised_before_counts_and_may_reach_the_limit_exactly() -> None:
    found, before = ceiling("incident", "ads"), Counters(spend_change_today=Decimal("400.01"))
    assert found.of_action(before, Money.parse("99.99 EUR")) is None
    assert found.of_action(before, Money.parse("100.00 EUR")) is not None


@pytest.mark.parametrize(
    ("usage", "limit"),
    [
        (Usage(tool_calls=49, worked_s=599.9), None),
        (Usage(tool_calls=50), Limit.TOOL_CALLS),
        (Usage(worked_s=600.0), Limit.WALL_S),
    ],
)
def test_a_task_may_use_what_its_limits_say_and_no_more(usage: Usage, limit: Limit | None) -> None:
    reached = ceiling("incident", "staging").of_task(usage)
    assert (None if reached is None else reached.limit) is limit


@pytest.mark.parametrize(
    ("usage", "limit"),
    [
        (Usage(tokens=999, money={"USD": Decimal("4.9999")}), None),
        (Usage(tokens=1000), Limit.TOKENS),
        (Usage(money={"USD": Decimal("5.00")}), Limit.MONEY),
        # Nobody has said how many euros are too many.
        (Usage(money={"EUR": Decimal("0.01")}), Limit.MONEY),
    ],
)
def test_a_model_is_asked_only_within_tokens_and_money(usage: Usage, limit: Limit | None) -> None:
    reached = ceiling("incident", "staging").of_model(usage)
    assert (None if reached is None else reached.limit) is limit


def test_no_money_at_all_means_that_no_model_is_asked() -> None:
    own = OWN.replace("tool_calls: 50", "money: 0 USD")
    reached = ceiling("incident", "staging", own).of_model(Usage())
    assert reached is not None
    assert reached.limit is Limit.MONEY


def test_a_task_may_fail_as_often_as_its_limit_says() -> None:
    found = ceiling("incident", "staging")
    assert found.of_retries(Usage(retries=3)) is None
    assert found.of_retries(Usage(retries=4)) is not None


def test_proposals_of_a_task_and_of_its_agent_are_limited_apart() -> None:
    found = ceiling("incident", "staging")
    assert found.of_proposals(1, 4) is None
    of_task, of_agent = found.of_proposals(2, 4), found.of_proposals(1, 5)
    assert of_task is not None
    assert of_agent is not None
    assert (of_task.is_of_task, of_agent.is_of_task) == (True, False)


def test_what_is_said_names_the_limit_its_value_and_what_to_do() -> None:
    reached = ceiling("incident", "staging").of_task(Usage(tool_calls=50))
    assert reached is not None
    assert reached.reason == "LIMIT_TOOL_CALLS"
    assert reached.sentence == (
        "The limit `tool_calls` of a task of `incident` is reached: 50 tool calls (50 used). Take"
        " over by hand, or ask again with a new task; the number stands under `limits` in the"
        " rules."
    )
    full = Counters(agent_actions_last_hour=30)
    hourly = ceiling("incident", "staging").of_action(full, None)
    assert hourly is not None
    assert "`actions_an_hour` of `incident` in `staging` is reached: 30 actions" in hourly.sentence


def test_limits_are_part_of_the_version_and_are_kept_with_the_rules() -> None:
    before, after = loaded(), loaded(OWN.replace("tool_calls: 50", "tool_calls: 51"))
    assert before.version != after.version
    assert RuleSet.model_validate_json(before.model_dump_json()) == before
    assert load({}, {}, {}).limits is None


def test_a_change_says_what_is_looser() -> None:
    looser = OWN.replace("tool_calls: 50", "tool_calls: 60").replace("99.50", "99.00")
    changed = limit_changes(loaded().limits, loaded(looser).limits)
    said = {(one.agent, one.environment, one.limit): one.is_looser for one in changed}
    assert said[("incident", None, "task.tool_calls")] is True
    assert said[("campaign", None, "spend_change_a_day in EUR")] is False
    assert limit_changes(loaded().limits, loaded().limits) == []
    # Without a limit everything may be used.
    assert any(one.is_looser for one in limit_changes(loaded().limits, None))
    other = OWN.replace("{EUR: 99.50}", "{EUR: 99.50, USD: 1}")
    (usd,) = [
        one
        for one in limit_changes(loaded().limits, loaded(other).limits)
        if one.environment is None
    ]
    assert (usd.before, usd.after, usd.is_looser) == (Decimal(0), Decimal(1), True)


# What stands in the sound file, what is written instead, the line to blame, and what is said.
TYPOS: dict[str, tuple[str, str, int, str]] = {
    "section": ("limits:\n", "limit:\n", 3, "did you mean `limits`?"),
    "field": ("tool_calls: 50", "toolcalls: 50", 9, "did you mean `tool_calls`?"),
    "field of an agent": (
        "    actions_an_hour: 10",
        "    actions_per_hour: 10",
        10,
        "`actions_an_hour`?",
    ),
    "field of an environment": (
        "staging: {actions_an_hour: 30}",
        "staging: {actions_an_hours: 30}",
        12,
        "did you mean `actions_an_hour`?",
    ),
    "agent": (
        "  incident:\n",
        "  incidnet:\n",
        7,
        "there is no agent `incidnet`; did you mean `incident`?",
    ),
    "environment": ("staging: {actions", "stagin: {actions", 12, "did you mean `staging`?"),
    "word for a number": ("tool_calls: 50", "tool_calls: many", 9, "`many` is no whole number"),
    "half a call": ("tool_calls: 50", "tool_calls: 1.5", 9, "no whole number"),
    "no call at all": ("tool_calls: 50", "tool_calls: 0", 9, "write 1 or more"),
    "fewer than none": (
        "actions_an_hour: 10",
        "actions_an_hour: -1",
        10,
        "write 0 or more",
    ),
    "true for a number": ("tool_calls: 50", "tool_calls: true", 9, "`true` is no whole number"),
    "quoted number": ("tool_calls: 50", 'tool_calls: "50"', 9, "`50` is no whole number"),
    "no value": ("tool_calls: 50", "tool_calls:", 9, "it has no value"),
    "no limits in a task": ("      tool_calls: 50\n", "      {}\n", 8, "it limits nothing"),
    "no limits of an agent": (
        "  campaign:\n    spend_change_a_day: {EUR: 99.50}\n",
        "  campaign: {}\n",
        13,
        "it limits nothing",
    ),
    "no limits": (OWN[OWN.index("  default:") :], "  {}\n", 3, "too_short|at least|empty"),
    "limit twice": (
        "      tool_calls: 50\n",
        "      tool_calls: 50\n      tool_calls: 5\n",
        10,
        "twice",
    ),
    "agent twice": ("  campaign:\n", "  incident:\n", 13, "twice"),
    "currency": ("{EUR: 99.50}", "{eur: 99.50}", 14, "like `EUR`"),
    "fraction of a cent": ("{EUR: 99.50}", "{EUR: 99.505}", 14, "EUR has 2 digits"),
    "spending below nothing": ("{EUR: 99.50}", "{EUR: -1}", 14, "from 0"),
    "amount with its currency": ("{EUR: 99.50}", "99.50 EUR", 14, "write fields here"),
    "no currency named": ("{EUR: 99.50}", "{}", 14, "empty"),
    "money without a currency": ("tool_calls: 50", "money: 5", 9, "write"),
    "money with a symbol": ("tool_calls: 50", "money: $5", 9, "is not an amount"),
    "money in fractions": ("tool_calls: 50", "money: 5.555 USD", 9, "USD has 2 digits"),
    "no environments": ("      staging: {actions_an_hour: 30}\n", "      {}\n", 11, "it is empty"),
}


@pytest.mark.parametrize("name", TYPOS)
def test_a_typo_in_the_limits_keeps_the_rules_from_loading(name: str) -> None:
    right, wrong, line, says = TYPOS[name]
    assert OWN.count(right) >= 1
    with pytest.raises(PolicyError) as caught:
        loaded(OWN.replace(right, wrong, 1))
    told = [problem for problem in caught.value.problems if problem.line == line]
    assert any(part in problem.message for problem in told for part in says.split("|")), (
        caught.value
    )


def test_an_agent_whose_limits_stand_in_two_files_is_refused() -> None:
    more = "limits:\n  incident: {actions_an_hour: 1}\n"
    with pytest.raises(PolicyError, match=r"b\.yaml:2: limits: `incident` is taken by a\.yaml:7"):
        load({}, {"a.yaml": OWN, "b.yaml": more}, {}, VOCABULARY)


def test_without_limits_there_are_none() -> None:
    nothing = Limits(agents={}).ceiling("incident", "staging")
    huge = Usage(tool_calls=10**6, tokens=10**9, worked_s=1e9, money={"USD": Decimal(10**6)})
    assert nothing.of_task(huge) is None
    assert nothing.of_model(huge) is None
    assert nothing.of_action(Counters(agent_actions_last_hour=10**6), Money.parse("1 EUR")) is None
