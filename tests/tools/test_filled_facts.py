"""`docs/policies.md` against the tools: which facts the plan of each fills, and which none does."""

import re
from pathlib import Path

import pytest

from bot.clock import WallClock
from policies.facts import NO_TOOL, PLAN, Facts, said
from tests.tools import samples
from tools.base import AnyConnector, AnyWriteTool, Plan, WriteTool
from tools.catalogue import connector_types, placeholder
from tools.connectors.adplatform.wire import CHANNELS, UNKNOWN, channel_of
from tools.policy import Policy
from tools.reserving import currency_of

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "policies.md").read_text(encoding="utf-8")
CLOCK = WallClock()
KINDS: tuple[type[AnyConnector], ...] = (*connector_types(), Policy)
WRITERS: dict[str, AnyWriteTool] = {
    tool.name: tool
    for kind in KINDS
    for tool in placeholder(kind, CLOCK).tools()
    if isinstance(tool, WriteTool)
}
# Where a sample can't be drawn, or leaves out what may be given.
ALERT = {"alertname": "HighErrorRatio", "service": "checkout"}
CHANGE = {"version": "a" * 16, "sha256": "b" * 64, "replaces": "c" * 16}
GIVEN = {
    "alertmanager_silence": ALERT,
    "alertmanager_expire": ALERT,
    "policy_activate": CHANGE,
    "policy_loosen": CHANGE,
}


def facts_of(plan: Plan) -> dict[str, object]:
    """Return the facts that rules may find unknown and that come from a plan."""
    return {
        "service": plan.service,
        "channel": plan.channel,
        "currency": currency_of(plan),
        "daily_amount": plan.daily,
        "total_amount": plan.total,
        "exposure": plan.exposure,
        "absolute_change": plan.absolute_change,
        "percent_change": plan.percent_change,
        "replicas": plan.replicas,
        "capacity_percent": plan.capacity_percent,
        "blast_radius": plan.services_changed,
    }


def filled(name: str) -> list[str]:
    tool = WRITERS[name]
    params = tool.params.model_validate(GIVEN[name]) if name in GIVEN else None
    found = facts_of(samples.plan(tool, params)[0])
    return sorted(fact for fact, value in found.items() if value is not None)


def test_the_page_says_which_facts_the_plan_of_each_tool_fills() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ((?:`\w+`(?:, )?)+) \|$", PAGE, re.MULTILINE)
    listed = {tool: re.findall(r"`(\w+)`", facts) for tool, facts in rows if tool in WRITERS}
    assert listed == {name: filled(name) for name in sorted(WRITERS)}


def test_a_fact_is_said_to_come_from_a_plan_only_where_a_shipped_tool_fills_it() -> None:
    optional = {name for name, field in Facts.model_fields.items() if not field.is_required()}
    by_plan = {name for name in optional if said(name).by == PLAN}
    by_none = {name for name in optional if said(name).by == NO_TOOL}
    assert {fact for name in WRITERS for fact in filled(name)} == by_plan
    assert by_none == set(facts_of(Plan(title="", target="", preconditions=()))) - by_plan


@pytest.mark.parametrize("told", ["tv", "", "search ", None, 7, ["search"], "unknown"])
def test_a_channel_that_nobody_knows_is_no_fact(told: object) -> None:
    assert channel_of({"channel": told}) == UNKNOWN
    assert channel_of({}) == UNKNOWN
    assert {channel_of({"channel": known}) for known in CHANNELS} == CHANNELS
