"""One process holds a database: also when its lock is removed, or its file renamed."""

import asyncio
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.store.backup import back_up
from bot.store.engine import Database, StoreError, StoreUnavailable
from bot.store.holding import hold
from bot.store.schema import migrate
from bot.store.tables import tasks
from tests.bot.world import FakeClock, World, opened

ROOT = Path(__file__).resolve().parents[3]
OPEN = (
    "import asyncio, sys\n"
    "from bot.store.engine import Database\n"
    "from bot.store.schema import migrate\n"
    "asyncio.run(Database(sys.argv[1]).open(migrate))\n"
)


def lock_of(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


async def program(url: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run Python in a process of its own."""
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, *arguments],
        cwd=ROOT,
        env={"DATABASE_URL": url, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_the_lock_says_which_process_holds_the_file(store: World) -> None:
    assert lock_of(store.path).read_text() == f"{os.getpid()}\n"
    done = await program(store.url, "-c", OPEN, store.url)
    assert f"another Signoff (pid {os.getpid()}) has `{store.path}` open" in done.stderr
    # Who is refused does not write over it.
    assert lock_of(store.path).read_text() == f"{os.getpid()}\n"


async def test_without_its_lock_the_file_is_still_held(store: World, tmp_path: Path) -> None:
    await store.task()
    back_up(store.path, tmp_path / "backup.db")
    lock_of(store.path).unlink()
    inode = store.path.stat().st_ino
    for arguments in (
        ("-c", OPEN, store.url),
        ("-m", "bot", "db", "restore", str(tmp_path / "backup.db")),
        ("-m", "bot", "audit", "rebuild"),
    ):
        done = await program(store.url, *arguments)
        assert done.returncode != 0
        assert f"another Signoff has `{store.path}` open; stop it first" in done.stderr
        assert store.path.stat().st_ino == inode
    await store.task("another")
    assert len(await store.rows(tasks)) == 2


async def test_a_look_at_the_file_drops_no_lock_of_sqlite(store: World) -> None:
    begun, free = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def unit(connection: object) -> None:
        del connection
        loop.call_soon_threadsafe(begun.set)
        asyncio.run_coroutine_threadsafe(free.wait(), loop).result(30)

    writing = asyncio.create_task(store.database.write(unit))
    await begun.wait()
    lock_of(store.path).unlink()
    second = Database(store.url)
    with pytest.raises(StoreError, match=rf"another Signoff \(pid {os.getpid()}\) has"):
        await second.open(migrate)
    await second.close()
    # SQLite's write lock must still stand, in the eyes of another process.
    write = (
        "import sqlite3, sys\n"
        "sqlite3.connect(sys.argv[1], timeout=0.2).execute('BEGIN IMMEDIATE')\n"
    )
    done = await program(store.url, "-c", write, str(store.path))
    assert "database is locked" in done.stderr
    free.set()
    await writing
    assert (await program(store.url, "-c", write, str(store.path))).returncode == 0


def moved(path: Path) -> None:
    path.rename(path.with_name("aside.db"))


def removed(path: Path) -> None:
    path.rename(path.with_name("aside.db"))
    path.with_name("aside.db").unlink()


def replaced(path: Path) -> None:
    back_up(path, path.with_name("copy.db"))
    moved(path)
    path.with_name("copy.db").rename(path)


@pytest.mark.parametrize("change", [moved, removed, replaced])
async def test_into_a_file_that_lost_its_name_nothing_is_written(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    path = tmp_path / "signoff.db"
    async with opened(path, FakeClock()) as world:
        await world.task()
        watching = asyncio.create_task(world.database.watch())
        await asyncio.sleep(0)
        change(path)
        before = contents(tmp_path)
        with pytest.raises(StoreUnavailable, match="was moved, removed or replaced"):
            await world.task("another")
        with pytest.raises(StoreUnavailable, match="was moved, removed or replaced"):
            await world.rows(tasks)
        with pytest.raises(StoreError, match="writes nothing more and ends"):
            await watching
        assert world.database.trouble is not None
    assert contents(tmp_path) == before


def contents(folder: Path) -> dict[str, bytes]:
    """Return the databases of a folder with their logs."""
    return {one.name: one.read_bytes() for one in folder.iterdir() if one.suffix != ".db-shm"}


async def test_a_file_that_is_put_back_is_written_again(store: World) -> None:
    aside = store.path.with_name("aside.db")
    store.path.rename(aside)
    with pytest.raises(StoreUnavailable):
        await store.task()
    aside.rename(store.path)
    await store.task()
    assert store.database.trouble is None


async def test_all_that_is_made_is_readable_for_nobody_else(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        async with opened(tmp_path / "signoff.db", FakeClock()) as world:
            await world.task()
            modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()}
    finally:
        os.umask(before)
    names = [f"signoff.db{side}" for side in ("", "-wal", "-shm", ".lock")]
    assert modes == dict.fromkeys(names, 0o600)


def test_a_file_that_can_not_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "signoff.db").mkdir()
    with pytest.raises(StoreError, match=r"DATABASE_URL: can't open `.*signoff.db`: Is a dir"):
        hold(tmp_path / "signoff.db")


def test_what_is_only_looked_at_is_not_made(tmp_path: Path) -> None:
    with hold(tmp_path / "signoff.db", is_to_be_made=False):
        assert not (tmp_path / "signoff.db").exists()
