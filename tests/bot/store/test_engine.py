"""The writer commits in groups, one process holds the file, and reads see one picture."""

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, create_engine, func, insert, select, update
from sqlalchemy.util import await_only

from bot.store.engine import BATCH, Database, StoreError, is_answering
from bot.store.records import ledger
from bot.store.schema import migrate
from bot.store.tables import controls, inbox
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
    with pytest.raises(StoreError, match=r"another Signoff .* DATABASE_URL"):
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
    assert "another Signoff (pid" in child.stderr


async def test_the_file_is_free_after_the_close(tmp_path: Path) -> None:
    for _ in range(2):
        async with opened(tmp_path / "signoff.db", FakeClock()) as world:
            assert await world.database.read(is_answering)


async def test_a_reader_sees_one_picture_while_others_commit(store: World) -> None:
    count = select(func.count()).select_from(inbox)

    def look_twice(connection: Connection) -> tuple[int, int]:
        first = connection.execute(count).scalar_one()
        await_only(store.database.write(Attempts("in between")))
        return first, connection.execute(count).scalar_one()

    assert await store.database.read(look_twice) == (0, 0)
    assert len(await store.rows(inbox)) == 1


async def test_a_reader_cannot_write(store: World) -> None:
    with pytest.raises(Exception, match="readonly"):
        await store.database.read(
            lambda connection: connection.execute(insert(inbox).values(**note("x")))
        )
    assert await store.rows(inbox) == []


async def test_closing_finishes_what_is_queued(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path / "signoff.db", clock) as world:
        writes = [
            asyncio.create_task(world.database.write(Attempts(f"key-{place}")))
            for place in range(500)
        ]
        await asyncio.sleep(0)
        await world.database.close()
        assert len(await asyncio.gather(*writes)) == 500
    async with opened(tmp_path / "signoff.db", clock) as world:
        assert len(await world.rows(inbox)) == 500


async def test_a_listener_hears_of_a_commit_only_after_it(store: World) -> None:
    heard: list[bool] = []
    answered = False
    store.database.on_commit(lambda: heard.append(answered))
    await store.database.write(Attempts("key"))
    answered = True
    await store.database.write(Attempts("key 2"))
    assert len(heard) >= 1


async def test_what_was_committed_is_there_after_a_restart(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path / "signoff.db", clock) as world:
        await world.database.write(Attempts("kept"))
    async with opened(tmp_path / "signoff.db", clock) as world:
        assert [row.key for row in await world.rows(inbox)] == ["kept"]


async def test_the_file_is_written_ahead_and_in_full(store: World) -> None:
    modes = await store.database.write(
        lambda connection: [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "busy_timeout")
        ]
    )
    assert modes == ["wal", 2, 5000]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://signoff@127.0.0.1/signoff",
        "mysql://127.0.0.1/signoff",
        "sqlite+aiosqlite://",
        "sqlite+aiosqlite:///:memory:",
        "signoff.db",
        "",
    ],
)
def test_a_database_that_is_no_file_of_sqlite_is_refused(url: str) -> None:
    with pytest.raises(StoreError, match="DATABASE_URL: only"):
        Database(url)


async def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/nowhere/signoff.db")
    with pytest.raises(StoreError, match=r"DATABASE_URL: can't write beside `.*nowhere"):
        await database.open(migrate)
    await database.close()


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "signoff.db").write_bytes(b"a letter to a friend, and not a short one. " * 50)
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/signoff.db")
    with pytest.raises(StoreError, match="does not open"):
        await database.open(migrate)
    await database.close()


def plain_engine(path: Path) -> Engine:
    return create_engine(f"sqlite:///{path}")


def schema(path: Path) -> list[tuple[str, str, str]]:
    engine = plain_engine(path)
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT type, name, coalesce(sql, '') FROM sqlite_master ORDER BY type, name"
        ).all()
    engine.dispose()
    return [(row[0], row[1], row[2]) for row in rows]


async def test_migrating_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "signoff.db"
    async with opened(path, FakeClock()) as world:
        await world.task()
    once = schema(path)
    async with opened(path, FakeClock()) as world:
        assert len(await world.rows(ledger)) == 1
    assert schema(path) == once
    assert {name for kind, name, _ in once if kind == "trigger"} == {
        "rule_candidates_no_update",
        "rule_candidates_no_delete",
        "rule_candidates_no_replace",
        "ledger_no_update",
        "ledger_no_delete",
        "ledger_only_at_head",
        "rule_sets_no_delete",
        "rule_sets_no_replace",
        "rule_sets_no_update",
        "checkpoints_no_update",
        "checkpoints_no_delete",
        "checkpoints_only_at_head",
    }


async def test_every_table_carries_the_tenant(tmp_path: Path) -> None:
    path = tmp_path / "signoff.db"
    async with opened(path, FakeClock()):
        pass
    # The chain is one for all: its bodies carry the tenant, under the hash.
    without = [
        name
        for kind, name, sql in schema(path)
        if kind == "table" and "tenant" not in sql and not name.startswith("sqlite_")
    ]
    assert without == ["alembic_version", "ledger"]


async def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "signoff.db"
    async with opened(path, FakeClock()):
        pass
    engine = plain_engine(path)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0999'")
    engine.dispose()
    before = schema(path)
    with pytest.raises(StoreError, match="schema 0999, which this version does not know"):
        async with opened(path, FakeClock()):
            pass
    assert schema(path) == before


async def test_a_time_without_a_zone_never_reaches_the_database(store: World) -> None:
    naive = START.replace(tzinfo=None)
    with pytest.raises(Exception, match="a time without a zone"):
        await store.database.write(
            lambda connection: connection.execute(update(controls).values(at=naive)).rowcount
        )


@pytest.mark.parametrize("year", [1, 999, 2026, 9999])
async def test_a_time_comes_back_as_it_was_and_sorts_as_text(store: World, year: int) -> None:
    moment = START.replace(year=year, microsecond=5)

    def unit(connection: Connection) -> None:
        connection.execute(insert(controls).values(name="then", value="", by="", at=moment))

    await store.database.write(unit)
    assert (await store.row(controls)).at == moment
    text = await store.database.read(
        lambda connection: connection.exec_driver_sql("SELECT at FROM controls").scalar_one()
    )
    assert text == f"{year:04}-11-20T10:00:00.000005Z"


async def test_a_link_to_the_file_is_the_same_file(store: World, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere.db"
    link.symlink_to(store.path)
    second = Database(f"sqlite+aiosqlite:///{link}")
    with pytest.raises(StoreError, match="another Signoff"):
        await second.open(migrate)
    await second.close()


async def test_a_file_with_a_second_name_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path / "signoff.db", FakeClock()):
        pass
    (tmp_path / "other.db").hardlink_to(tmp_path / "signoff.db")
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/other.db")
    with pytest.raises(StoreError, match="second name"):
        await database.open(migrate)
    await database.close()
