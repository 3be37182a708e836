"""An alert that resolves after a sign-off: what is told of it, and which sign-offs count."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agents.alerts import AlertStatus
from bot.slack import cards, modals
from bot.slack.halts import OVER
from bot.store.tables import alerts
from policies.engine import Asked
from policies.model import DEFAULT_TENANT, Proposal, ProposalState
from tests.bot.slack.office import ANA, BEN, TEAM, Office, office
from tests.bot.story import alert

GAP_S = 5


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as found:
        yield found


async def signed_off(here: Office, person: str) -> Proposal:
    made = await here.proposal()
    await here.press(person, cards.APPROVE, made)
    assert (await here.store.standing(made)).approvers == (f"{TEAM}/{person}",)
    return made


async def resolve(here: Office, proposal: Proposal) -> None:
    """Let the alert of a proposal's task resolve now."""
    here.store.clock.forward(GAP_S)
    now, found = here.store.clock.now(), alert(AlertStatus.RESOLVED, proposal.task_id)
    row = {
        "tenant": DEFAULT_TENANT,
        "fingerprint": found.fingerprint,
        "group_key": proposal.task_id,
        "body": found.model_dump_json(),
        "status": found.status,
        "starts_at": found.starts_at,
        "resolved_at": now,
        "episodes": 1,
        "task_id": proposal.task_id,
        "received_at": now,
    }
    await here.store.database.write(lambda connection: connection.execute(alerts.insert(), row))


async def card(here: Office, proposal: Proposal) -> str:
    return (await here.shown(proposal))[f"proposal:{proposal.id}"]


async def test_a_resume_says_of_what_resolved_that_it_is_not_done_any_more(here: Office) -> None:
    over, goes_on = await signed_off(here, BEN), await signed_off(here, BEN)
    await here.command(ANA, "pause look first")
    await resolve(here, over)
    status = await here.command(ANA, "status")
    assert f"|{over.title}> in `staging`. {OVER} It is not done any more\n" in status
    assert f"|{goes_on.title}> in `staging`\n" in status
    said = await card(here, over)
    assert f"{OVER} So it is not done after `/signoff resume REASON` either." in said
    assert "It is done as soon as" in await card(here, goes_on)
    told = await here.command(ANA, "resume looked")
    assert told == (
        f"Signoff goes on. 1 action that waited for this goes on now: *{goes_on.title}*."
        f" Not done any more: *{over.title}*. {OVER} `/triage` looks anew."
    )
    await here.worked()
    states = [await here.state(one) for one in (over, goes_on)]
    assert states == [ProposalState.DRIFTED, ProposalState.EXECUTED]


async def test_what_resolved_and_fires_again_goes_on_with_a_resume(here: Office) -> None:
    made = await signed_off(here, BEN)
    await here.command(ANA, "pause look first")
    await resolve(here, made)
    again = alerts.update().values(status=AlertStatus.FIRING, resolved_at=None)
    await here.store.database.write(lambda connection: connection.execute(again))
    told = await here.command(ANA, "resume looked")
    assert told.endswith(f"goes on now: *{made.title}*.")
    await here.worked()
    assert await here.state(made) is ProposalState.EXECUTED


async def test_a_sign_off_of_before_counts_with_one_of_after_and_the_card_says_so(
    here: Office,
) -> None:
    here.asks(Asked(n=2, groups=("oncall",)))
    made = await signed_off(here, ANA)
    await resolve(here, made)
    said = await card(here, made)
    assert "Signed off so far by <@U0ANA>." in said
    assert "The alert has resolved since that sign-off, which still counts." in said
    here.store.clock.forward(GAP_S)
    await here.press(BEN, cards.APPROVE, made)
    await here.worked()
    assert await here.state(made) is ProposalState.EXECUTED


async def test_who_signed_off_before_may_still_reject(here: Office) -> None:
    here.asks(Asked(n=2, groups=("oncall",)))
    made = await signed_off(here, ANA)
    await resolve(here, made)
    assert await here.submit(ANA, modals.REJECT, made, {"reason": "it is over"}) == []
    assert await here.state(made) is ProposalState.REJECTED
