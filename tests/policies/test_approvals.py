"""Votes: who may vote, when it is too late, and when it is enough."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.approvals import (
    Membership,
    Refusal,
    Voter,
    is_satisfied,
    missing,
    refusal_by_state,
    refusal_to_vote,
    unreadable,
)
from policies.model import Clause, ProposalState
from tests.fakes.values import ANA, BEN, MIA, action, clause, decision, proposal
from tests.playground.shop.world import NOON


def groups(**members: set[str]) -> dict[str, Membership]:
    return read(0.0, **members)


def read(age_s: float, **members: set[str]) -> dict[str, Membership]:
    read_at = NOON - timedelta(seconds=age_s)
    return {
        name: Membership(group=name, members=frozenset(found), read_at=read_at)
        for name, found in members.items()
    }


@pytest.mark.parametrize(
    ("clauses", "approvers", "is_enough"),
    [
        ([clause(1, "oncall")], [ANA], True),
        ([clause(1, "oncall")], [], False),
        ([clause(1, "oncall")], [MIA], False),
        ([clause(2, "oncall")], [ANA], False),
        ([clause(2, "oncall")], [ANA, ANA], False),
        ([clause(2, "oncall")], [ANA, BEN], True),
        ([clause(1, "oncall"), clause(1, "operators")], [ANA], False),
        ([clause(1, "oncall"), clause(1, "operators")], [ANA, BEN], True),
        ([clause(1, "oncall"), clause(1, "oncall")], [ANA], False),
        ([clause(1, "oncall", "operators")], [ANA], True),
        ([clause(1, "nowhere")], [ANA], False),
        ([], [ANA], False),
    ],
)
def test_each_clause_needs_its_own_people(
    clauses: list[Clause], approvers: list[str], is_enough: bool
) -> None:
    known = groups(oncall={ANA, BEN}, operators={ANA}, marketing={MIA})
    assert is_satisfied(clauses, approvers, known) is is_enough
    if clauses:
        assert (missing(clauses, approvers, known) == 0) is is_enough


def test_a_person_is_seated_where_nobody_else_can_sit() -> None:
    # Whoever comes first must not take the only seat that another one could fill.
    known = groups(oncall={ANA, BEN}, operators={ANA})
    for order in ([ANA, BEN], [BEN, ANA]):
        asked = [clause(1, "oncall"), clause(1, "operators")]
        assert is_satisfied(asked, order, known)
        assert is_satisfied(list(reversed(asked)), order, known)


PEOPLE = [f"T1/U{letter}" for letter in "ABCDE"]
GROUPS = ["g1", "g2", "g3"]
MEMBERS = st.fixed_dictionaries({name: st.sets(st.sampled_from(PEOPLE)) for name in GROUPS})
CLAUSES = st.lists(
    st.builds(
        lambda n, names: clause(n, *names),
        st.integers(1, 2),
        st.lists(st.sampled_from(GROUPS), min_size=1, max_size=2, unique=True),
    ),
    min_size=1,
    max_size=3,
)


def seats_filled(clauses: list[Clause], approvers: set[str], members: dict[str, set[str]]) -> int:
    """Return how many seats can be filled at most, by trying every way."""
    seats = [found for found in clauses for _ in range(found.n)]

    def best(place: int, free: frozenset[str]) -> int:
        if place == len(seats):
            return 0
        fit = [who for who in free if any(who in members[name] for name in seats[place].groups)]
        taken = [1 + best(place + 1, free - {who}) for who in fit]
        return max([best(place + 1, free), *taken])

    return best(0, frozenset(approvers))


@given(CLAUSES, st.sets(st.sampled_from(PEOPLE)), MEMBERS)
def test_one_person_counts_once_over_all_clauses(
    clauses: list[Clause], approvers: set[str], members: dict[str, set[str]]
) -> None:
    needed = sum(found.n for found in clauses)
    filled = seats_filled(clauses, approvers, members)
    known = groups(**members)
    assert missing(clauses, approvers, known) == needed - filled
    assert is_satisfied(clauses, approvers, known) is (filled == needed)


CARD = proposal(requesters=(MIA,), decision=decision(clause(1, "oncall", "marketing")))
KNOWN = groups(oncall={ANA, BEN}, marketing={MIA})


@pytest.mark.parametrize(
    ("voter", "refusal"),
    [
        (Voter(id=ANA), None),
        (Voter(id=ANA, is_bot=True), Refusal.IS_BOT),
        (Voter(id=ANA, is_guest=True), Refusal.IS_GUEST),
        (Voter(id=ANA, is_deleted=True), Refusal.IS_BOT),
        (Voter(id="T1/UZOE"), Refusal.NOT_IN_GROUP),
        (Voter(id="T2/UANA"), Refusal.NOT_IN_GROUP),
        (Voter(id="UANA"), Refusal.NOT_IN_GROUP),
        (Voter(id=MIA), Refusal.IS_REQUESTER),
    ],
)
def test_who_may_vote(voter: Voter, refusal: Refusal | None) -> None:
    assert refusal_to_vote(voter, CARD, KNOWN, NOON) is refusal


def test_the_requester_votes_only_where_every_rule_allows_it() -> None:
    alone = CARD.model_copy(
        update={"decision": decision(clause(1, "marketing"), self_approval=True)}
    )
    assert refusal_to_vote(Voter(id=MIA), alone, KNOWN, NOON) is None
    assert refusal_to_vote(Voter(id=MIA, is_bot=True), alone, KNOWN, NOON) is Refusal.IS_BOT


def test_a_group_that_was_read_a_minute_ago_is_fresh_and_one_second_later_is_not() -> None:
    fresh, stale = read(60, oncall={ANA}), read(61, oncall={ANA})
    assert unreadable(["oncall"], fresh, NOON) == ()
    assert unreadable(["oncall"], stale, NOON) == ("oncall",)


def test_nobody_votes_on_a_stale_membership() -> None:
    stale = read(61, oncall={ANA}, marketing={MIA})
    assert refusal_to_vote(Voter(id=ANA), CARD, stale, NOON) is Refusal.GROUP_UNREADABLE


def test_a_group_that_cannot_be_read_is_not_told_as_not_being_a_member() -> None:
    only = groups(marketing={MIA})
    assert refusal_to_vote(Voter(id=ANA), CARD, only, NOON) is Refusal.GROUP_UNREADABLE


def test_one_stale_group_does_not_stop_a_member_of_a_fresh_one() -> None:
    mixed = groups(oncall={ANA}) | read(90, marketing={MIA})
    assert refusal_to_vote(Voter(id=ANA), CARD, mixed, NOON) is None


@pytest.mark.parametrize("state", [s for s in ProposalState if s is not ProposalState.PENDING])
def test_a_decided_card_takes_no_vote(state: ProposalState) -> None:
    found = refusal_by_state(state, CARD, CARD.action.hash, NOON)
    special = {
        ProposalState.SUPERSEDED: Refusal.OLD_CARD,
        ProposalState.EXPIRED: Refusal.EXPIRED,
    }
    assert found is special.get(state, Refusal.ALREADY_DECIDED)


def test_a_vote_counts_only_for_the_action_that_was_seen_and_in_time() -> None:
    other = action(environment="production").hash
    pending = ProposalState.PENDING
    assert refusal_by_state(pending, CARD, CARD.action.hash, NOON) is None
    assert refusal_by_state(pending, CARD, other, NOON) is Refusal.OLD_CARD
    just_before = CARD.expires_at - timedelta(microseconds=1)
    assert refusal_by_state(pending, CARD, CARD.action.hash, just_before) is None
    late = refusal_by_state(pending, CARD, CARD.action.hash, CARD.expires_at)
    assert late is Refusal.EXPIRED
