"""Doing what was approved: the order of steps, and every way it can end."""

from datetime import timedelta

import pytest

from policies.engine import Asked
from policies.loader import sealed
from policies.model import ProposalState
from tests.fakes.door import FakeDoor, asks_oncall, denies_everything
from tests.fakes.system import NEVER_S, Fault
from tests.fakes.values import ANA, BEN, action, caller, clause, decision, proposal
from tools.base import Refused, Unavailable
from tools.ports import Direction, Grant, LostLease, Outcome

BY_ANA = Grant(approvers=(ANA,))

# What is passed before anything is begun.
CHECKED = ("state.observed", "signoff.checked", "baseline.measured")


@pytest.fixture
def door() -> FakeDoor:
    return FakeDoor()


async def run(door: FakeDoor, grant: Grant = BY_ANA) -> Outcome:
    await door.execution.run(proposal(), grant, caller())
    return door.outcome


async def test_everything_is_checked_before_the_intent_and_the_intent_stands_before_the_act(
    door: FakeDoor,
) -> None:
    outcome = await run(door)
    steps = ["observe", "memberships", "memberships", "read", "begin", "act", "settle"]
    assert door.trail == steps
    assert (outcome.state, outcome.reason, outcome.left) == (
        ProposalState.EXECUTED,
        "EXECUTED",
        {"value": "new"},
    )
    assert door.boundaries == [*CHECKED, "intent.written", "effect.done", "outcome.written"]


async def test_the_intent_names_key_system_baseline_and_who_signed(door: FakeDoor) -> None:
    await run(door)
    (intent,) = door.journal.intents
    assert (intent.key, intent.system, intent.direction) == (
        "signoff-T-1-1-forward",
        "fake",
        Direction.FORWARD,
    )
    assert (intent.baseline, intent.on_behalf_of) == ("old", ANA)
    (call,) = door.system.acted
    assert (call.key, call.on_behalf_of) == (intent.key, ANA)


async def test_a_changed_state_is_told_and_nothing_is_done(door: FakeDoor) -> None:
    door.system.value = "newer"
    outcome = await run(door)
    assert (outcome.state, outcome.reason) == (ProposalState.DRIFTED, "STATE_CHANGED")
    assert "`value` is `newer` now, not `old`" in outcome.sentence
    assert door.trail == ["observe", "settle"]


async def test_a_pause_holds_it_back_before_anything_is_called(door: FakeDoor) -> None:
    door.controls.paused = True
    outcome = await run(door)
    assert (outcome.state, outcome.reason) == (None, "SIGNOFF_PAUSED")
    assert outcome.retry_s is not None
    assert door.trail == ["settle"]


@pytest.mark.parametrize("step", ["observe", "memberships", "read"])
async def test_a_pause_in_the_middle_still_stops_before_the_act(door: FakeDoor, step: str) -> None:
    door.controls.pauses_after = step
    outcome = await run(door)
    assert (outcome.state, outcome.reason) == (None, "SIGNOFF_PAUSED")
    assert outcome.retry_s is not None
    assert "begin" not in door.trail
    assert "act" not in door.trail


async def test_a_pause_denied_by_rule_too_waits_and_is_not_refused(door: FakeDoor) -> None:
    door.rules = sealed([asks_oncall(), denies_everything()])
    door.controls.pauses_after = "observe"
    outcome = await run(door)
    assert (outcome.state, outcome.reason) == (None, "SIGNOFF_PAUSED")


async def test_a_policy_that_says_no_by_now_beats_the_sign_off(door: FakeDoor) -> None:
    door.rules = sealed([asks_oncall(), denies_everything()])
    outcome = await run(door)
    assert (outcome.state, outcome.reason) == (ProposalState.DENIED, "FROZEN")
    assert "`frozen`" in outcome.sentence
    assert door.trail == ["observe", "settle"]


async def test_rules_that_are_gone_deny(door: FakeDoor) -> None:
    door.rules = sealed([])
    outcome = await run(door)
    assert (outcome.state, outcome.reason) == (ProposalState.DENIED, "NO_RULE")
    assert "act" not in door.trail


