"""A task's states: how they follow from its proposals, and that each step is legal."""

from itertools import combinations_with_replacement, product

import pytest

from agents.tasks import OPEN, TRANSITIONS, TaskState, derived
from policies.model import PROPOSAL_TRANSITIONS, ProposalState

P, S = ProposalState, TaskState
UNDOABLE = frozenset({P.EXECUTED, P.VERIFIED})


def test_every_state_has_its_line() -> None:
    assert set(TRANSITIONS) == set(TaskState)
    assert all(state not in after for state, after in TRANSITIONS.items())


def test_every_state_can_be_reached_from_the_first() -> None:
    reached, new = {S.QUEUED}, {S.QUEUED}
    while new:
        new = {after for state in new for after in TRANSITIONS[state]} - reached
        reached |= new
    assert reached == set(TaskState)


def test_every_open_task_can_still_end() -> None:
    for state in OPEN:
        assert S.FAILED in TRANSITIONS[state] or TRANSITIONS[state] - OPEN, state


@pytest.mark.parametrize(
    ("states", "task"),
    [
        ([], S.COMPLETED),
        ([P.PENDING], S.AWAITING_APPROVAL),
        ([P.APPROVED], S.EXECUTING),
        ([P.UNKNOWN], S.EXECUTING),
        ([P.EXECUTED], S.VERIFYING),
        ([P.VERIFIED], S.COMPLETED),
        ([P.REJECTED], S.REJECTED),
        ([P.EXPIRED], S.EXPIRED),
        ([P.WITHDRAWN], S.CANCELLED),
        ([P.DRIFTED], S.FAILED),
        ([P.FAILED], S.FAILED),
        ([P.ROLLED_BACK], S.RECOVERED),
        ([P.SUPERSEDED, P.PENDING], S.AWAITING_APPROVAL),
        ([P.SUPERSEDED, P.REJECTED], S.REJECTED),
        ([P.VERIFIED, P.PENDING], S.AWAITING_APPROVAL),
        ([P.PENDING, P.EXECUTED], S.VERIFYING),
        ([P.EXECUTED, P.EXECUTING], S.EXECUTING),
        ([P.VERIFIED, P.REJECTED], S.COMPLETED),
        ([P.ROLLED_BACK, P.VERIFIED], S.RECOVERED),
    ],
)
def test_a_task_stands_where_its_proposals_say(
    states: list[ProposalState], task: TaskState
) -> None:
    assert derived(states) is task
    assert derived(reversed(states)) is task


def test_whatever_the_proposals_came_to_the_analysed_task_can_follow() -> None:
    for states in combinations_with_replacement(ProposalState, 2):
        after = derived(states)
        assert after in TRANSITIONS[S.ANALYSING], states


def test_each_step_of_a_proposal_is_a_legal_step_of_its_task() -> None:
    for before, other in product(ProposalState, ProposalState):
        # A rollback passes through EXECUTING: see below.
        for after in PROPOSAL_TRANSITIONS[before] - {P.ROLLED_BACK}:
            task, then = derived([before, other]), derived([after, other])
            assert then is task or then in TRANSITIONS[task], f"{before}, {other} to {after}"


def test_a_rollback_may_begin_and_end_whatever_became_of_the_other_proposal() -> None:
    for undone, other in product(UNDOABLE, ProposalState):
        task = derived([undone, other])
        during = derived([undone, other], is_rolling_back=True)
        assert during is S.EXECUTING
        assert during is task or during in TRANSITIONS[task], (undone, other)
        for end in (undone, P.ROLLED_BACK):
            then = derived([end, other])
            assert then is during or then in TRANSITIONS[during], (undone, other, end)


def test_a_new_proposal_may_follow_while_the_first_is_verified() -> None:
    verifying, then = derived([P.EXECUTED]), derived([P.VERIFIED, P.PENDING])
    assert then in TRANSITIONS[verifying]


def test_an_edit_leaves_the_task_waiting() -> None:
    assert derived([P.SUPERSEDED, P.PENDING]) is derived([P.PENDING])


def test_an_open_task_has_work_to_come() -> None:
    done = set(ProposalState) - {P.PENDING, P.APPROVED, P.EXECUTING, P.EXECUTED, P.UNKNOWN}
    for states in combinations_with_replacement(ProposalState, 2):
        assert (derived(states) in OPEN) == bool(set(states) - done), states
