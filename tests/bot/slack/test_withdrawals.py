"""Whoever asked takes it back, before it has begun; nobody else does, and one of two wins."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agents.ports import Claim, ProposalRow
from agents.tasks import TaskState
from bot.slack import cards
from bot.store.controls import pause, resume
from bot.store.tables import proposals, tasks
from bot.store.taskstore import SqlTaskStore
from policies.model import Proposal, ProposalState
from tests.bot.slack.office import (
    BEN,
    EVE,
    GONE,
    GUEST,
    MIA,
    ROBOT,
    TEAM,
    ZOE,
    Office,
    office,
)
from tests.bot.store.workshop import worker
from tests.bot.world import caller_of, done, intent
from tools.ports import LostLease

WITHDRAW = cards.WITHDRAW


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as found:
        yield found


async def unchanged(here: Office, proposal: Proposal) -> None:
    """Check that nothing became of a click."""
    assert await here.state(proposal) is ProposalState.PENDING
    assert await here.store.events("proposal.withdrawn") == []


async def test_whoever_asked_withdraws_what_waits(here: Office) -> None:
    proposal = await here.proposal(MIA)
    assert await here.press(MIA, WITHDRAW, proposal) == []
    assert await here.state(proposal) is ProposalState.WITHDRAWN
    assert (await here.store.row(tasks)).state == TaskState.CANCELLED
    (event,) = await here.store.events("proposal.withdrawn")
    assert event["actor"] == {"kind": "human", "id": f"{TEAM}/{MIA}"}
    shown = (await here.shown(proposal))[f"proposal:{proposal.id}"]
    assert "*Withdrawn* by <@U0MIA>" in shown
    assert "Nothing was done." in shown
    assert "Approve" not in shown
    (told,) = await here.press(BEN, cards.APPROVE, proposal)
    assert "ALREADY_DECIDED" in told
    await here.worked()
    assert here.system.acted == []


async def test_what_is_signed_off_and_waits_can_still_be_withdrawn(here: Office) -> None:
    proposal = await here.proposal(MIA)
    context = here.store.context
    await here.store.database.write(lambda c: pause(c, context, "default", "T0PLAY/U0ANA", ""))
    await here.press(BEN, cards.APPROVE, proposal)
    await here.worked()
    assert await here.state(proposal) is ProposalState.APPROVED
    shown = (await here.shown(proposal))[f"proposal:{proposal.id}"]
    assert "Withdraw" in shown
    assert "Reject" not in shown
    await here.press(MIA, WITHDRAW, proposal)
    await here.store.database.write(lambda c: resume(c, context, "default", "T0PLAY/U0ANA", ""))
    await here.worked()
    assert await here.state(proposal) is ProposalState.WITHDRAWN
    assert here.system.acted == []


async def test_what_an_alert_asked_is_the_operators_to_withdraw(here: Office) -> None:
    proposal = await here.proposal()
    (told,) = await here.press(BEN, WITHDRAW, proposal)
    assert "Only a member of `operators` (<@U0ANA>" in told
    assert "can withdraw this" in told
    await unchanged(here, proposal)
    assert await here.press(ZOE, WITHDRAW, proposal) == []
    assert await here.state(proposal) is ProposalState.WITHDRAWN


async def test_what_a_person_asked_is_not_the_operators_to_withdraw(here: Office) -> None:
    proposal = await here.proposal(MIA)
    (told,) = await here.press(ZOE, WITHDRAW, proposal)
    assert "Only <@U0MIA> can withdraw this" in told
    assert await here.refusals() == [(f"{TEAM}/{ZOE}", "NOT_REQUESTER")]
    await unchanged(here, proposal)


@pytest.mark.parametrize(
    ("person", "reason"),
    [
        (ROBOT, "IS_BOT"),
        (GONE, "IS_BOT"),
        (GUEST, "IS_GUEST"),
        (EVE, "NOT_REQUESTER"),
        (BEN, "NOT_REQUESTER"),
    ],
    ids=["bot", "deactivated", "guest", "outsider", "approver"],
)
async def test_who_may_not_withdraw_is_told_why(here: Office, person: str, reason: str) -> None:
    proposal = await here.proposal()
    (told,) = await here.press(person, WITHDRAW, proposal)
    assert reason in told
    assert await here.refusals() == [(f"{TEAM}/{person}", reason)]
    await unchanged(here, proposal)


async def test_a_guest_may_not_withdraw_even_what_they_asked_for(here: Office) -> None:
    proposal = await here.proposal(GUEST)
    (told,) = await here.press(GUEST, WITHDRAW, proposal)
    assert "IS_GUEST" in told
    await unchanged(here, proposal)


async def test_the_same_user_id_of_another_workspace_is_somebody_else(here: Office) -> None:
    proposal = await here.proposal(MIA)
    (told,) = await here.press(MIA, WITHDRAW, proposal, team="T0OTHER")
    assert "NOT_REQUESTER" in told
    assert await here.refusals() == [("T0OTHER/U0MIA", "NOT_REQUESTER")]
    await unchanged(here, proposal)


async def test_a_forged_hash_card_or_value_withdraws_nothing(here: Office) -> None:
    proposal, other = await here.proposal(MIA), await here.proposal(MIA)
    stale = f"{proposal.id}:{proposal.action.hash[::-1]}"
    assert "OLD_CARD" in (await here.press(MIA, WITHDRAW, proposal, value=stale))[0]
    swapped = f"{proposal.id}:{proposal.action.hash}"
    assert "OTHER_CARD" in (await here.press(MIA, WITHDRAW, other, value=swapped))[0]
    assert "OTHER_CARD" in (await here.press(MIA, WITHDRAW, proposal, value="nonsense"))[0]
    reasons = [reason for _, reason in await here.refusals()]
    assert reasons == ["OLD_CARD", "OTHER_CARD", "OTHER_CARD"]
    await unchanged(here, proposal)


async def test_what_is_decided_or_over_is_not_withdrawn(here: Office) -> None:
    expired = await here.proposal(MIA)
    here.store.clock.forward(1800)
    assert "EXPIRED" in (await here.press(MIA, WITHDRAW, expired))[0]
    rejected = await here.proposal(MIA)
    await here.store.vote(here.store.click(rejected, f"{TEAM}/{BEN}"))
    await here.worked()
    assert len(here.system.acted) == 1
    (told,) = await here.press(MIA, WITHDRAW, rejected)
    assert "This has begun already" in told
    assert await here.store.events("proposal.withdrawn") == []


async def test_a_second_and_a_replayed_click_change_nothing(here: Office) -> None:
    proposal = await here.proposal(MIA)
    await here.press(MIA, WITHDRAW, proposal, trigger="once")
    assert await here.press(MIA, WITHDRAW, proposal, trigger="once") == []
    assert "ALREADY_DECIDED" in (await here.press(MIA, WITHDRAW, proposal))[0]
    assert len(await here.store.events("proposal.withdrawn")) == 1


async def test_an_editor_may_withdraw_what_they_edited(here: Office) -> None:
    proposal = await here.proposal()
    assert await here.submit(BEN, "proposal.edit", proposal, {"param.to": "newer"}) == []
    edited = (await here.store.tasks.proposals(proposal.task_id))[-1].proposal
    await here.noted(f"proposal:{edited.id}", edited.task_id, "2.0")
    assert await here.press(BEN, WITHDRAW, edited, ts="2.0") == []
    assert await here.state(edited) is ProposalState.WITHDRAWN


@pytest.mark.parametrize("round_", range(10))
async def test_of_a_withdrawal_and_an_execution_exactly_one_wins(here: Office, round_: int) -> None:
    proposal = await here.proposal(MIA)
    await here.press(BEN, cards.APPROVE, proposal)
    claim = await here.store.claimed()

    async def execute() -> str:
        for _ in range(round_):
            await asyncio.sleep(0)
        try:
            await here.store.journal.begin(intent(proposal), caller_of(claim))
        except LostLease:
            return "lost"
        return "began"

    began, told = await asyncio.gather(execute(), here.press(MIA, WITHDRAW, proposal))
    state = await here.state(proposal)
    if began == "began":
        assert state is ProposalState.EXECUTING
        assert "ALREADY_BEGUN" in told[0]
    else:
        assert (state, told) == (ProposalState.WITHDRAWN, [])


@pytest.mark.parametrize("state", [ProposalState.DRIFTED, None], ids=["drifted", "held"])
async def test_what_is_withdrawn_while_it_is_checked_stays_withdrawn(
    here: Office, state: ProposalState | None
) -> None:
    proposal = await here.proposal(MIA)
    await here.press(BEN, cards.APPROVE, proposal)
    claim = await here.store.claimed()
    await here.press(MIA, WITHDRAW, proposal)
    with pytest.raises(LostLease):
        await here.store.journal.settle(done(proposal, state, retry_s=2), caller_of(claim))
    row = await here.store.row(proposals)
    assert (row.state, row.next_at) == ("WITHDRAWN", None)


async def test_a_worker_whose_proposal_was_withdrawn_gives_the_task_back(here: Office) -> None:
    class Late(SqlTaskStore):
        """Finds that a proposal has moved on."""

        async def move(
            self, claim: Claim, row: ProposalRow, to: ProposalState, reason: str, sentence: str
        ) -> None:
            raise LostLease("it was withdrawn meanwhile")

    await here.proposal(MIA)
    here.store.clock.forward(1800)
    await worker(here.store, tasks=Late(here.store.context)).work(await here.store.claimed())
    assert (await here.store.row(tasks)).lease_owner is None
