"""What the verdict's card says of a way back that waits, ended or is not there any more."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agents.tasks import Task
from bot.slack.sender import ATTEMPTS
from bot.store.freezes import Campaign, freeze_campaign
from bot.store.notices import Order
from tests.bot.slack.lampside import Bench, bench, words

# What Slack said of somebody is asked again after half a minute, and counts for a minute.
LATER_S, TOO_LATE_S = 31, 61
ASKED = "*Rolling back*, asked by <@U0BEN>."


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as made:
        yield made


async def switched(here: Bench) -> Task:
    """Let one lamp be switched."""
    task = await here.task("hall")
    await here.press("U0ANA", "Approve", await here.card("proposal:"))
    await here.work()
    return task


async def asked_back(here: Bench) -> Task:
    """Let Ben want back what was switched."""
    task = await switched(here)
    card = await here.card(f"verdict:{task.id}-1")
    assert await here.press("U0BEN", "Roll back", card) == []
    return task


async def verdict(here: Bench, task: Task) -> str:
    await here.work()
    return words(await here.card(f"verdict:{task.id}-1"))


async def test_whose_word_counts_no_more_is_mentioned(here: Bench) -> None:
    task = await asked_back(here)
    here.side.workspace.state.users["U0BEN"].is_deleted = True
    here.side.store.clock.forward(LATER_S)
    said = await verdict(here, task)
    assert "*Not rolled back.* The word of <@U0BEN> counts no more" in said
    assert here.house.lamps == {"hall": "new"}


async def test_of_whom_slack_says_nothing_is_mentioned(here: Bench) -> None:
    task = await asked_back(here)
    here.side.workspace.faults.lose_answer("users.info", ATTEMPTS)
    here.side.store.clock.forward(TOO_LATE_S)
    assert f"{ASKED} Slack does not say now who <@U0BEN> is" in await verdict(here, task)


async def test_who_froze_is_mentioned_and_nobody_by_the_reason_they_gave(here: Bench) -> None:
    task = await asked_back(here)
    order = Order(person="T0PLAY/U0ANA", reason="as T0PLAY/U0MIA said")
    lamp, context = Campaign(platform="fake", key="hall", name="hall"), here.side.store.context
    await here.side.store.database.write(lambda one: freeze_campaign(one, context, order, lamp))
    said = await verdict(here, task)
    assert f"{ASKED} The campaign is frozen by <@U0ANA>: as T0PLAY/U0MIA said." in said
