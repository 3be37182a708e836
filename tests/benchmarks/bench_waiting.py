"""What it costs to wait: `signoff run` beside the local workspace, with nothing to do.

The reference is the same program over a database without a task. CPU is what the kernel counts for
the process (/proc/PID/stat) in a time in which nothing happens, as a share of one core; the start
is from the kernel's start of the process to the first 200 from /readyz; of restarts, the median.
"""

import asyncio
from pathlib import Path
from statistics import median

import aiohttp

from playground.world import Plan, World, free_port
from tests.benchmarks.conftest import Show
from tests.benchmarks.waiting import Process, bot_of_this_process, filled

WAITING = 10_000
RESTARTS = 5
SETTLE_S, IDLE_S, READY_S = 8.0, 20.0, 60.0


async def test_ten_thousand_waiting_proposals(tmp_path: Path, show: Show) -> None:
    table: list[tuple[object, ...]] = [
        ("waiting", "first start s", "restart s", "idle CPU %", "its memory MB")
    ]
    for waiting in (0, WAITING):
        folder = tmp_path / str(waiting)
        folder.mkdir()
        if waiting:
            await filled(folder / "signoff.db", waiting)
        table.append((waiting, *await _measured(folder)))
    show(
        f"{WAITING:,} proposals wait: idle for {IDLE_S:g} s, start until /readyz says 200"
        " (aim: under 1 % of a core, under 2 s)",
        table,
    )


async def _measured(folder: Path) -> tuple[float, float, float, float]:
    plan = Plan(seed=1, folder=folder, alertmanager_url=f"http://127.0.0.1:{free_port()}")
    async with World(plan) as world, aiohttp.ClientSession() as session:
        first_s, bot = await _ready(world, session, None)
        await asyncio.sleep(SETTLE_S)
        restarts = []
        for _ in range(RESTARTS):
            world.bot.kill()
            again_s, bot = await _ready(world, session, bot)
            restarts.append(again_s)
            await asyncio.sleep(SETTLE_S)
        before = bot.cpu_s
        await asyncio.sleep(IDLE_S)
        share = (bot.cpu_s - before) / IDLE_S * 100
        assert not world.workspace.unknown_calls
        return first_s, median(restarts), share, bot.memory_mb


async def _ready(
    world: World, session: aiohttp.ClientSession, old: Process | None
) -> tuple[float, Process]:
    """Return how old the bot was when it answered."""
    url = f"http://127.0.0.1:{world.bot_port}/readyz"
    async with asyncio.timeout(READY_S):
        while True:
            bot = bot_of_this_process()
            if bot is not None and bot != old and await _answers(session, url):
                return bot.age_s, bot
            await asyncio.sleep(0.02)


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False
