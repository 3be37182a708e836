"""How many units of three statements are committed in a second, from concurrent callers.

A unit reads a row, changes it by compare-and-set, and inserts another: the pattern of a vote, of
the inbox, of a claim. It goes through `Database.write` and SQLAlchemy as every unit of work does;
the reference runs the same three statements by `sqlite3` itself, in groups of the same size with
the same durability.
"""

import asyncio
import sqlite3
import time
from functools import partial
from pathlib import Path

from sqlalchemy import insert, select, update

from bot.store.engine import BUSY_MS, Connection
from bot.store.records import texts
from bot.store.tables import controls
from tests.benchmarks.conftest import Show
from tests.benchmarks.load import Rate
from tests.bot.world import START, FakeClock, World, opened

COUNTS = {1: 500, 10: 2_000, 100: 5_000}
TENANT = "default"
_TABLES = (
    "CREATE TABLE controls (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE texts (seq INTEGER, name TEXT, tenant TEXT, salt TEXT, value TEXT,"
    " PRIMARY KEY (seq, name))",
)


async def test_three_statement_units_per_second(tmp_path: Path, show: Show) -> None:
    table: list[tuple[object, ...]] = [
        ("callers", "units", "per commit", "units/s", "bare units/s", "ratio")
    ]
    for callers, count in COUNTS.items():
        async with opened(tmp_path / f"{callers}.db", FakeClock()) as world:
            own = await _through_the_store(world, callers, count)
            rows = await world.rows(controls, name="counter")
            assert [row.value for row in rows] == [str(count)]
        batch = round(own.count / own.commits)
        bare = await asyncio.to_thread(_bare, tmp_path / f"{callers}.bare.db", count, batch)
        ratio = own.per_s / bare.per_s
        table.append((callers, count, batch, round(own.per_s), round(bare.per_s), ratio))
    show("Units of three statements, against sqlite3 alone", table)


async def _through_the_store(world: World, callers: int, count: int) -> Rate:
    first = {"name": "counter", "value": "0", "by": "bench", "at": START}
    await world.database.write(lambda connection: connection.execute(insert(controls), first))
    left, commits = iter(range(count)), list[None]()
    world.database.on_commit(lambda: commits.append(None))

    async def call() -> None:
        for number in left:
            await world.database.write(partial(_unit, number))

    began = time.perf_counter()
    await asyncio.gather(*(call() for _ in range(callers)))
    return Rate(count=count, seconds=time.perf_counter() - began, commits=len(commits))


def _unit(number: int, connection: Connection) -> bool:
    of_counter = controls.c.name == "counter"
    value = connection.execute(select(controls.c.value).where(of_counter)).scalar_one()
    done = connection.execute(
        update(controls)
        .where(of_counter, controls.c.value == value)
        .values(value=str(int(value) + 1))
    )
    connection.execute(insert(texts).values(seq=number, name="x", salt="00", value="y" * 100))
    return done.rowcount == 1


def _bare(path: Path, count: int, batch: int) -> Rate:
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in (f"busy_timeout={BUSY_MS}", "journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    for table in _TABLES:
        connection.execute(table)
    connection.execute("INSERT INTO controls VALUES ('counter', '0')")
    commits, began = 0, time.perf_counter()
    for start in range(0, count, batch):
        connection.execute("BEGIN IMMEDIATE")
        for number in range(start, min(start + batch, count)):
            of_counter = connection.execute("SELECT value FROM controls WHERE name = 'counter'")
            (value,) = of_counter.fetchone()
            connection.execute(
                "UPDATE controls SET value = ? WHERE name = 'counter' AND value = ?",
                (str(int(value) + 1), value),
            )
            row = (number, "x", TENANT, "00", "y" * 100)
            connection.execute("INSERT INTO texts VALUES (?, ?, ?, ?, ?)", row)
        connection.execute("COMMIT")
        commits += 1
    seconds = time.perf_counter() - began
    connection.close()
    return Rate(count=count, seconds=seconds, commits=commits)
