"""`/signoff status` names what waits, for whom and until when, and leads to it."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import update

from bot.config import Group
from bot.slack import cards, modals
from bot.slack.limits import TEXT
from bot.slack.status import MOST, MOST_UNFINISHED, NOTHING, needed
from bot.store.tables import executions, proposals, tasks
from policies.engine import Asked
from policies.model import ProposalState
from tests.bot.slack.office import ANA, BEN, GROUPS, GUEST, ZOE, Office, office
from tests.bot.slack.slackside import CHANNEL, WORKSPACE
from tests.bot.world import ts_of
from tests.fakes.values import clause
from tools.base import Unavailable

ONCALL = "`oncall` (<@U0ANA>, <@U0BEN>, <@U0ROBOT>, <@U0GUEST>, <@U0GONE>)"


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as found:
        yield found


async def test_status_says_that_no_proposal_waits(here: Office) -> None:
    lines = (await here.command(BEN, "status")).splitlines()
    assert lines[1:3] == ["0 tasks are open.", NOTHING]


async def test_status_names_what_waits_for_whom_until_when_and_leads_there(here: Office) -> None:
    made = await here.proposal()
    told = await here.command(BEN, "status")
    place = f"{WORKSPACE}archives/{CHANNEL}/p{ts_of(made.id).replace('.', '')}"
    until = made.expires_at.strftime("%d %b %H:%M UTC")
    assert "*1 proposal waits for a sign-off*" in told
    assert f"• <{place}|{made.title}> in `staging` needs *1* of {ONCALL}, until {until}" in told
    assert NOTHING not in told


async def test_status_says_whose_sign_off_is_still_missing(here: Office) -> None:
    here.asks(Asked(n=1, groups=("oncall",)), Asked(n=1, groups=("sre",)))
    made = await here.proposal()
    await here.press(BEN, cards.APPROVE, made)
    told = await here.command(ANA, "status")
    assert "needs *1* more of `sre` (<@U0ZOE>) (signed off by <@U0BEN>)" in told


async def test_status_names_what_is_signed_off_and_has_not_begun(here: Office) -> None:
    made = [await here.proposal() for _ in range(MOST_UNFINISHED + 2)]
    for one in made:
        await here.press(BEN, cards.APPROVE, one)
    await here.command(ANA, "pause look first")
    told = await here.command(ANA, "status")
    place = f"{WORKSPACE}archives/{CHANNEL}/p{ts_of(made[0].id).replace('.', '')}"
    listed = told.split("*Signed off and not begun yet*\n")[1]
    assert listed.startswith(f"• <{place}|{made[0].title}> in `staging`\n")
    assert listed.count(made[0].title) == MOST_UNFINISHED
    assert "• and 2 more\n" in listed
    await here.command(ANA, "resume looked")
    await here.worked()
    assert "not begun" not in await here.command(ANA, "status")


async def test_status_names_an_undoing_that_has_not_begun(here: Office) -> None:
    made = await here.proposal()
    await here.press(BEN, cards.APPROVE, made)
    await here.worked()
    await here.press(BEN, cards.ROLL_BACK, made)
    assert f"|Undo: {made.title}> in `staging`" in await here.command(ANA, "status")
    await here.worked()
    assert "Undo: " not in await here.command(ANA, "status")


async def test_status_leads_to_what_a_person_has_to_look_at(here: Office) -> None:
    made = await here.proposal()
    await here.press(BEN, cards.APPROVE, made)
    here.system.faults["act"] = Unavailable("gone")
    await here.worked()
    assert await here.state(made) is ProposalState.UNKNOWN
    head = "*Somebody has to look whether it happened*"
    assert head not in await here.command(ANA, "status")
    asked = update(executions).values(escalated_at=here.store.clock.now())
    await here.store.database.write(lambda connection: connection.execute(asked))
    await here.noted(f"unknown:{made.id}:forward", made.task_id, "1700000000.000100")
    there = f"<{WORKSPACE}archives/{CHANNEL}/p1700000000000100|{made.title}>"
    assert f"{head}\n• {there} in `staging`\n" in await here.command(ANA, "status")


async def test_a_glass_to_review_is_not_told_as_nothing_that_waits(tmp_path: Path) -> None:
    groups = {**GROUPS, "break-glass": Group(users=(ZOE,))}
    async with office(tmp_path, groups) as here:
        made = await here.proposal()
        words = {"reason": "checkout is down", "word": "break"}
        assert await here.submit(ZOE, modals.GLASS, made, words) == []
        told = await here.command(ANA, "status")
    assert f"• Broken glass to review: `{made.id}`, by <@U0ZOE>" in told
    assert "Nothing waits" not in told


def test_without_members_all_that_was_asked_is_named() -> None:
    asked = (clause(1, "oncall"), clause(2, "sre", "operators"))
    said = needed(asked, ("T0PLAY/U0BEN",), {}, {"sre": "<@U0ZOE>"})
    whom = "*1* of `oncall` and *2* of `sre` (<@U0ZOE>) or `operators`"
    assert said == f"{whom} (signed off by <@U0BEN>)"


async def test_status_names_a_few_of_many_and_stays_short(tmp_path: Path) -> None:
    groups = {**GROUPS, "oncall": Group(users=tuple(f"U0PERSON{n}" for n in range(60)))}
    async with office(tmp_path, groups) as here:
        for _ in range(MOST + 3):
            await here.proposal()
        told = await here.command(ZOE, "status")
    assert f"*{MOST + 3} proposals wait for a sign-off*" in told
    assert told.count(" needs *1* of `oncall` (") == MOST
    assert "<@U0PERSON4>, 55 more)" in told
    assert "• and 3 more" in told
    assert len(told) < TEXT


async def test_status_lists_what_only_a_newer_version_reads_and_says_what_to_do(
    here: Office, caplog: pytest.LogCaptureFixture
) -> None:
    strange, known = await here.proposal(), await here.proposal()
    body = json.dumps(json.loads(strange.model_dump_json()) | {"something_new": 1})
    newer = update(proposals).where(proposals.c.id == strange.id).values(body=body)
    await here.store.database.write(lambda connection: connection.execute(newer))
    told = await here.command(BEN, "status")
    assert "*2 proposals wait for a sign-off*" in told
    place = f"{WORKSPACE}archives/{CHANNEL}/p{ts_of(strange.id).replace('.', '')}"
    said = "can't be read by this version of Signoff: start the newer one that made it"
    assert f"• <{place}|{strange.id}> {said}" in told
    assert f"|{known.title}> in `staging` needs *1* of {ONCALL}" in told
    assert "more" not in told
    assert f"told of {strange.id} without what it asks" in caplog.text


async def test_status_lists_what_is_of_a_task_that_only_a_newer_version_knows(
    here: Office,
) -> None:
    made = await here.proposal()
    newer = update(tasks).where(tasks.c.id == made.task_id).values(kind="something-new")
    await here.store.database.write(lambda connection: connection.execute(newer))
    assert f"|{made.id}> can't be read by this version" in await here.command(BEN, "status")


async def test_status_tells_what_was_proposed_in_one_go_on_one_line(here: Office) -> None:
    made = [await here.proposal() for _ in range(4)]
    together = update(proposals).where(proposals.c.id.in_([one.id for one in made[:3]]))
    await here.store.database.write(
        lambda connection: connection.execute(together.values(batch=made[0].id))
    )
    told = await here.command(BEN, "status")
    assert "*4 proposals wait for a sign-off*" in told
    assert told.count(" needs *1* of `oncall` (") == 2
    assert "in `staging` and 2 alike; the first needs *1* of" in told
    assert "more\n" not in told


async def test_a_guest_is_told_nothing_of_what_waits(here: Office) -> None:
    made = await here.proposal()
    told = await here.command(GUEST, "status")
    assert made.title not in told
    assert made.id not in told
