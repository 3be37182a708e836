"""Rolling back what was done, and finding out what a killed process left."""

from dataclasses import replace
from datetime import timedelta

import pytest

from policies.approvals import Voter
from policies.loader import sealed
from policies.model import ProposalState
from tests.fakes.door import FakeDoor, asks_oncall, denies_everything
from tests.fakes.system import NEVER_S, Fault
from tests.fakes.values import ANA, BEN, action, caller, inverse, proposal
from tests.playground.shop.world import NOON
from tools.base import Refused, Unavailable
from tools.ports import Direction, Grant, LostLease, Outcome
from tools.runs import Again, Undo

BY_ANA = Grant(approvers=(ANA,))
UNDO = Undo(left={"value": "new"}, done_at=NOON, person=BEN)
AGAIN = Again(grant=BY_ANA)
FORWARD_KEY, INVERSE_KEY = "signoff-T-1-1-forward", "signoff-T-1-1-inverse"


@pytest.fixture
def door() -> FakeDoor:
    """Return a door behind which the action was done: the lamp is new."""
    made = FakeDoor()
    made.system.value = "new"
    made.directory.members = {"oncall": {ANA, BEN}}
    return made


async def roll_back(door: FakeDoor) -> Outcome:
    await door.execution.roll_back(proposal(), UNDO, caller())
    return door.outcome


async def reconcile(door: FakeDoor, direction: Direction = Direction.FORWARD) -> Outcome:
    undo = UNDO if direction is Direction.INVERSE else None
    await door.execution.reconcile(proposal(), direction, replace(AGAIN, undo=undo), caller())
    return door.outcome


async def test_what_was_done_is_undone_while_it_is_as_we_left_it(door: FakeDoor) -> None:
    outcome = await roll_back(door)
    assert (outcome.state, outcome.direction) == (ProposalState.ROLLED_BACK, Direction.INVERSE)
    assert door.system.value == "old"
    assert door.trail == ["memberships", "observe", "begin", "act", "settle"]
    (intent,) = door.journal.intents
    assert (intent.key, intent.on_behalf_of) == (INVERSE_KEY, BEN)


async def test_nothing_is_undone_once_somebody_else_changed_it(door: FakeDoor) -> None:
    door.system.value = "newer"
    outcome = await roll_back(door)
    assert (outcome.state, outcome.reason) == (None, "STATE_CHANGED")
    assert outcome.retry_s is None
    assert door.system.value == "newer"
    assert "begin" not in door.trail


async def test_its_window_is_kept_to_the_second(door: FakeDoor) -> None:
    door.clock.forward(3600)
    assert (await roll_back(door)).state is ProposalState.ROLLED_BACK
    late = FakeDoor()
    late.system.value = "new"
    late.directory.members = {"oncall": {BEN}}
    late.clock.forward(3601)
    outcome = await roll_back(late)
    assert (outcome.state, outcome.reason) == (None, "WINDOW_CLOSED")
    assert late.system.acted == []


async def test_who_left_the_group_meanwhile_undoes_nothing(door: FakeDoor) -> None:
    door.directory.members = {"oncall": {ANA}}
    outcome = await roll_back(door)
    assert (outcome.state, outcome.reason) == (None, "NOT_IN_GROUP")
    assert door.system.acted == []


@pytest.mark.parametrize("is_stale", [True, False])
async def test_a_group_that_cannot_be_read_makes_a_rollback_wait(
    door: FakeDoor, is_stale: bool
) -> None:
    if is_stale:
        door.directory.age_s = 61
    else:
        door.directory.unreadable = {"oncall"}
    outcome = await roll_back(door)
    assert (outcome.state, outcome.reason) == (None, "GROUP_UNREADABLE")
    assert outcome.retry_s is not None
    assert door.system.acted == []


@pytest.mark.parametrize(
    ("now", "reason", "waits"),
    [
        (Voter(id=BEN, is_deleted=True), "MAY_NOT_DECIDE", False),
        (Voter(id=BEN, is_guest=True), "MAY_NOT_DECIDE", False),
        (Voter(id=BEN, is_known=False), "PERSON_UNREADABLE", True),
    ],
)
async def test_who_may_decide_nothing_any_more_undoes_nothing(
    door: FakeDoor, now: Voter, reason: str, waits: bool
) -> None:
    door.directory.people = {BEN: now}
    outcome = await roll_back(door)
    assert (outcome.state, outcome.reason) == (None, reason)
    assert (outcome.retry_s is not None) is waits
    assert door.system.acted == []


async def test_a_freeze_does_not_block_a_rollback(door: FakeDoor) -> None:
    door.rules = sealed([asks_oncall(), denies_everything()])
    assert (await roll_back(door)).state is ProposalState.ROLLED_BACK