async def test_an_approver_who_left_the_group_does_not_count_any_more(door: FakeDoor) -> None:
    door.directory.members = {"oncall": {BEN}}
    outcome = await run(door)
    assert (outcome.state, outcome.reason) == (ProposalState.SUPERSEDED, "SIGN_OFF_NOT_ENOUGH")
    assert "act" not in door.trail


async def test_nobody_s_sign_off_is_not_enough(door: FakeDoor) -> None:
    outcome = await run(door, Grant(approvers=()))
    assert (outcome.state, outcome.reason) == (ProposalState.SUPERSEDED, "SIGN_OFF_NOT_ENOUGH")


async def test_rules_that_ask_more_by_now_are_obeyed(door: FakeDoor) -> None:
    door.directory.members = {"oncall": {ANA, BEN}}
    door.rules = sealed([asks_oncall(n=2)])
    assert (await run(door)).reason == "SIGN_OFF_NOT_ENOUGH"


async def test_rules_that_ask_less_by_now_do_not_lower_what_the_card_asked(
    door: FakeDoor,
) -> None:
    door.directory.members = {"oncall": {ANA, BEN}}
    asked_two = proposal(decision=decision(clause(2, "oncall")))
    await door.execution.run(asked_two, BY_ANA, caller())
    assert door.outcome.reason == "SIGN_OFF_NOT_ENOUGH"


async def test_who_asked_does_not_count_even_if_their_approval_was_stored(door: FakeDoor) -> None:
    await door.execution.run(proposal(requesters=(ANA,)), BY_ANA, caller())
    assert door.outcome.reason == "SIGN_OFF_NOT_ENOUGH"
    assert "act" not in door.trail


@pytest.mark.parametrize(
    ("card", "now", "reason"),
    [(True, True, "EXECUTED"), (True, False, "SIGN_OFF_NOT_ENOUGH")],
    ids=["still allowed", "not allowed any more"],
)
async def test_self_approval_counts_only_while_the_rules_still_allow_it(
    door: FakeDoor, *, card: bool, now: bool, reason: str
) -> None:
    asked = Asked(n=1, groups=("oncall",), self_approval=now)
    door.rules = sealed([asks_oncall().model_copy(update={"asked": asked})])
    shown = decision(clause(1, "oncall"), self_approval=card)
    await door.execution.run(proposal(requesters=(ANA,), decision=shown), BY_ANA, caller())
    assert door.outcome.reason == reason


async def test_two_who_signed_are_enough_for_two(door: FakeDoor) -> None:
    door.directory.members = {"oncall": {ANA, BEN}}
    door.rules = sealed([asks_oncall(n=2)])
    outcome = await run(door, Grant(approvers=(ANA, BEN)))
    assert outcome.state is ProposalState.EXECUTED
    assert door.system.acted[0].on_behalf_of == f"{ANA}, {BEN}"


@pytest.mark.parametrize("is_stale", [True, False])
async def test_a_group_that_cannot_be_read_makes_it_wait(door: FakeDoor, is_stale: bool) -> None:
    if is_stale:
        door.directory.age_s = 61
    else:
        door.directory.unreadable = {"oncall"}
    outcome = await run(door)
    assert (outcome.state, outcome.reason) == (None, "GROUP_UNREADABLE")
    assert outcome.retry_s is not None
    assert "act" not in door.trail


async def test_the_intent_says_when_the_groups_it_rests_on_were_read(door: FakeDoor) -> None:
    door.directory.age_s = 40
    await run(door)
    assert door.journal.intents[0].basis.read_at == door.clock.now() - timedelta(seconds=40)


async def test_groups_that_grew_old_until_the_intent_make_it_wait(door: FakeDoor) -> None:
    door.journal.is_stale = True
    outcome = await run(door)
    assert (outcome.state, outcome.reason) == (None, "GROUP_UNREADABLE")
    assert outcome.retry_s is not None
    assert "act" not in door.trail


async def test_a_sign_off_that_is_too_old_does_nothing(door: FakeDoor) -> None:
    door.clock.at = action().not_after
    outcome = await run(door)
    assert (outcome.state, outcome.reason) == (ProposalState.EXPIRED, "TOO_LATE")
    assert door.trail == ["settle"]


