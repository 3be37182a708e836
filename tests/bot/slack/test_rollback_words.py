"""What the verdict's card says of a way back that waits, ended or is not there any more."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from agents.tasks import Task
from bot.slack.rollbacks import form
from bot.slack.sender import ATTEMPTS
from bot.slack.undoing import no_way_back
from bot.store.freezes import Campaign, freeze_campaign
from bot.store.notices import Order
from tests.bot.slack.lampside import WITHIN_S, Bench, bench, buttons, label, words
from tests.bot.slack.slackside import running, until
from tools.catalogue import Catalogue

# What Slack said of somebody is asked again after half a minute, and counts for a minute.
LATER_S, TOO_LATE_S = 31, 61
WINDOW_S = 3600
NOT_FROM_HERE = "*It can't be undone from here:* `fake_set` is version 2 now, not 1."
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


@pytest.mark.parametrize("age_s", [0, WINDOW_S + 60])
async def test_after_an_upgrade_and_a_restart_no_button_is_offered_that_would_be_refused(
    here: Bench, age_s: int
) -> None:
    task = await switched(here)
    card = await here.card(f"verdict:{task.id}-1")
    assert [label(one) for one in buttons(card)] == ["Roll back"]
    catalogue = here.desk.catalogue
    vars(catalogue.writing("fake_set")).update(version=2)
    here.side.store.clock.forward(age_s)
    async with running(here.side, partial(no_way_back, catalogue)):

        async def is_told() -> bool:
            return NOT_FROM_HERE in words(await here.card(f"verdict:{task.id}-1"))

        await until(is_told, WITHIN_S)
    assert buttons(await here.card(f"verdict:{task.id}-1")) == []


async def test_a_tool_that_is_gone_is_told(here: Bench) -> None:
    task = await switched(here)
    row = (await here.rows(task))[0]
    assert row.proposal.action.inverse is not None
    said = no_way_back(Catalogue([]), row.proposal.action.inverse)
    assert said == "*The tool* `fake_set` *is gone:* it can't be undone from here."


async def test_the_form_names_on_its_button_what_is_done_by_it(here: Bench) -> None:
    task = await switched(here)
    who = {"user_id": "U0BEN", "team_id": "T0PLAY"}
    body = {"text": f"rollback {task.id}", "channel_id": "C0INCIDENTS", **who}
    now = await form(here.desk, body)
    here.side.store.clock.forward(WINDOW_S + 60)
    later = await form(here.desk, body)
    assert now is not None
    assert later is not None
    assert (now["submit"]["text"], later["submit"]["text"]) == ("Roll back", "Propose to undo")