@pytest.mark.parametrize("when", [None, "observe"])
async def test_a_pause_does_block_a_rollback(door: FakeDoor, when: str | None) -> None:
    door.controls.paused = when is None
    door.controls.pauses_after = when
    outcome = await roll_back(door)
    assert (outcome.state, outcome.reason) == (None, "SIGNOFF_PAUSED")
    assert outcome.retry_s is not None
    assert "act" not in door.trail


async def test_what_has_no_inverse_is_not_undone(door: FakeDoor) -> None:
    final = proposal(action=action(inverse=None))
    await door.execution.roll_back(final, UNDO, caller())
    assert door.outcome.state is None
    assert door.outcome.retry_s is None
    assert "observe" not in door.trail


async def test_a_way_back_for_another_version_of_its_tool_is_not_taken(door: FakeDoor) -> None:
    other = inverse().model_copy(update={"tool_version": 2})
    await door.execution.roll_back(proposal(action=action(inverse=other)), UNDO, caller())
    assert (door.outcome.state, door.outcome.reason) == (None, "TOOL_GONE")
    assert "`fake_set` is version 1 now, not 2. It was not undone" in door.outcome.sentence
    assert door.outcome.retry_s is None
    assert door.system.acted == []


async def test_a_way_back_for_another_version_is_not_finished_either(door: FakeDoor) -> None:
    other = proposal(action=action(inverse=inverse().model_copy(update={"tool_version": 2})))
    await door.execution.reconcile(other, Direction.INVERSE, replace(AGAIN, undo=UNDO), caller())
    assert (door.outcome.state, door.outcome.reason) == (None, "STILL_UNKNOWN")
    assert door.system.acted == []


async def test_a_lost_lease_stops_a_rollback(door: FakeDoor) -> None:
    door.journal.lost = {"begin"}
    with pytest.raises(LostLease):
        await roll_back(door)
    assert "act" not in door.trail


@pytest.mark.parametrize(
    ("fault", "reason", "is_tried_again"),
    [
        (Refused("no", 409), "REFUSED_OUTSIDE", False),
        (Unavailable("answered 502"), "NO_CLEAR_ANSWER", True),
        (NEVER_S, "NO_CLEAR_ANSWER", True),
    ],
)
async def test_a_rollback_that_fails_leaves_the_proposal_as_it_is(
    door: FakeDoor, fault: Fault, reason: str, is_tried_again: bool
) -> None:
    door.system.faults["act"] = fault
    outcome = await roll_back(door)
    assert (outcome.state, outcome.reason) == (None, reason)
    assert (outcome.retry_s is not None) is is_tried_again


@pytest.mark.parametrize(
    ("direction", "state"),
    [(Direction.FORWARD, ProposalState.UNKNOWN), (Direction.INVERSE, None)],
)
async def test_an_intent_without_an_outcome_is_told_as_unknown(
    door: FakeDoor, direction: Direction, state: ProposalState | None
) -> None:
    await door.execution.forget(proposal(), direction, caller())
    assert (door.outcome.state, door.outcome.reason) == (state, "STOPPED_IN_THE_MIDDLE")
    assert door.trail == ["settle"]


async def test_what_is_found_done_is_not_done_again(door: FakeDoor) -> None:
    door.system.done[FORWARD_KEY] = "new"
    outcome = await reconcile(door)
    assert (outcome.state, outcome.reason) == (ProposalState.EXECUTED, "RECONCILED_DONE")
    assert outcome.left == {"value": "new"}
    assert door.trail == ["reconcile", "settle"]


async def test_what_is_surely_not_done_is_done_under_the_same_key_after_fresh_checks(
    door: FakeDoor,
) -> None:
    door.system.value = "old"
    outcome = await reconcile(door)
    assert outcome.state is ProposalState.EXECUTED
    assert door.trail[:2] == ["reconcile", "observe"]
    assert door.trail[-3:] == ["begin", "act", "settle"]
    assert [call.key for call in door.system.acted] == [FORWARD_KEY]


async def test_what_is_surely_not_done_is_not_done_on_another_state(door: FakeDoor) -> None:
    door.system.value = "newer"
    outcome = await reconcile(door)
    assert outcome.state is ProposalState.DRIFTED
    assert door.system.acted == []


async def test_what_is_surely_not_done_is_not_done_against_the_policy(door: FakeDoor) -> None:
    door.system.value = "old"
    door.rules = sealed([denies_everything()])
    assert (await reconcile(door)).state is ProposalState.DENIED
    assert door.system.acted == []


async def test_what_is_surely_not_done_is_not_done_too_late(door: FakeDoor) -> None:
    door.system.value = "old"
    door.clock.at = action().not_after
    assert (await reconcile(door)).state is ProposalState.EXPIRED
    assert door.system.acted == []


