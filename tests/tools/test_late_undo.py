"""The way back of every tool after its window: the shipped rules ask for it, and never deny it."""

from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import product

import pytest

from bot.clock import WallClock
from bot.policy import candidate
from policies.lockout import POLICY_AGENT, POLICY_ENVIRONMENT
from policies.model import Decision, EffectKind, Mode
from tests.fakes.door import FakeDoor
from tests.fakes.values import caller
from tests.tools import samples
from tools.base import AnyConnector, AnyWriteTool, Parameters, Plan
from tools.catalogue import Catalogue, connector_types, placeholder
from tools.deciding import Deciding
from tools.policy import LOOSER, TIGHTER, ChangeParameters, Policy
from tools.ports import Draft

KINDS: tuple[type[AnyConnector], ...] = (*connector_types(), Policy)
CATALOGUE = Catalogue([placeholder(kind, WallClock()) for kind in KINDS])
SHIPPED = candidate(None)
ENVIRONMENTS = sorted(
    {place for row in SHIPPED.approved or () for place in row.environment} | {POLICY_ENVIRONMENT}
)
DRAFT = Draft(key="any", tool="any", parameters={}, environment="staging")
CHANGE = ChangeParameters(version="a" * 16, sha256="b" * 64, replaces="c" * 16)


@dataclass(frozen=True, kw_only=True)
class Way:
    """A tool with a plan that can be undone, and what undoes it."""

    tool: AnyWriteTool
    plan: Plan
    back: AnyWriteTool
    plan_back: Plan


def planned(tool: AnyWriteTool, params: Parameters | None = None) -> Plan:
    """Return a plan of a tool, from whatever state it accepts."""
    if tool.agents != (POLICY_AGENT,):
        return samples.plan(tool, params)[0]
    # Its parameters name versions, which nobody finds by trying.
    change = params or CHANGE
    assert isinstance(change, ChangeParameters)
    found = {"active": change.replaces, "digest": "d" * 64}
    found |= dict.fromkeys(("words", "first", "warning"), "none")
    kind = LOOSER if "loosen" in tool.name else TIGHTER
    return tool.plan(change, {**found, "change": kind})


def ways() -> list[Way]:
    """Return every tool whose plan has an inverse."""
    found = []
    for tool in CATALOGUE.writers():
        plan = planned(tool)
        if plan.inverse is not None:
            back = CATALOGUE.writing(plan.inverse.tool)
            params = back.params.model_validate(plan.inverse.parameters)
            found.append(Way(tool=tool, plan=plan, back=back, plan_back=planned(back, params)))
    return found


WAYS = ways()


async def decided(tool: AnyWriteTool, plan: Plan, draft: Draft, mode: Mode) -> Decision:
    """Return what the shipped rules say, on the facts that the gateway itself completes."""
    door = FakeDoor()
    door.controls.modes = {draft.environment: mode}
    deciding = Deciding(
        catalogue=CATALOGUE,
        journal=door.journal,
        controls=door.controls,
        directory=door.directory,
        rules=lambda: SHIPPED,
        clock=door.clock,
    )
    asked = caller(agent=tool.agents[0], environment=draft.environment)
    made = (await deciding.write(tool, plan, draft, asked)).decision
    assert not door.journal.events, "deciding failed"
    return made


def test_the_ways_back_that_there_are() -> None:
    assert {(way.tool.name, way.back.name) for way in WAYS} == {
        ("adplatform_activate_campaign", "adplatform_pause_campaign"),
        ("adplatform_pause_campaign", "adplatform_activate_campaign"),
        ("alertmanager_silence", "alertmanager_expire"),
        ("policy_activate", "policy_loosen"),
        ("policy_loosen", "policy_loosen"),
        ("shop_rollback", "shop_rollback"),
    }


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.tool.name)
async def test_what_the_shipped_rules_let_through_can_be_proposed_to_undo(way: Way) -> None:
    let_through = set()
    sure = (None, Decimal("0.3"), Decimal("0.95"))
    for place, mode, confidence in product(ENVIRONMENTS, (Mode.APPROVE, Mode.AUTO), sure):
        draft = replace(DRAFT, environment=place, confidence=confidence)
        done = await decided(way.tool, way.plan, draft, mode)
        if done.effect is EffectKind.DENY:
            continue
        let_through.add(place)
        # As a person asks for it: nobody says how sure they are.
        late = replace(draft, confidence=None)
        asked = await decided(way.back, way.plan_back, late, mode)
        case = f"{place}, {mode}, {confidence}: {asked}"
        assert asked.effect is EffectKind.APPROVE, case
        groups = {name for clause in done.clauses for name in clause.groups}
        assert groups <= {name for one in asked.clauses for name in one.groups}, case
        assert sum(one.n for one in asked.clauses) >= sum(one.n for one in done.clauses), case
    assert let_through, "no rule lets it through anywhere"


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.tool.name)
async def test_a_way_back_is_no_way_around_what_the_rules_deny(way: Way) -> None:
    for place in ENVIRONMENTS:
        draft = replace(DRAFT, environment=place)
        if (await decided(way.tool, way.plan, draft, Mode.APPROVE)).effect is EffectKind.DENY:
            asked = await decided(way.back, way.plan_back, draft, Mode.APPROVE)
            assert asked.effect is EffectKind.DENY, place
        watched = await decided(way.back, way.plan_back, draft, Mode.OBSERVE)
        assert watched.effect is EffectKind.DENY, place
