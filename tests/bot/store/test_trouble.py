"""A locked file, a full disk, a closed database: writes wait, say why, and go on afterwards."""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert

from bot.store.engine import StoreUnavailable
from bot.store.tables import inbox
from tests.bot.store.test_engine import Attempts, note
from tests.bot.world import FakeClock, World, opened

# Several pages of a database.
LARGE = "x" * 200_000


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the file's write lock, as another program does."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.execute("ROLLBACK")
    other.close()


async def full(store: World) -> int:
    """Let the file grow no further, as on a full disk; returns the limit it had."""

    def unit(connection: Connection) -> int:
        before = connection.exec_driver_sql("PRAGMA max_page_count").scalar_one()
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
        return int(before)

    return await store.database.write(unit)


async def room(store: World, pages: int) -> None:
    """Make room again, beside whatever the writer is about to try."""

    def unit(connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    await store.database.write(unit)


def grow(connection: Connection) -> None:
    connection.execute(insert(inbox).values(**{**note("large"), "body": LARGE}))


async def test_a_write_waits_for_a_file_that_another_program_has_locked(
    store: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    unit = Attempts("waits")
    with locked(store.path):
        writing = asyncio.create_task(store.database.write(unit))
        # Longer than SQLite itself waits.
        await asyncio.sleep(5.5)
        assert not writing.done()
        assert store.database.trouble == "another program has locked the database"
    assert await writing == "waits"
    assert store.database.trouble is None
    assert [record.message for record in caplog.records] == [
        "nothing can be stored now: another program has locked the database; Signoff waits and"
        " tries again",
        "the database takes writes again",
    ]


async def test_a_write_that_nobody_can_wait_for_is_taken_back(store: World) -> None:
    with locked(store.path):
        first = asyncio.create_task(store.database.write(Attempts("first")))
        await asyncio.sleep(0.1)
        began_at = time.monotonic()
        with pytest.raises(StoreUnavailable):
            await store.database.write(Attempts("second"), within_s=0.2)
        assert time.monotonic() - began_at < 20
    await first
    await store.database.write(Attempts("third"))
    assert [row.key for row in await store.rows(inbox)] == ["first", "third"]


async def test_what_was_taken_back_while_the_file_was_waited_for_is_not_written(
    store: World,
) -> None:
    with locked(store.path):
        with pytest.raises(StoreUnavailable):
            await store.database.write(Attempts("taken back"), within_s=1.0)
        # SQLite itself still waits for the file: it gets it well before its own time is over.
        assert store.database.trouble is None
    await store.database.write(Attempts("after"))
    assert [row.key for row in await store.rows(inbox)] == ["after"]


async def test_a_full_disk_is_said_and_writing_goes_on_when_there_is_room(store: World) -> None:
    usual = await full(store)
    with pytest.raises(StoreUnavailable):
        await store.database.write(grow, within_s=1.5)
    assert store.database.trouble == "the disk is full"
    assert await store.rows(inbox) == []
    await room(store, usual)
    await store.database.write(grow)
    assert store.database.trouble is None
    assert len(await store.rows(inbox)) == 1


async def test_a_closed_database_says_so_instead_of_waiting_for_ever(tmp_path: Path) -> None:
    async with opened(tmp_path / "signoff.db", FakeClock()) as world:
        database = world.database
    with pytest.raises(StoreUnavailable, match="Signoff is stopping"):
        await database.write(Attempts("late"))


async def test_trouble_lasts_until_a_write_was_made_though_nobody_asks_for_one(
    store: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with locked(store.path):
        with pytest.raises(StoreUnavailable):
            await store.database.write(Attempts("taken back"), within_s=5.5)
        # By now nobody waits for a write, and the file is locked all the same.
        await asyncio.sleep(1.0)
        assert store.database.trouble == "another program has locked the database"
    deadline = time.monotonic() + 60
    while store.database.trouble is not None:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert await store.rows(inbox) == []