@pytest.mark.parametrize(
    "fault", [Unavailable("answered 503"), NEVER_S, Refused("answered 401", 401), KeyError("id")]
)
async def test_as_long_as_nobody_can_tell_nothing_is_done(door: FakeDoor, fault: Fault) -> None:
    door.system.faults["reconcile"] = fault
    outcome = await reconcile(door)
    assert (outcome.state, outcome.reason) == (None, "STILL_UNKNOWN")
    assert outcome.retry_s is not None
    assert door.trail == ["reconcile", "settle"]


async def test_while_paused_nobody_is_asked(door: FakeDoor) -> None:
    door.controls.paused = True
    assert (await reconcile(door)).reason == "SIGNOFF_PAUSED"
    assert door.trail == ["settle"]


async def test_an_unknown_rollback_is_found_or_done_again(door: FakeDoor) -> None:
    outcome = await reconcile(door, Direction.INVERSE)
    assert outcome.state is ProposalState.ROLLED_BACK
    assert [call.key for call in door.system.acted] == [INVERSE_KEY]
    other = FakeDoor()
    other.system.done[INVERSE_KEY] = "old"
    found = await reconcile(other, Direction.INVERSE)
    assert (found.state, found.reason) == (ProposalState.ROLLED_BACK, "RECONCILED_DONE")
    assert other.system.acted == []


async def test_an_unknown_rollback_is_not_done_again_on_another_state(door: FakeDoor) -> None:
    door.system.value = "newer"
    outcome = await reconcile(door, Direction.INVERSE)
    assert (outcome.state, outcome.reason) == (None, "STATE_CHANGED")
    assert door.system.acted == []


async def test_an_unknown_rollback_is_not_done_again_after_its_window(door: FakeDoor) -> None:
    door.clock.forward(7 * 24 * 3600)
    outcome = await reconcile(door, Direction.INVERSE)
    assert (outcome.state, outcome.reason, outcome.retry_s) == (None, "WINDOW_CLOSED", None)
    assert outcome.sentence.startswith("It was not undone: the time for that is over.")
    assert door.system.acted == []


async def test_an_unknown_rollback_is_not_done_again_for_who_left_the_group(
    door: FakeDoor,
) -> None:
    door.directory.members = {"oncall": {ANA}}
    outcome = await reconcile(door, Direction.INVERSE)
    assert (outcome.state, outcome.reason, outcome.retry_s) == (None, "NOT_IN_GROUP", None)
    assert outcome.sentence.startswith("It was not undone:")
    assert door.system.acted == []


async def test_an_unknown_rollback_that_happened_is_told_even_after_its_window(
    door: FakeDoor,
) -> None:
    door.system.done[INVERSE_KEY] = "old"
    door.clock.forward(7 * 24 * 3600)
    door.directory.members = {}
    outcome = await reconcile(door, Direction.INVERSE)
    assert (outcome.state, outcome.reason) == (ProposalState.ROLLED_BACK, "RECONCILED_DONE")
    assert door.system.acted == []


async def test_who_broke_the_glass_does_an_unknown_rollback_again(door: FakeDoor) -> None:
    door.directory.members = {"oncall": {ANA}, "break-glass": {BEN}}
    again = replace(AGAIN, undo=replace(UNDO, is_broken=True))
    await door.execution.reconcile(proposal(), Direction.INVERSE, again, caller())
    assert door.outcome.state is ProposalState.ROLLED_BACK


@pytest.mark.parametrize("is_again", [False, True])
async def test_a_rollback_begins_on_the_groups_as_they_were_read(
    door: FakeDoor, is_again: bool
) -> None:
    door.directory.age_s = 20
    await (reconcile(door, Direction.INVERSE) if is_again else roll_back(door))
    (intent,) = door.journal.intents
    assert intent.basis.read_at == NOON - timedelta(seconds=20)


async def test_a_rollback_on_groups_that_grew_old_meanwhile_waits(door: FakeDoor) -> None:
    door.journal.is_stale = True
    outcome = await roll_back(door)
    assert (outcome.state, outcome.reason) == (None, "GROUP_UNREADABLE")
    assert outcome.retry_s is not None
    assert door.system.acted == []


async def test_an_act_whose_answer_was_lost_happens_once(door: FakeDoor) -> None:
    door.system.value = "old"
    door.system.acts_before_failing = True
    door.system.faults["act"] = Unavailable("the connection broke")
    await door.execution.run(proposal(), BY_ANA, caller())
    assert door.outcome.state is ProposalState.UNKNOWN
    door.journal.outcomes.clear()
    found = await reconcile(door)
    assert (found.state, found.reason) == (ProposalState.EXECUTED, "RECONCILED_DONE")
    assert door.trail.count("act") == 1


async def test_without_the_people_an_unknown_is_not_done_again(door: FakeDoor) -> None:
    door.system.value = "old"
    nobody = replace(AGAIN, grant=Grant(approvers=()))
    await door.execution.reconcile(proposal(), Direction.FORWARD, nobody, caller())
    assert door.outcome.state is ProposalState.SUPERSEDED
    assert door.system.acted == []
