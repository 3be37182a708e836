"""A proposal that only a newer version can read: its thread is shown, and its card refuses."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import update

from bot.slack import cards
from bot.store.tables import proposals
from policies.model import Proposal
from tests.bot.slack.office import BEN, TEAM, Office, office


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as found:
        yield found


async def made_newer(here: Office, proposal: Proposal) -> None:
    """Let a proposal say something that this version does not know."""
    body = json.dumps(json.loads(proposal.model_dump_json()) | {"something_new": 1})
    newer = update(proposals).where(proposals.c.id == proposal.id).values(body=body)
    await here.store.database.write(lambda connection: connection.execute(newer))


async def test_its_thread_is_shown_and_says_what_is_not(
    here: Office, caplog: pytest.LogCaptureFixture
) -> None:
    made = await here.proposal()
    before = await here.shown(made)
    assert f"proposal:{made.id}" in before
    await made_newer(here, made)
    after = await here.shown(made)
    assert after.keys() == before.keys() - {f"proposal:{made.id}"} | {f"unread:{made.id}"}
    told = after[f"unread:{made.id}"]
    assert f"A newer version of Signoff made `{made.id}`" in told
    assert f"`/signoff audit {made.task_id}`" in told
    assert f"not shown: {made.id}" in caplog.text


@pytest.mark.parametrize("action_id", [cards.APPROVE, cards.WITHDRAW, cards.ROLL_BACK, cards.EDIT])
async def test_a_press_on_its_card_is_refused_told_why_and_recorded(
    here: Office, action_id: str
) -> None:
    made = await here.proposal()
    await made_newer(here, made)
    (told,) = await here.press(BEN, action_id, made)
    assert told.startswith("A newer version of Signoff made this card")
    assert await here.refusals() == [(f"{TEAM}/{BEN}", "NEWER_VERSION")]
