"""Whose sign-off counts at the execution: never less than asked, and the next groups once asked."""

import pytest

from policies.engine import Asked, RuleKind, When
from policies.loader import sealed
from policies.model import Clause, ProposalState
from tests.fakes.door import FakeDoor, asks_oncall
from tests.fakes.values import ANA, BEN, MIA, caller, decision, proposal, rule
from tools.ports import Grant, Outcome

THEN = Clause(rule="ask-oncall", n=1, groups=("oncall",), then=("sre",))
NEXT = Asked(n=1, groups=("oncall",), then=("sre",))


@pytest.fixture
def door() -> FakeDoor:
    """A door whose rules ask `sre` next."""
    found = FakeDoor()
    found.directory.members = {"oncall": {ANA}, "sre": {BEN}}
    found.rules = sealed([rule("ask-oncall", RuleKind.APPROVE, When(tool=("fake_set",)), NEXT)])
    return found


async def run(door: FakeDoor, *approvers: str, is_widened: bool) -> Outcome:
    """Execute what these people signed off."""
    grant = Grant(approvers=approvers, is_widened=is_widened)
    await door.execution.run(proposal(decision=decision(THEN)), grant, caller())
    return door.outcome


async def test_the_next_group_counts_once_it_was_asked(door: FakeDoor) -> None:
    assert (await run(door, BEN, is_widened=True)).state is ProposalState.EXECUTED


async def test_the_next_group_counts_for_nothing_before_it_was_asked(door: FakeDoor) -> None:
    assert (await run(door, BEN, is_widened=False)).reason == "SIGN_OFF_NOT_ENOUGH"


async def test_rules_that_name_no_next_group_by_now_do_not_count_its_answer(door: FakeDoor) -> None:
    door.rules = sealed([asks_oncall()])
    assert (await run(door, BEN, is_widened=True)).reason == "SIGN_OFF_NOT_ENOUGH"


async def test_somebody_of_neither_group_counts_for_nothing(door: FakeDoor) -> None:
    assert (await run(door, MIA, is_widened=True)).reason == "SIGN_OFF_NOT_ENOUGH"


async def test_who_left_the_next_group_does_not_count_any_more(door: FakeDoor) -> None:
    door.directory.members["sre"] = set()
    assert (await run(door, BEN, is_widened=True)).reason == "SIGN_OFF_NOT_ENOUGH"


async def test_a_next_group_that_can_not_be_read_stops_nothing_that_is_signed_off_already(
    door: FakeDoor,
) -> None:
    door.directory.unreadable = {"sre"}
    assert (await run(door, ANA, is_widened=True)).state is ProposalState.EXECUTED


async def test_a_next_group_that_can_not_be_read_holds_back_what_needs_it(door: FakeDoor) -> None:
    door.directory.unreadable = {"sre"}
    outcome = await run(door, BEN, is_widened=True)
    assert (outcome.state, outcome.reason) == (None, "GROUP_UNREADABLE")
    assert "`sre`" in outcome.sentence
