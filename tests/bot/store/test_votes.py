"""Votes: bound to the hash that was seen, one a person, and a refused click changes nothing."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from agents.tasks import TaskState
from bot.store.tables import posts, proposals, tasks, votes
from bot.store.tasks import settle_task
from bot.store.votes import Click, supersede
from policies.approvals import Ballot, Refusal, Voter
from policies.model import Clause, Proposal, ProposalState
from tests.bot.world import ANA, BEN, GROUP, MIA, ZOE, Wish, World, caller_of, intent, proposal_for
from tools.ports import LostLease

CROWD = [f"T0PLAY/U{place:04}" for place in range(50)]
TWO = Wish(clauses=(Clause(rule="rollback-production", n=2, groups=("oncall",)),))


async def clicked_by_all(
    store: World, proposal: Proposal, draw: random.Random
) -> list[Refusal | None]:
    clicks = [store.click(proposal, person) for person in CROWD for _ in range(2)]
    draw.shuffle(clicks)
    answers = await asyncio.gather(*(store.vote(click) for click in clicks))
    return [answer.refusal for answer in answers]


@pytest.mark.parametrize("seed", range(20))
async def test_fifty_people_clicking_twice_at_once_approve_exactly_once(
    store: World, seed: int
) -> None:
    draw = random.Random(seed)
    store.groups["oncall"] = frozenset(CROWD)
    quorum = draw.randint(1, 10)
    wish = Wish(clauses=(Clause(rule="r", n=quorum, groups=("oncall",)),))
    proposal = await store.proposed(wish)
    refusals = await clicked_by_all(store, proposal, draw)
    cast = await store.rows(votes)
    assert len(cast) == len({row.voter for row in cast}) == quorum
    assert refusals.count(None) == quorum
    assert set(refusals) <= {None, Refusal.ALREADY_VOTED, Refusal.ALREADY_DECIDED}
    moves = [event["decision"] for event in await store.events("proposal.moved")]
    assert moves == ["APPROVED"]
    assert len(await store.events("click.refused")) == 100 - quorum
    assert (await store.standing(proposal)).state is ProposalState.APPROVED


@pytest.mark.parametrize("seed", range(5))
async def test_an_approval_is_consumed_once_however_many_try(store: World, seed: int) -> None:
    draw = random.Random(seed)
    store.groups["oncall"] = frozenset(CROWD)
    proposal = await store.proposed()
    await clicked_by_all(store, proposal, draw)
    claim = await store.claimed()
    tries = [store.journal.begin(intent(proposal), caller_of(claim)) for _ in range(20)]
    ends = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(end is None for end in ends) == 1
    assert sum(isinstance(end, LostLease) for end in ends) == 19
    assert len(await store.events("intent.written")) == 1


async def test_the_state_is_approved_exactly_at_the_quorum(store: World) -> None:
    proposal = await store.proposed(TWO)
    first = await store.vote(store.click(proposal, ANA))
    assert (first.refusal, first.missing) == (None, 1)
    assert (await store.standing(proposal)).state is ProposalState.PENDING
    second = await store.vote(store.click(proposal, BEN))
    assert (second.refusal, second.missing) == (None, 0)
    standing = await store.standing(proposal)
    assert (standing.state, standing.approvers) == (ProposalState.APPROVED, (ANA, BEN))
    assert (await store.row(tasks)).state == TaskState.EXECUTING


async def test_each_clause_needs_people_of_its_own(store: World) -> None:
    store.groups = {"oncall": frozenset({ANA, BEN}), "operators": frozenset({ANA})}
    clauses = (
        Clause(rule="rollback", n=1, groups=("oncall",)),
        Clause(rule="large", n=1, groups=("operators",)),
    )
    proposal = await store.proposed(Wish(clauses=clauses))
    assert (await store.vote(store.click(proposal, ANA))).missing == 1
    assert (await store.standing(proposal)).state is ProposalState.PENDING
    assert (await store.vote(store.click(proposal, BEN))).missing == 0
    assert (await store.standing(proposal)).state is ProposalState.APPROVED


async def test_one_rejection_ends_it_and_says_why(store: World) -> None:
    proposal = await store.proposed(TWO)
    await store.vote(store.click(proposal, ANA))
    answer = await store.vote(store.click(proposal, BEN), Ballot.REJECT, "Not in the peak hour")
    assert answer.refusal is None
    assert (await store.standing(proposal)).state is ProposalState.REJECTED
    assert (await store.row(votes, voter=BEN)).reason == "Not in the peak hour"
    assert (await store.row(tasks)).state == TaskState.REJECTED


@dataclass(frozen=True)
class Refused:
    """A click that must change nothing."""

    refusal: Refusal
    click: Callable[[World, Proposal], Click]
    ballot: Ballot = Ballot.APPROVE
    reason: str | None = None
    wish: Wish | None = None


def by(voter: str | Voter) -> Callable[[World, Proposal], Click]:
    return lambda store, proposal: store.click(proposal, voter)


def with_(**fields: str) -> Callable[[World, Proposal], Click]:
    return lambda store, proposal: store.click(proposal, **fields)


REFUSED = {
    "the requester": Refused(Refusal.IS_REQUESTER, by(ANA), wish=Wish(requesters=(ANA,))),
    "the requester, named with another workspace of theirs": Refused(
        Refusal.IS_REQUESTER, by(ANA), wish=Wish(requesters=("T0OTHER/U0ANA",))
    ),
    "an editor": Refused(Refusal.IS_REQUESTER, by(BEN), wish=Wish(requesters=(MIA, BEN))),
    "somebody outside the group": Refused(Refusal.NOT_IN_GROUP, by(ZOE)),
    "the same user id of another team": Refused(Refusal.NOT_IN_GROUP, by("T0EVIL/U0ANA")),
    "a bot": Refused(Refusal.IS_BOT, by(Voter(id=ANA, is_bot=True))),
    "somebody who left": Refused(Refusal.IS_BOT, by(Voter(id=ANA, is_deleted=True))),
    "a guest": Refused(Refusal.IS_GUEST, by(Voter(id=ANA, is_guest=True))),
    "a stale hash": Refused(Refusal.OLD_CARD, with_(seen_hash="0" * 64)),
    "a card nobody posted": Refused(Refusal.OTHER_CARD, with_(message_ts="1.0")),
    "a card of another channel": Refused(Refusal.OTHER_CARD, with_(channel="C0OTHER")),
    "a proposal that never was": Refused(Refusal.OTHER_CARD, with_(proposal_id="T-NOBODY00-1")),
    "a rejection without a reason": Refused(Refusal.REASON_MISSING, by(ANA), Ballot.REJECT),
    "a rejection with a blank one": Refused(Refusal.REASON_MISSING, by(ANA), Ballot.REJECT, " \n"),
    "an outsider's rejection": Refused(Refusal.NOT_IN_GROUP, by(ZOE), Ballot.REJECT, "no"),
}


async def nothing_changed(
    store: World, proposal: Proposal, click: Click, refusal: Refusal, **how: object
) -> None:
    """Vote, and hold that the refusal is recorded and nothing else happened."""
    rows = await store.rows(proposals), await store.rows(votes), await store.rows(tasks)
    events = await store.events()
    ballot, reason = how.get("ballot", Ballot.APPROVE), how.get("reason")
    assert isinstance(ballot, Ballot)
    answer = await store.vote(click, ballot, None if reason is None else str(reason))
    assert answer.refusal is refusal
    after = await store.rows(proposals), await store.rows(votes), await store.rows(tasks)
    assert after == rows
    (added,) = (await store.events())[len(events) :]
    assert (added["kind"], added["reasons"]) == ("click.refused", [refusal])
    assert added["actor"] == {"kind": "human", "id": click.voter.id}
    known = None if refusal is Refusal.OTHER_CARD else proposal.id
    assert added["proposal_id"] == known


@pytest.mark.parametrize("name", REFUSED)
async def test_a_click_that_may_not_count_changes_nothing(store: World, name: str) -> None:
    case = REFUSED[name]
    proposal = await store.proposed(case.wish)
    click = case.click(store, proposal)
    await nothing_changed(
        store, proposal, click, case.refusal, ballot=case.ballot, reason=case.reason
    )


async def test_self_approval_counts_only_where_a_rule_allows_it(store: World) -> None:
    proposal = await store.proposed(Wish(requesters=(ANA,)))
    decision = proposal.decision.model_copy(update={"self_approval": True})
    lenient = proposal.model_copy(update={"decision": decision})
    await store.database.write(
        lambda connection: (
            connection.execute(proposals.update().values(body=lenient.model_dump_json())).rowcount
        )
    )
    assert (await store.vote(store.click(proposal, ANA))).refusal is None


async def test_a_second_vote_of_the_same_person_changes_nothing(store: World) -> None:
    proposal = await store.proposed(TWO)
    click = store.click(proposal, ANA)
    assert (await store.vote(click)).refusal is None
    await nothing_changed(store, proposal, click, Refusal.ALREADY_VOTED)


async def test_a_person_may_take_an_approval_back_by_rejecting_once(store: World) -> None:
    proposal = await store.proposed(TWO)
    click = store.click(proposal, ANA)
    await store.vote(click)
    assert (await store.vote(click, Ballot.REJECT, "on reflection")).refusal is None
    (row,) = await store.rows(votes)
    assert (row.voter, row.ballot, row.reason) == (ANA, Ballot.REJECT, "on reflection")
    assert (await store.standing(proposal)).state is ProposalState.REJECTED
    cast = [event["decision"] for event in await store.events("vote.cast")]
    assert cast == [Ballot.APPROVE, Ballot.REJECT]
    await nothing_changed(store, proposal, click, Refusal.ALREADY_DECIDED)


async def test_a_click_on_a_decided_card_changes_nothing(store: World) -> None:
    proposal = await store.proposed()
    await store.vote(store.click(proposal, ANA))
    await nothing_changed(store, proposal, store.click(proposal, BEN), Refusal.ALREADY_DECIDED)


async def test_a_click_after_the_end_changes_nothing_even_before_the_worker_expires_it(
    store: World,
) -> None:
    proposal = await store.proposed()
    store.clock.forward(1800)
    await nothing_changed(store, proposal, store.click(proposal), Refusal.EXPIRED)
    claim = await store.claimed()
    row = await store.standing(proposal)
    await store.tasks.move(claim, row, ProposalState.EXPIRED, "NO_ANSWER_IN_TIME", "Too late.")
    await nothing_changed(store, proposal, store.click(proposal), Refusal.EXPIRED)


async def test_the_value_of_another_proposals_card_changes_nothing(store: World) -> None:
    task = await store.task()
    first, second = await store.analysed(task, Wish(), Wish(key="other", version="v40"))
    forged = replace(store.click(second), message_ts=store.click(first).message_ts)
    await nothing_changed(store, second, forged, Refusal.OTHER_CARD)
    assert (await store.vote(store.click(second))).refusal is None
    assert (await store.standing(first)).state is ProposalState.PENDING


async def test_a_card_of_another_thread_with_the_same_key_changes_nothing(store: World) -> None:
    proposal = await store.proposed()
    other = await store.task("incident:staging/service=payments")
    row = {
        "thread_id": other.thread_id,
        "key": f"proposal:{proposal.id}",
        "channel": "C0INCIDENTS",
        "ts": "1700000000.stray",
        "digest": "",
        "begun_at": store.clock.now(),
    }
    await store.database.write(lambda connection: connection.execute(posts.insert(), row))
    stray = replace(store.click(proposal), message_ts="1700000000.stray")
    await nothing_changed(store, proposal, stray, Refusal.OTHER_CARD)


async def test_a_group_that_was_read_too_long_ago_refuses(store: World) -> None:
    proposal = await store.proposed()
    for who in (ANA, ZOE):
        answer = await store.vote(store.click(proposal, who), age_s=61)
        assert answer.refusal is Refusal.GROUP_UNREADABLE
    assert await store.rows(votes) == []
    assert (await store.vote(store.click(proposal, ANA), age_s=60)).refusal is None


async def test_a_group_that_cannot_be_read_refuses(store: World) -> None:
    proposal = await store.proposed()
    store.groups = {}
    await nothing_changed(store, proposal, store.click(proposal), Refusal.GROUP_UNREADABLE)


async def edited(store: World) -> tuple[Proposal, Proposal, bool]:
    """Return a proposal, the edited one in its place, and whether the edit was taken."""
    task = await store.task()
    (old,) = await store.analysed(task, Wish(requesters=(MIA,)))
    wish = Wish(version="v40", revision=2, replaces=old.id, requesters=(MIA, BEN))
    new = proposal_for(task, 2, store.clock.now(), wish)
    late = await store.database.write(
        lambda connection: supersede(connection, store.context, old, new, BEN)
    )
    if late is None:
        await store.added(new, task)
    return old, new, late is None


async def test_an_edit_takes_the_place_of_the_old_card_and_starts_at_no_votes(
    store: World,
) -> None:
    old, new, is_taken = await edited(store)
    assert is_taken
    assert old.action.hash != new.action.hash
    assert (await store.standing(old)).state is ProposalState.SUPERSEDED
    assert (await store.standing(new)).approvers == ()
    await nothing_changed(store, old, store.click(old, ANA), Refusal.OLD_CARD)
    stale = store.click(new, ANA, seen_hash=old.action.hash)
    await nothing_changed(store, new, stale, Refusal.OLD_CARD)
    await nothing_changed(store, new, store.click(new, BEN), Refusal.IS_REQUESTER)
    assert (await store.vote(store.click(new, ANA))).refusal is None


async def test_votes_for_the_old_action_do_not_count_for_the_edited_one(store: World) -> None:
    task = await store.task()
    (old,) = await store.analysed(task, TWO)
    await store.vote(store.click(old, ANA))
    new = proposal_for(task, 2, store.clock.now(), replace(TWO, version="v40", revision=2))
    late = await store.database.write(
        lambda connection: supersede(connection, store.context, old, new, MIA)
    )
    assert late is None
    await store.added(new, task)
    assert (await store.vote(store.click(new, BEN))).missing == 1


async def test_an_edit_of_a_decided_proposal_is_not_taken(store: World) -> None:
    old = await store.proposed()
    await store.vote(store.click(old, ANA))
    new = old.model_copy(update={"id": f"{old.task_id}-2", "revision": 2})
    before = await store.events()
    late = await store.database.write(
        lambda connection: supersede(connection, store.context, old, new, BEN)
    )
    assert late is Refusal.ALREADY_DECIDED
    assert await store.events() == before
    assert (await store.standing(old)).state is ProposalState.APPROVED


async def refused_rollback(store: World, click: Click, refusal: Refusal) -> None:
    rows, events = await store.rows(proposals), await store.events()
    assert (await store.roll_back(click)).refusal is refusal
    assert await store.rows(proposals) == rows
    (added,) = (await store.events())[len(events) :]
    assert (added["kind"], added["reasons"]) == ("click.refused", [refusal])


async def test_a_member_asks_for_a_rollback_with_one_click_inside_the_window(store: World) -> None:
    proposal = await store.proposed()
    await store.executed(proposal)
    store.clock.forward(3600)
    assert (await store.roll_back(store.click(proposal, BEN))).refusal is None
    row = await store.row(proposals)
    assert (row.roll_back_by, row.next_at) == (BEN, store.clock.now())
    (asked,) = await store.events("rollback.requested")
    assert asked["actor"]["id"] == BEN


async def test_a_rollback_after_its_window_is_refused(store: World) -> None:
    proposal = await store.proposed()
    await store.executed(proposal)
    store.clock.forward(3600.1)
    await refused_rollback(store, store.click(proposal, BEN), Refusal.WINDOW_CLOSED)


async def test_a_rollback_is_asked_for_once(store: World) -> None:
    proposal = await store.proposed()
    await store.executed(proposal)
    clicks = [store.roll_back(store.click(proposal, who)) for who in (ANA, BEN) for _ in range(10)]
    answers = await asyncio.gather(*clicks)
    assert [answer.refusal for answer in answers].count(None) == 1
    assert len(await store.events("rollback.requested")) == 1
    await refused_rollback(store, store.click(proposal, ANA), Refusal.ALREADY_DECIDED)


async def test_what_was_not_executed_cannot_be_rolled_back(store: World) -> None:
    proposal = await store.proposed()
    await refused_rollback(store, store.click(proposal), Refusal.ALREADY_DECIDED)


async def test_what_has_no_inverse_cannot_be_rolled_back(store: World) -> None:
    proposal = await store.proposed(Wish(inverse=None))
    await store.executed(proposal)
    await refused_rollback(store, store.click(proposal), Refusal.NO_INVERSE)


async def test_somebody_outside_the_group_cannot_roll_back(store: World) -> None:
    proposal = await store.proposed()
    await store.executed(proposal)
    await refused_rollback(store, store.click(proposal, ZOE), Refusal.NOT_IN_GROUP)
    bot = store.click(proposal, Voter(id=ANA, is_bot=True))
    await refused_rollback(store, bot, Refusal.IS_BOT)


async def test_a_rollback_from_a_card_of_another_proposal_is_refused(store: World) -> None:
    task = await store.task()
    first, second = await store.analysed(task, Wish(), Wish(key="other", version="v40"))
    await store.executed(first)
    forged = replace(store.click(first), message_ts=store.click(second).message_ts)
    await refused_rollback(store, forged, Refusal.OTHER_CARD)


async def test_a_rollback_with_a_hash_that_the_card_does_not_show_is_refused(store: World) -> None:
    proposal = await store.proposed()
    await store.executed(proposal)
    forged = store.click(proposal, BEN, seen_hash="0" * 64)
    await refused_rollback(store, forged, Refusal.OLD_CARD)


async def test_a_task_follows_its_proposals(store: World) -> None:
    task = await store.task()
    first, second = await store.analysed(task, Wish(), Wish(key="other", version="v40"))
    await store.vote(store.click(first), Ballot.REJECT, "no")
    assert (await store.row(tasks, group_key=GROUP)).state == TaskState.AWAITING_APPROVAL
    await store.vote(store.click(second), Ballot.REJECT, "no")
    assert (await store.row(tasks, group_key=GROUP)).state == TaskState.REJECTED
    before = await store.events()
    await store.database.write(
        lambda connection: settle_task(connection, store.context, task.id, "AGAIN")
    )
    assert await store.events() == before