async def test_a_sign_off_is_good_until_the_last_moment(door: FakeDoor) -> None:
    door.clock.at = action().not_after - timedelta(microseconds=1)
    assert (await run(door)).state is ProposalState.EXECUTED


async def test_a_no_from_outside_is_a_failure_in_which_nothing_was_done(door: FakeDoor) -> None:
    door.system.faults["act"] = Refused("answered 422: no such version", 422)
    outcome = await run(door)
    assert (outcome.state, outcome.reason) == (ProposalState.FAILED, "REFUSED_OUTSIDE")
    assert "no such version" in outcome.sentence
    assert outcome.retry_s is None


@pytest.mark.parametrize("fault", [Unavailable("answered 502"), NEVER_S, KeyError("version")])
async def test_silence_after_the_act_is_unknown_never_failed(door: FakeDoor, fault: Fault) -> None:
    door.system.faults["act"] = fault
    outcome = await run(door)
    assert (outcome.state, outcome.reason) == (ProposalState.UNKNOWN, "NO_CLEAR_ANSWER")
    assert "it may have happened" in outcome.sentence
    assert outcome.retry_s is not None
    assert door.boundaries == [*CHECKED, "intent.written", "outcome.written"]


@pytest.mark.parametrize(
    ("fault", "state", "reason"),
    [
        (Refused("answered 404", 404), ProposalState.FAILED, "REFUSED_OUTSIDE"),
        (Unavailable("answered 503"), None, "NO_ANSWER"),
        (NEVER_S, None, "NO_ANSWER"),
    ],
)
async def test_without_the_present_state_nothing_is_done(
    door: FakeDoor, fault: Fault, state: ProposalState | None, reason: str
) -> None:
    door.system.faults["observe"] = fault
    outcome = await run(door)
    assert (outcome.state, outcome.reason) == (state, reason)
    assert (outcome.retry_s is None) == (state is not None)
    assert "act" not in door.trail


async def test_a_lost_lease_stops_before_the_act(door: FakeDoor) -> None:
    door.journal.lost = {"begin"}
    with pytest.raises(LostLease):
        await door.execution.run(proposal(), BY_ANA, caller())
    assert "act" not in door.trail
    assert (door.journal.outcomes, door.system.acted) == ([], [])


async def test_a_lease_lost_after_the_act_is_not_hidden(door: FakeDoor) -> None:
    door.journal.lost = {"settle"}
    with pytest.raises(LostLease):
        await door.execution.run(proposal(), BY_ANA, caller())
    assert "outcome.written" not in door.boundaries


@pytest.mark.parametrize(
    "changes",
    [
        {"tool": "fake_gone"},
        {"tool": "fake_read"},
        {"tool_version": 2},
        {"parameters": {"name": "lamp", "before": "old", "to": "new", "force": True}},
        {"parameters": {"name": "lamp"}},
    ],
)
async def test_a_tool_that_changed_since_the_sign_off_is_not_called(
    door: FakeDoor, changes: dict[str, object]
) -> None:
    await door.execution.run(proposal(action=action(**changes)), BY_ANA, caller())
    assert (door.outcome.state, door.outcome.reason) == (ProposalState.FAILED, "TOOL_GONE")
    assert door.trail == ["settle"]


async def test_a_baseline_nobody_can_give_does_not_stop_the_action(door: FakeDoor) -> None:
    door.system.faults["read"] = Unavailable("answered 503")
    outcome = await run(door)
    assert outcome.state is ProposalState.EXECUTED
    assert door.journal.intents[0].baseline is None


async def test_a_measuring_tool_that_is_gone_does_not_stop_the_action(door: FakeDoor) -> None:
    effect = action().expected_effect
    assert effect is not None
    gone = action(expected_effect=effect.model_copy(update={"tool": "fake_gone"}))
    await door.execution.run(proposal(action=gone), BY_ANA, caller())
    assert door.outcome.state is ProposalState.EXECUTED
    assert door.journal.intents[0].baseline is None


async def test_no_secret_passes_into_an_outcome(door: FakeDoor) -> None:
    door.system.faults["act"] = Refused("wrong token correct-horse-battery", 403)
    assert "correct-horse" not in (await run(door)).sentence
