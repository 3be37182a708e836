"""A card says who asked for it, and so may not sign it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.slack import cards, modals
from policies.engine import Asked
from tests.bot.slack.office import BEN, MIA, TEAM, Office, office
from tests.bot.slack.test_batchcards import view
from tests.fakes.values import action, proposal


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as found:
        yield found


async def card(here: Office, requester: str | None = None) -> str:
    made = await here.proposal(requester)
    return (await here.shown(made))[f"proposal:{made.id}"]


async def test_a_card_says_who_asked_and_that_they_may_not_sign(here: Office) -> None:
    assert "Asked by <@U0MIA>, who may not sign this." in await card(here, requester=MIA)


async def test_a_card_of_an_alert_names_nobody(here: Office) -> None:
    assert "Asked by" not in await card(here)


async def test_a_card_says_where_whoever_asked_may_sign(here: Office) -> None:
    here.asks(Asked(n=1, groups=("oncall",), self_approval=True))
    said = await card(here, requester=MIA)
    assert "Whoever asked may sign off here (self-approval)._ Asked by <@U0MIA>." in said
    assert "may not sign" not in said


@pytest.mark.parametrize(
    ("agent", "whose"),
    [("campaign", "*Why <@U0MIA> asked for it*"), ("incident", "*Why, says the incident agent*")],
)
def test_a_card_says_whose_reason_it_gives(agent: str, whose: str) -> None:
    made = proposal(
        action=action(agent=agent), rationale="it is odd", requesters=(f"{TEAM}/{MIA}",)
    )
    assert f"{whose}\\n>it is odd" in str(cards.card(view(made), {})[1])


async def test_a_card_says_that_whoever_edited_may_not_sign_either(here: Office) -> None:
    made = await here.proposal(MIA)
    await here.submit(BEN, modals.EDIT, made, {"param.to": "newer"})
    said = (await here.shown(made))[f"proposal:{made.task_id}-2"]
    assert "Asked or edited by <@U0MIA> and <@U0BEN>, who may not sign this." in said
