"""Completing facts: what is known is filled in, and whatever fails while deciding is a deny."""

from dataclasses import replace
from decimal import Decimal
from typing import NoReturn

import pytest

from policies.audit import EventKind
from policies.calendars import Calendar, Weekly
from policies.engine import Approved, RuleKind, RuleSet, When
from policies.facts import ActionKind
from policies.loader import sealed
from policies.model import Actor, ActorKind, EffectKind, Facts
from tests.fakes.door import FakeDoor, asks_oncall
from tests.fakes.values import ANA, BEN, caller, rule
from tools.deciding import FAILED, Deciding
from tools.gateway import Gateway
from tools.halts import Matter
from tools.ports import Draft
from tools.reserving import Scope

STAGING = When(environment=("staging",))
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ALWAYS = Calendar(
    name="always",
    zone="UTC",
    weekly=(Weekly.model_validate({"days": DAYS, "from": "00:00", "to": "24:00"}),),
)
SET = Draft(
    key="switch",
    tool="fake_set",
    parameters={"name": "lamp", "before": "old", "to": "new"},
    environment="staging",
)


async def considered(door: FakeDoor, requester: str | None = None) -> Facts:
    asked = caller()
    if requester is not None:
        asked = replace(asked, requester=Actor(kind=ActorKind.HUMAN, id=requester))
    facts = (await door.gateway.consider(SET, "T-1-1", asked)).facts
    assert facts is not None
    return facts


async def test_a_proposal_carries_the_facts_it_was_decided_on() -> None:
    facts = await considered(FakeDoor())
    assert (facts.agent, facts.tool, facts.environment) == ("incident", "fake_set", "staging")
    assert (facts.action, facts.platform, facts.tenant) == (ActionKind.TOGGLE, "fake", "default")
    assert (facts.reversible, facts.actions_last_hour) == (True, 0)
    assert (facts.confidence, facts.total_amount, facts.frozen) == (None, None, False)


async def test_the_calendars_of_the_rules_are_asked_for_the_time_of_the_clock() -> None:
    door = FakeDoor()
    assert (await considered(door)).calendars == frozenset()
    door.rules = sealed([asks_oncall()], [ALWAYS])
    assert (await considered(door)).calendars == frozenset({"always"})


async def test_the_requesters_groups_are_read_when_a_rule_asks_for_them() -> None:
    door = FakeDoor()
    door.directory.members = {"oncall": {ANA}, "sre": {ANA}}
    when = When(tool=("fake_set",), requester_group=("sre", "cto"))
    door.rules = sealed([asks_oncall(), rule("own", RuleKind.DENY, when)])
    assert (await considered(door, ANA)).requester_groups == frozenset({"sre"})
    assert (await considered(door, BEN)).requester_groups == frozenset()
    assert (await considered(door)).requester_groups == frozenset()
    door.directory.unreadable = {"cto"}
    # Not known is not nobody: the deny counts.
    assert (await considered(door, BEN)).requester_groups is None
    made = await door.gateway.consider(SET, "T-1-1", caller())
    assert made.decision.effect is EffectKind.APPROVE


async def test_groups_that_were_read_too_long_ago_permit_nothing() -> None:
    door = FakeDoor()
    door.directory.members = {"sre": {ANA}}
    when = When(tool=("fake_set",), requester_group=("sre",))
    door.rules = sealed([rule("own", RuleKind.APPROVE, when, asks_oncall().asked)])
    asked = replace(caller(), requester=Actor(kind=ActorKind.HUMAN, id=ANA))
    door.directory.age_s = 60
    assert (await door.gateway.consider(SET, "T-1-1", asked)).decision.effect is EffectKind.APPROVE
    door.directory.age_s = 61
    made = await door.gateway.consider(SET, "T-1-1", asked)
    assert (made.decision.effect, made.decision.reasons) == (EffectKind.DENY, ("NO_RULE",))


async def test_an_action_that_is_not_approved_is_denied_whatever_the_rules_say() -> None:
    door = FakeDoor()
    row = Approved(agent=("incident",), action=(ActionKind.ROLLBACK,), environment=("staging",))
    door.rules = sealed([asks_oncall()], approved=[row])
    made = await door.gateway.consider(SET, "T-1-1", caller())
    assert (made.decision.effect, made.decision.reasons) == (EffectKind.DENY, ("NOT_APPROVED",))


def no_rules() -> NoReturn:
    raise RuntimeError("the rules are gone: hunter2")


async def failing(door: FakeDoor) -> None:
    made = await door.gateway.consider(SET, "T-1-1", caller())
    assert (made.decision.effect, made.decision.reasons) == (EffectKind.DENY, (FAILED,))
    (event,) = door.journal.events
    assert (event.kind, event.decision) == (EventKind.DECISION_FAILED, EffectKind.DENY)
    assert (event.tools, event.reasons) == (("fake_set",), (FAILED,))


async def test_rules_that_can_not_be_had_deny_and_that_is_recorded() -> None:
    door = FakeDoor()
    door.gateway = Gateway(replace(door.gateway.parts, rules=no_rules))
    await failing(door)
    assert "the rules are gone" in door.journal.events[0].texts["fault"]


async def test_rules_that_break_while_they_are_asked_deny_and_that_is_recorded() -> None:
    door = FakeDoor()
    # A bound that nothing can be compared with: as no file can hold it, built past the checks.
    broken = STAGING.model_copy(update={"confidence": "high"})
    door.rules = sealed([asks_oncall()]).model_copy(
        update={"rules": (asks_oncall(), asks_oncall().model_copy(update={"when": broken}))}
    )
    await failing(door)


@pytest.mark.parametrize("confidence", ["1.5", "-0.1"])
async def test_facts_that_can_not_be_deny_and_that_is_recorded(confidence: str) -> None:
    door = FakeDoor()
    drafted = replace(SET, confidence=Decimal(confidence))
    made = await door.gateway.consider(drafted, "T-1-1", caller())
    assert (made.decision.effect, made.decision.reasons) == (EffectKind.DENY, (FAILED,))
    assert door.journal.events[0].kind is EventKind.DECISION_FAILED


async def test_a_read_is_denied_when_deciding_fails() -> None:
    door = FakeDoor()
    door.gateway = Gateway(replace(door.gateway.parts, rules=no_rules))
    found = await door.gateway.read("E1", "lamp", "fake_read", {"name": "lamp"}, caller())
    assert found.fault is not None
    assert "read" not in door.trail
    kinds = [event.kind for event in door.journal.events]
    assert kinds == [EventKind.DECISION_FAILED, EventKind.TOOL_DENIED]


async def test_a_switch_that_can_not_be_read_decides_nothing() -> None:
    class Blind:
        async def standing(self, matter: Matter) -> NoReturn:
            raise ConnectionError("no answer")

        async def counters(self, scope: Scope) -> NoReturn:
            raise AssertionError("never asked")

        async def usage(self, task_id: str) -> NoReturn:
            raise AssertionError("never asked")

    door = FakeDoor()
    parts = door.gateway.parts
    deciding = Deciding(
        catalogue=parts.catalogue,
        journal=parts.journal,
        controls=Blind(),
        directory=parts.directory,
        rules=lambda: RuleSet(rules=(), version="v"),
        clock=parts.clock,
    )
    tool = door.catalogue.writing("fake_set")
    plan = tool.plan(tool.params.model_validate(SET.parameters), {"value": "old"})
    with pytest.raises(ConnectionError):
        await deciding.write(tool, plan, SET, caller())
    assert door.journal.events == []
