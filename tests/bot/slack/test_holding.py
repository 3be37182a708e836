"""An incident's campaigns: listed, held by anybody who is a full member, lifted by operators."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection

from agents.report import FindingKind, Lead, Report
from agents.tasks import Task, TaskKind, TaskState
from bot.slack import leads
from bot.slack.blocks import Block
from bot.slack.leads import HOLD, LIFT
from bot.store.halts import switches
from bot.store.tables import posts, tasks
from bot.store.tasks import keep_step
from bot.store.threads import TaskView
from playground.workspace.model import User
from tests.bot.slack.deskside import Deskside, deskside
from tests.bot.slack.slackside import CHANNEL
from tests.bot.story import alert
from tests.bot.world import START
from tools.halts import HaltKind

LEADS = (
    Lead(platform="adplatform", id="cmp-1", name="Winter boots", state="ACTIVE", evidence="E9"),
    Lead(platform="adplatform", id="cmp-2", name="Rain <!here>", state="PAUSED", evidence="E9"),
)
REPORT = Report(outcome=FindingKind.FAULT, summary="It is broken.", campaigns=LEADS)
TS = {"campaigns": "1700000000.000001", "holds": "1700000000.000002"}


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Deskside]:
    async with deskside(tmp_path) as found:
        yield found


async def incident(here: Deskside, group: str = "incident:1") -> Task:
    """Make an incident whose thread shows the list and what is left at the end."""
    store = here.store
    task = await store.task(group)
    rows = [
        {
            "thread_id": task.thread_id,
            "key": f"{name}:{task.id}",
            "channel": CHANNEL,
            "ts": ts if group == "incident:1" else f"{ts}9",
            "digest": "",
            "begun_at": START,
        }
        for name, ts in TS.items()
    ]

    def unit(connection: Connection) -> None:
        owner = (task.id, task.tenant)
        keep_step(connection, store.context, owner, "report", REPORT.model_dump_json())
        connection.execute(posts.insert(), rows)

    await store.database.write(unit)
    return task


async def held(here: Deskside) -> list[tuple[HaltKind, str | None, str]]:
    found = await here.store.database.read(lambda connection: switches(connection, "default"))
    return [(halt.kind, halt.task_id, halt.name) for halt in found.halts]


async def test_a_full_member_holds_them_and_what_runs_is_proposed_to_be_paused(
    here: Deskside,
) -> None:
    task = await incident(here)
    (answer,) = await here.presses("U0MIA", HOLD, task.id, TS["campaigns"], times=2)
    assert "Held: `Winter boots`, `Rain &lt;!here&gt;`" in answer
    assert "A pause of `Winter boots` is proposed" in answer
    assert await held(here) == [(HaltKind.HOLD, task.id, lead.name) for lead in LEADS]
    made = await here.store.rows(tasks, kind=TaskKind.CAMPAIGN)
    assert [(row.target, row.title) for row in made] == [("cmp-1", "Pause campaign Winter boots")]
    (again,) = await here.presses("U0BEN", HOLD, task.id, TS["campaigns"])
    assert "held already" in again
    (told,) = await here.told()
    names = "`Winter boots`, `Rain &lt;!here&gt;`"
    assert told == f"<@U0MIA> holds for the incident {task.id}: {names}."


async def test_only_an_operator_lifts_a_hold_and_only_that_incident_s(here: Deskside) -> None:
    one, two = await incident(here), await incident(here, "incident:2")
    await here.presses("U0MIA", HOLD, one.id, TS["campaigns"])
    await here.presses("U0MIA", HOLD, two.id, f"{TS['campaigns']}9")
    (answer,) = await here.presses("U0BEN", LIFT, one.id, TS["holds"])
    assert "Only members of `operators` (<!subteam^S0OPERATORS>) can lift a hold" in answer
    (refused,) = await here.store.events("click.refused")
    assert refused["reasons"] == ["NOT_IN_GROUP"]
    (answer,) = await here.presses("U0ANA", LIFT, one.id, TS["holds"])
    nothing = "Nothing that is signed off waits, so nothing is done now."
    assert answer == f"Lifted: `Winter boots`, `Rain &lt;!here&gt;`. {nothing}"
    assert {task_id for _, task_id, _ in await held(here)} == {two.id}
    (answer,) = await here.presses("U0ANA", LIFT, one.id, TS["holds"])
    assert "Nothing is held" in answer


async def test_a_guest_holds_nothing_and_is_told_why(here: Deskside) -> None:
    task = await incident(here)
    guest = User(id="U0GUEST", name="gus", real_name="Gus", is_restricted=True)
    here.side.workspace.state.users[guest.id] = guest
    (answer,) = await here.presses(guest.id, HOLD, task.id, TS["campaigns"])
    assert "Only full members can hold campaigns" in answer
    assert await held(here) == []
    assert [event["reasons"] for event in await here.store.events("click.refused")] == [
        ["IS_GUEST"]
    ]


@pytest.mark.parametrize("where", ["holds", "elsewhere"])
async def test_a_value_on_another_message_holds_nothing(here: Deskside, where: str) -> None:
    task = await incident(here)
    ts = TS.get(where, "1700000000.000099")
    if where == "elsewhere":
        other = await incident(here, "incident:2")
        ts = f"{TS['campaigns']}9"
        assert other.id != task.id
    (answer,) = await here.presses("U0MIA", HOLD, task.id, ts)
    assert "does not belong to that card" in answer
    assert await held(here) == []


async def view_of(here: Deskside, task: Task) -> TaskView:
    thread = await here.side.threads.thread(task.thread_id)
    (view,) = await here.side.threads.view(thread)
    return view


def buttons(made: tuple[str, list[Block]]) -> list[str]:
    return [block["elements"][0]["action_id"] for block in made[1] if block["type"] == "actions"]


async def test_the_thread_lists_them_and_says_what_is_held_when_it_is_over(here: Deskside) -> None:
    task = await incident(here)
    view = await view_of(here, task)
    assert buttons(leads.listed(view)) == [HOLD]
    assert "&lt;!here&gt;" in str(leads.listed(view))
    await here.presses("U0MIA", HOLD, task.id, TS["campaigns"])
    view = await view_of(here, task)
    assert view.has_held
    assert buttons(leads.listed(view)) == []
    assert "*held* by <@U0MIA> at 20 Nov 10:00 UTC" in str(leads.listed(view))
    assert not leads.is_over(view)
    over = replace(view, alerts=((alert(), 1, START),))
    assert leads.is_over(over)
    assert leads.is_over(
        replace(view, task=view.task.model_copy(update={"state": TaskState.COMPLETED}))
    )
    assert "*The incident is over*; still held" in str(leads.left_held(over))
    assert buttons(leads.left_held(over)) == [LIFT]
    await here.presses("U0ANA", LIFT, task.id, TS["holds"])
    after = leads.left_held(await view_of(here, task))
    assert buttons(after) == []
    assert "is lifted" in str(after)
