"""Who asks for what is under way is led to it; a pause is asked for by its campaign's name."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agents.campaign.digest import Digest, DigestRow
from agents.report import FindingKind, Report
from agents.services import Place, Service
from agents.tasks import TaskKind
from bot.slack import forms, modals
from bot.store.boxes import Inbox
from bot.store.engine import Connection
from bot.store.tables import tasks, threads
from bot.store.tasks import keep_step
from tests.bot.slack.deskside import TEAM, Deskside, deskside
from tests.bot.slack.slackside import CHANNEL, WORKSPACE, running

SERVICES = {"checkout": Service(environments={"staging": Place(channel=CHANNEL)})}
ROW = DigestRow(
    campaign_id="cmp-7",
    name="Winter boots",
    state="active",
    owner="mia",
    daily_budget="10.00 EUR",
    spend=None,
    spend_before=None,
    planned=None,
    conversions=None,
    conversions_before=None,
    is_running=True,
    attention=(),
)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Deskside]:
    async with deskside(tmp_path, services=SERVICES) as found:
        yield found


async def test_a_second_triage_leads_to_the_open_thread_and_says_how_to_look_anew(
    here: Deskside,
) -> None:
    assert await here.says("U0MIA", "/triage checkout staging") == []
    async with running(here.side):
        await here.side.shown()
    (told,) = await here.says("U0BEN", "/triage checkout staging")
    root = (await here.store.row(threads)).root_ts
    stamp = root.replace(".", "")
    there = f"<{WORKSPACE}archives/{CHANNEL}/p{stamp}|its thread>"
    assert told.startswith(f"This is under way already, in {there}: task `T-")
    assert "Nothing new is begun for it while it is open: answer or withdraw what waits" in told
    assert told.endswith("When it is over: `/triage checkout staging` looks anew.")
    assert len(await here.store.rows(tasks)) == 1


async def pause_proposed(here: Deskside, campaign_id: str) -> str:
    """Send the form that proposes a pause, and return the title of what begins."""
    view = {
        "callback_id": modals.PAUSE,
        "private_metadata": f"{campaign_id}:{CHANNEL}",
        "state": {"values": {"reason": {"reason.value": {"value": "it is odd"}}}},
    }
    body = {"user": {"id": "U0MIA", "team_id": TEAM}, "view": view}
    inbox = Inbox(here.store.context)
    assert await inbox.put("view:1", "view", body)
    (letter,) = await inbox.due()
    await forms.submit(here.desk, letter)
    (row,) = await here.store.rows(tasks, kind=TaskKind.CAMPAIGN)
    return str(row.title)


async def test_a_pause_is_titled_by_the_name_that_the_digest_tells(here: Deskside) -> None:
    task = await here.store.task(kind=TaskKind.DIGEST)
    digest = Digest(since="2026-11-13", until="2026-11-19", rows=(ROW,), as_of=None)
    report = Report(
        outcome=FindingKind.HEALTHY, summary="Fine.", attachment=digest.model_dump_json()
    )

    def unit(connection: Connection) -> None:
        owner = (task.id, task.tenant)
        keep_step(connection, here.store.context, owner, "report", report.model_dump_json())

    await here.store.database.write(unit)
    form = await forms.pause_form(here.desk, "cmp-7,cmp-8", CHANNEL)
    asked = form["blocks"][0]["text"]["text"]
    assert "*A pause is proposed of*\n• Winter boots\n• cmp-8\nNothing stops yet" in asked
    assert form["private_metadata"] == f"cmp-7,cmp-8:{CHANNEL}"
    assert await pause_proposed(here, "cmp-7") == "Pause campaign Winter boots"


async def test_a_pause_of_what_no_digest_knows_is_titled_by_its_id(here: Deskside) -> None:
    assert await pause_proposed(here, "cmp-7") == "Pause campaign cmp-7"
