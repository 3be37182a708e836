"""What it costs to draw a storm's thread of 500 incidents, each with a report of about 30 kB.

`read` is the view of the thread from its rows, on the reader's connection; `laid out` makes its
messages of them. `reports` is a part of `read`: the question which reports name campaigns, for
which the database parses each of them. Times are the median of the draws.
"""

import time
from pathlib import Path
from statistics import median

from sqlalchemy import Connection, func, select

from agents.report import FindingKind, Lead, Report
from agents.tasks import Task
from bot.slack.threads import posts
from bot.store.proposals import add_proposal
from bot.store.storms import STORM_AFTER
from bot.store.tables import steps
from bot.store.tasks import create_task, keep_step
from bot.store.threads import Thread, ThreadStore
from tests.benchmarks.conftest import Show
from tests.bot.world import START, FakeClock, Wish, World, new_task, opened, proposal_for
from tools.base import Evidence

TASKS, DRAWS, EVIDENCE = 500, 15, 20
BOOTS = Lead(platform="ads", id="cmp-1", name="Boots", state="ACTIVE", evidence="E9")
MENTIONS = {"oncall": "<!subteam^S0ONCALL>", "operators": "<@U0ANA>"}


async def test_the_draw_of_a_storm(tmp_path: Path, show: Show) -> None:
    table: list[tuple[object, ...]] = [
        ("proposals", "name campaigns", "read ms", "laid out ms", "reports ms")
    ]
    for proposing, leading in ((0, 0), (25, 0), (0, 25), (100, 0)):
        path = tmp_path / f"{proposing}-{leading}.db"
        async with opened(path, FakeClock()) as world:
            thread = await _storm(world, proposing, leading)
            table.append((proposing, leading, *await _drawn(world, thread)))
    show(f"One draw of a storm of {TASKS} incidents (at most once a second)", table)


async def _drawn(world: World, thread: Thread) -> tuple[float, float, float]:
    store, read, laid, asked = ThreadStore(world.context), [], [], []
    for _ in range(DRAWS):
        began = time.perf_counter()
        views = await store.view(thread)
        read.append(time.perf_counter() - began)
        began = time.perf_counter()
        assert posts(views, MENTIONS, world.clock.now(), is_storm=True)
        laid.append(time.perf_counter() - began)
        assert len(views) == TASKS
        began = time.perf_counter()
        await world.database.read(_naming)
        asked.append(time.perf_counter() - began)
    return median(read) * 1e3, median(laid) * 1e3, median(asked) * 1e3


def _naming(connection: Connection) -> int:
    naming = func.json_array_length(steps.c.result, "$.campaigns") > 0
    query = select(func.count()).select_from(steps).where(steps.c.name == "report", naming)
    return int(connection.execute(query).scalar_one())


async def _storm(world: World, proposing: int, leading: int) -> Thread:
    """Return the thread of a storm of which so many tasks propose, and so many name campaigns."""

    def unit(connection: Connection) -> Task:
        made = [
            create_task(connection, world.context, new_task(f"incident:{number}"))[0]
            for number in range(STORM_AFTER + TASKS)
        ][STORM_AFTER:]
        for place, task in enumerate(made):
            report = _report(with_lead=place < leading).model_dump_json()
            keep_step(connection, world.context, (task.id, task.tenant), "report", report)
            if place < proposing:
                proposal = proposal_for(task, 1, world.clock.now(), Wish())
                add_proposal(connection, world.context, proposal)
        return made[0]

    first = await world.database.write(unit)
    return await ThreadStore(world.context).thread(first.thread_id)


def _report(*, with_lead: bool) -> Report:
    found = tuple(
        Evidence(
            id=f"E{number}",
            label="Errors",
            source="shop",
            tool="shop_logs",
            query="errors of checkout in staging",
            taken_at=START,
            excerpt="pool exhausted: acquire took 2.4 s; " * 40,
        )
        for number in range(EVIDENCE)
    )
    campaigns = (BOOTS,) if with_lead else ()
    return Report(
        outcome=FindingKind.FAULT, summary="It broke.", evidence=found, campaigns=campaigns
    )
