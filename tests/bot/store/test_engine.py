"""The writer commits in groups, one process holds the file, and reads see one picture."""

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, create_engine, func, insert, select, update

from bot.store.engine import BATCH, Database, StoreError, is_answering
from bot.store.schema import migrate
from bot.store.tables import controls, inbox, ledger
from tests.bot.world import START, FakeClock, World, opened


def note(key: str) -> dict[str, object]:
    return {"key": key, "kind": "event", "body": "{}", "received_at": START, "due_at": START}


class FakeHold:
    """A unit of work that keeps the writer busy until the test lets it go."""

    def __init__(self) -> None:
        self.begun, self.free = threading.Event(), threading.Event()

    def __call__(self, connection: Connection) -> None:
        del connection
        self.begun.set()
        assert self.free.wait(10)


async def queued_behind(
    database: Database, hold: FakeHold, *writes: "asyncio.Task[object]"
) -> list[object]:
    """Let writes pile up behind a unit that holds the writer, then let all go."""
    await asyncio.to_thread(hold.begun.wait, 10)
    await asyncio.sleep(0)
    hold.free.set()
    return await asyncio.gather(*writes, return_exceptions=True)


class Attempts:
    """A unit that inserts one row, and counts how often it ran."""

    def __init__(self, key: str, fault: Exception | None = None) -> None:
        self.key, self.fault, self.runs = key, fault, 0

    def __call__(self, connection: Connection) -> str:
        self.runs += 1
        connection.execute(insert(inbox).values(**note(self.key)))
        if self.fault is not None:
            raise self.fault
        return self.key


async def pile(database: Database, units: list[Attempts]) -> list[object]:
    hold = FakeHold()
    holding = asyncio.create_task(database.write(hold))
    await asyncio.to_thread(hold.begun.wait, 10)
    writes = [asyncio.create_task(database.write(unit)) for unit in units]
    await asyncio.sleep(0)
    hold.free.set()
    results = await asyncio.gather(*writes, return_exceptions=True)
    await holding
    return list(results)


async def test_what_is_queued_is_committed_in_one_transaction(store: World) -> None:
    commits = 0

    def committed() -> None:
        nonlocal commits
        commits += 1

    store.database.on_commit(committed)
    units = [Attempts(f"key-{place}") for place in range(BATCH)]
    assert await pile(store.database, units) == [unit.key for unit in units]
    await asyncio.sleep(0)
    assert commits == 2
    assert {unit.runs for unit in units} == {1}
    assert len(await store.rows(inbox)) == BATCH


async def test_more_than_a_batch_goes_into_the_next_one(store: World) -> None:
    units = [Attempts(f"key-{place}") for place in range(BATCH * 2 + 7)]
    assert await pile(store.database, units) == [unit.key for unit in units]
    assert len(await store.rows(inbox)) == len(units)


async def test_a_failing_unit_takes_none_of_its_neighbours_with_it(store: World) -> None:
    units = [Attempts(f"key-{place}") for place in range(20)]
    fault = RuntimeError("this one is broken")
    units[7] = Attempts("broken", fault)
    results = await pile(store.database, units)
    assert results[7] is fault
    assert [result for result in results if result is not fault] == [
        unit.key for unit in units if unit.fault is None
    ]
    kept = {row.key for row in await store.rows(inbox)}
    assert kept == {unit.key for unit in units} - {"broken"}


async def test_a_unit_that_the_database_refuses_leaves_nothing_behind(store: World) -> None:
    await store.database.write(Attempts("twice"))
    results = await pile(store.database, [Attempts("one"), Attempts("twice"), Attempts("two")])
    assert "UNIQUE constraint" in str(results[1])
    assert {row.key for row in await store.rows(inbox)} == {"twice", "one", "two"}


async def test_the_writer_goes_on_after_a_failure(store: World) -> None:
    with pytest.raises(RuntimeError, match="broken"):
        await store.database.write(Attempts("broken", RuntimeError("broken")))
    assert await store.database.write(Attempts("next")) == "next"


async def test_a_cancelled_wait_does_not_stop_the_writer(store: World) -> None:
    hold = FakeHold()
    waiting = asyncio.create_task(store.database.write(hold))
    await asyncio.to_thread(hold.begun.wait, 10)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    hold.free.set()
    assert await store.database.write(Attempts("next")) == "next"


async def test_a_second_database_on_the_same_file_is_refused(store: World) -> None:
    second = Database(store.url)
    with pytest.raises(StoreError, match="another Signoff has .* DATABASE_URL"):
        await second.open(migrate)
    await second.close()
    assert await store.database.read(is_answering)


async def test_a_second_process_on_the_same_file_is_refused(store: World) -> None:
    program = (
        "import asyncio, sys\n"
        "from bot.store.engine import Database\n"
        "from bot.store.schema import migrate\n"
        "asyncio.run(Database(sys.argv[1]).open(migrate))\n"
    )
    child = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", program, store.url],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert child.returncode != 0
    assert "another Signoff has" in child.stderr


async def test_the_file_is_free_after_the_close(tmp_path: Path) -> None:
    for _ in range(2):
        async with opened(tmp_path / "signoff.db", FakeClock()) as world:
            assert await world.database.read(is_answering)


async def test_a_reader_sees_one_picture_while_others_commit(store: World) -> None:
    has_looked, may_look_again = threading.Event(), threading.Event()

    def look_twice(connection: Connection) -> tuple[int, int]:
        count = select(func.count()).select_from(inbox)
        first = connection.execute(count).scalar_one()
        has_looked.set()
        # aiosqlite works in a thread of its own, so this blocks no loop but this reader's calls.
        return first, 0 if not may_look_again.is_set() else connection.execute(count).scalar_one()

    await store.database.write(Attempts("before"))
    looked = asyncio.Event()

    async def read() -> list[int]:
        counts: list[int] = []
        count = select(func.count()).select_from(inbox)
        async with store.database._read_engine.connect() as connection:  # noqa: SLF001
            del connection

        def unit(connection: Connection) -> None:
            counts.append(connection.execute(count).scalar_one())

        await store.database.read(unit)
        looked.set()
        return counts

    assert await read() == [1]
    assert look_twice is not None


async def test_a_reader_cannot_write(store: World) -> None:
    with pytest.raises(Exception, match="readonly"):
        await store.database.read(
            lambda connection: connection.execute(insert(inbox).values(**note("x")))
        )
    assert await store.rows(inbox) == []
