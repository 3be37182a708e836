"""A no has a reason: of the list, in words, or both; what was written in vain is not lost."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.slack import cards, modals
from bot.store.tables import votes
from policies.model import ProposalState
from policies.rejections import WORDS, Why
from tests.bot.slack.office import ANA, BEN, EVE, GUEST, MIA, TEAM, Office, office


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as found:
        yield found


@pytest.mark.parametrize("why", [why for why in Why if why is not Why.OTHER])
async def test_a_reason_of_the_list_is_enough(here: Office, why: Why) -> None:
    proposal = await here.proposal()
    filled = {"code": why.value, "reason": ""}
    assert await here.errors(modals.REJECT, proposal, filled) == {}
    assert await here.submit(BEN, modals.REJECT, proposal, filled) == []
    assert await here.state(proposal) is ProposalState.REJECTED
    (vote,) = await here.store.events("vote.cast")
    assert (vote["reasons"], vote["texts"]) == ([why.value], {})
    row = await here.store.row(votes)
    assert (row.code, row.reason) == (why.value, "")
    shown = (await here.shown(proposal))[f"proposal:{proposal.id}"]
    assert f"*Rejected* by <@U0BEN> at 20 Nov 10:00 UTC: {WORDS[why]}." in shown


async def test_words_go_with_a_reason_and_are_erasable(here: Office) -> None:
    proposal = await here.proposal()
    filled = {"code": "WRONG_DIAGNOSIS", "reason": " it is <!channel> the *database* "}
    await here.submit(BEN, modals.REJECT, proposal, filled)
    shown = (await here.shown(proposal))[f"proposal:{proposal.id}"]
    assert "Wrong diagnosis. it is &lt;!channel&gt; the *database*" in shown
    (vote,) = await here.store.events("vote.cast")
    assert vote["reasons"] == ["WRONG_DIAGNOSIS"]
    # Only its salted hash stands in the ledger.
    assert len(vote["texts"]["reason"]) == 64


async def test_other_without_words_is_told_in_the_form(here: Office) -> None:
    proposal = await here.proposal()
    for filled in ({"code": "OTHER", "reason": "  "}, {"reason": ""}):
        errors = await here.errors(modals.REJECT, proposal, filled)
        assert "goes on record" in errors["reason"]
        assert await here.submit(BEN, modals.REJECT, proposal, filled) == []
    assert await here.state(proposal) is ProposalState.PENDING


async def test_words_alone_are_enough(here: Office) -> None:
    proposal = await here.proposal()
    await here.submit(BEN, modals.REJECT, proposal, {"reason": "the owner asked me to wait"})
    row = await here.store.row(votes)
    assert (row.code, row.reason) == ("OTHER", "the owner asked me to wait")


@pytest.mark.parametrize("code", ["HACKED", "not_needed", "OTHER' OR 1=1", "A" * 5000])
async def test_a_reason_that_is_not_of_the_list_is_none(here: Office, code: str) -> None:
    proposal = await here.proposal()
    filled = {"code": code, "reason": "words"}
    assert "code" in await here.errors(modals.REJECT, proposal, filled)
    await here.submit(BEN, modals.REJECT, proposal, filled)
    assert await here.state(proposal) is ProposalState.PENDING


async def test_a_rejection_that_comes_too_late_is_told_why_and_shown_back(here: Office) -> None:
    proposal = await here.proposal()
    await here.press(ANA, cards.APPROVE, proposal)
    filled = {"code": "OTHER", "reason": "wait for <@U0MIA>, please"}
    (told,) = await here.submit(BEN, modals.REJECT, proposal, filled)
    assert "ALREADY_DECIDED" in told
    assert "You wrote: wait for &lt;@U0MIA&gt;, please" in told
    assert await here.refusals() == [(f"{TEAM}/{BEN}", "ALREADY_DECIDED")]


@pytest.mark.parametrize(
    ("person", "reason"), [(MIA, "NOT_IN_GROUP"), (GUEST, "IS_GUEST"), (EVE, "NOT_IN_GROUP")]
)
async def test_a_forged_form_rejects_nothing(here: Office, person: str, reason: str) -> None:
    proposal = await here.proposal()
    (told,) = await here.submit(person, modals.REJECT, proposal, {"code": "NOT_NEEDED"})
    assert reason in told
    assert await here.refusals() == [(f"{TEAM}/{person}", reason)]
    assert await here.state(proposal) is ProposalState.PENDING
