"""A backup is one moment of a busy database; a restore sets aside, records itself and pauses."""

import asyncio
import os
import re
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from bot.cli import main
from bot.store.backup import back_up
from bot.store.engine import StoreError
from bot.store.ledger import verify
from bot.store.reading import open_read_only
from bot.store.records import checkpoints
from bot.store.tables import controls
from policies.audit import Event, EventKind
from tests.bot.signing import checkpoint_file, signed_ledger, signing
from tests.bot.world import START, FakeClock, World, opened

ROOT = Path(__file__).resolve().parents[3]
Printed = pytest.CaptureFixture[str]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the database that the command line works with."""
    found = tmp_path / "signoff.db"
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{found}")
    return found


async def busy(world: World, count: int) -> None:
    for number in range(count):
        event = Event(kind=EventKind.TOOL_CALLED, at=world.clock.now(), sentence=f"N {number}.")
        await world.journal.record([event])


def heads(path: Path) -> tuple[int, str]:
    with open_read_only(f"sqlite:///{path}") as connection:
        found = verify(connection)
    assert found.fault is None
    return found.events, found.head


async def test_backups_of_a_busy_database_are_sound_and_grow(path: Path) -> None:
    async with opened(path, FakeClock()) as world:
        writing = asyncio.create_task(busy(world, 400))
        sizes = []
        for place in range(5):
            target = path.with_name(f"copy-{place}.db")
            proof = await asyncio.to_thread(back_up, path, target)
            assert proof.is_sound
            sizes.append(proof.chain.events)
            assert heads(target) == (proof.chain.events, proof.chain.head)
            await asyncio.sleep(0.02)
        await writing
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]


async def test_a_backup_is_one_private_file(path: Path, tmp_path: Path) -> None:
    await signed_ledger(path)
    (tmp_path / "kept").mkdir()
    back_up(path, tmp_path / "kept" / "copy.db")
    assert [one.name for one in (tmp_path / "kept").iterdir()] == ["copy.db"]
    assert stat.S_IMODE((tmp_path / "kept" / "copy.db").stat().st_mode) == 0o600


@dataclass(frozen=True)
class Restored:
    """A ledger that was backed up, went on, and was restored; and what was told."""

    backup: Path
    backed_up: tuple[int, str]
    later: tuple[int, str]
    told: str

    @property
    def aside(self) -> list[Path]:
        lines = self.told.splitlines()
        return [Path(line[len("Set aside: ") :]) for line in lines if line.startswith("Set aside")]


@pytest.fixture
def restored(path: Path, tmp_path: Path, capsys: Printed) -> Restored:
    asyncio.run(signed_ledger(path))
    backup = tmp_path / "backup.db"
    assert main(["db", "backup", str(backup)]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"Backed up to {backup}: 42 events, head ")

    async def go_on() -> None:
        async with signing(path) as found:
            await found.happened(300)

    asyncio.run(go_on())
    backed_up, later = heads(backup), heads(path)
    assert main(["db", "restore", str(backup)]) == 0
    return Restored(backup, backed_up, later, capsys.readouterr().out)


def test_a_restore_says_what_it_did_and_what_it_means(restored: Restored) -> None:
    size, head = restored.later
    assert size == 343
    assert "a ledger of 44 events" in restored.told
    assert f"Before it there was a ledger of {size} events, head {head}." in restored.told
    assert "could be done a second time" in restored.told
    assert heads(restored.backup) == restored.backed_up


def test_what_a_restore_replaces_is_set_aside_whole(path: Path, restored: Restored) -> None:
    database, checkpoints_file = restored.aside
    assert heads(database) == restored.later
    assert re.fullmatch(r"\.\d{8}T\d{6}Z", database.suffix)
    assert database.suffix == checkpoints_file.suffix
    assert len(checkpoints_file.read_text().splitlines()) > 3
    assert not checkpoint_file(path).exists()


def test_after_a_restore_the_ledger_goes_on_paused(path: Path, restored: Restored) -> None:
    assert main(["audit", "verify"]) == 0
    size, head = restored.later

    async def again() -> None:
        async with signing(path) as found:
            made = await found.reach(4)
            assert len(await found.world.rows(checkpoints)) == len(made) == 4
            (event,) = await found.world.events("ledger.restored")
            assert event["data"] == {"replaced_size": size, "replaced_head": head}
            (switch,) = await found.world.rows(controls)
            assert (switch.name, switch.by) == ("pause", "system:signoff")

    asyncio.run(again())
    assert main(["audit", "verify"]) == 0


def test_a_checkpoint_of_the_time_that_was_given_up_does_not_fit(
    restored: Restored, capsys: Printed
) -> None:
    assert main(["audit", "verify", "--checkpoint", str(restored.aside[1])]) == 1
    assert "events, and only 44 sound ones are there" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["a b.db", "what?.db", "100%20.db", "#1;&.db", "ä:\u2603.db"])
def test_a_backup_may_have_any_name(path: Path, name: str, capsys: Printed) -> None:
    asyncio.run(signed_ledger(path))
    copy = path.with_name(name)
    assert main(["db", "backup", str(copy)]) == 0
    assert main(["db", "restore", str(copy)]) == 0
    assert f"Restored {copy} to " in capsys.readouterr().out


def test_a_backup_writes_over_nothing(path: Path, tmp_path: Path, capsys: Printed) -> None:
    asyncio.run(signed_ledger(path))
    (tmp_path / "mine").write_text("mine")
    assert main(["db", "backup", str(tmp_path / "mine")]) == 1
    assert "is there already and was not touched" in capsys.readouterr().err
    assert (tmp_path / "mine").read_text() == "mine"
    assert main(["db", "backup", str(tmp_path / "no" / "where")]) == 1
    assert "can't write" in capsys.readouterr().err


def test_without_a_database_there_is_no_backup(path: Path, tmp_path: Path, capsys: Printed) -> None:
    assert main(["db", "backup", str(tmp_path / "copy.db")]) == 1
    assert "DATABASE_URL names the database" in capsys.readouterr().err
    assert not (tmp_path / "copy.db").exists()
    assert not path.exists()


def tampered(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DROP TRIGGER ledger_no_update")
        db.execute("UPDATE ledger SET body = replace(body, 'Number', 'number') WHERE seq = 9")


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE alembic_version SET version_num = '9999'")


def cut(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DROP TRIGGER ledger_no_delete")
        for table in ("ledger", "ledger_index"):
            db.execute(f"DELETE FROM {table} WHERE seq > 40")  # noqa: S608 - our own names


def no_database(path: Path) -> None:
    path.write_text("Dear friend, " * 100)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (tampered, "its event 9 is wrong"),
        (newer, "has schema 9999, which this version does not know"),
        (cut, "is over 42 events, and only 40"),
        (no_database, "not a database"),
        (Path.unlink, "can't be read"),
    ],
)
def test_a_backup_that_can_not_be_used_changes_nothing(
    path: Path, tmp_path: Path, spoil: object, says: str, capsys: Printed
) -> None:
    asyncio.run(signed_ledger(path))
    backup = tmp_path / "backup.db"
    assert main(["db", "backup", str(backup)]) == 0
    assert callable(spoil)
    spoil(backup)
    before, names = heads(path), sorted(tmp_path.iterdir())
    capsys.readouterr()
    assert main(["db", "restore", str(backup)]) == 1
    assert says in capsys.readouterr().err
    assert heads(path) == before
    assert sorted(tmp_path.iterdir()) == names


def test_what_is_no_database_any_more_is_set_aside_too(
    path: Path, tmp_path: Path, capsys: Printed
) -> None:
    asyncio.run(signed_ledger(path))
    assert main(["db", "backup", str(tmp_path / "backup.db")]) == 0
    path.write_bytes(b"\xff" * 5000)
    assert main(["db", "restore", str(tmp_path / "backup.db")]) == 0
    assert "Before it there was nothing that can be read." in capsys.readouterr().out
    assert main(["audit", "verify"]) == 0


async def test_while_signoff_runs_nothing_is_restored_or_rebuilt(
    path: Path, tmp_path: Path
) -> None:
    await signed_ledger(path)
    back_up(path, tmp_path / "backup.db")
    async with opened(path, FakeClock()):
        for command in (["db", "restore", str(tmp_path / "backup.db")], ["audit", "rebuild"]):
            done = await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-m", "bot", *command],
                env={"DATABASE_URL": os.environ["DATABASE_URL"], "PATH": os.environ["PATH"]},
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 1
            says = f"signoff: another Signoff (pid {os.getpid()}) has `{path}` open; stop it first"
            assert done.stderr.startswith(says)


def test_while_another_program_has_the_file_open_nothing_is_restored(
    path: Path, tmp_path: Path, capsys: Printed
) -> None:
    asyncio.run(signed_ledger(path))
    assert main(["db", "backup", str(tmp_path / "backup.db")]) == 0
    program = (
        "import sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1])\n"
        "print(db.execute('SELECT count(*) FROM ledger').fetchone()[0], flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"42\n"
        inode = path.stat().st_ino
        assert main(["db", "restore", str(tmp_path / "backup.db")]) == 1
        assert f"another program has `{path}` open: end it first" in capsys.readouterr().err
        assert path.stat().st_ino == inode
        other.communicate()
    assert main(["db", "restore", str(tmp_path / "backup.db")]) == 0


def test_a_disk_that_is_full_leaves_no_half_backup(path: Path, tmp_path: Path) -> None:
    asyncio.run(signed_ledger(path))
    # A file that SQLite can't grow stands for the full disk.
    target = tmp_path / "copy.db"
    program = (
        "import resource, sys; from pathlib import Path; from bot.store.backup import back_up\n"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))\n"
        "back_up(Path(sys.argv[1]), Path(sys.argv[2]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path), str(target)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert StoreError.__name__ in done.stderr
    assert not target.exists()


def test_a_link_to_the_database_stays_a_link(path: Path, tmp_path: Path, capsys: Printed) -> None:
    asyncio.run(signed_ledger(path))
    assert main(["db", "backup", str(tmp_path / "backup.db")]) == 0
    real = tmp_path / "elsewhere" / "real.db"
    real.parent.mkdir()
    path.rename(real)
    path.symlink_to(real)
    inode = real.stat().st_ino
    assert main(["db", "restore", str(tmp_path / "backup.db")]) == 0
    assert f"Set aside: {real}." in capsys.readouterr().out
    assert path.is_symlink()
    assert path.resolve() == real
    assert real.stat().st_ino != inode
    assert heads(path)[0] == 44
    assert stat.S_IMODE(real.stat().st_mode) == 0o600


def databases(folder: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in folder.iterdir() if one.suffix == ".db"}


@pytest.mark.parametrize("is_here", [True, False])
def test_a_backup_of_another_ledger_is_restored_only_if_one_insists(
    path: Path, tmp_path: Path, is_here: bool, capsys: Printed
) -> None:
    asyncio.run(signed_ledger(path))
    other = tmp_path / "other" / "signoff.db"
    other.parent.mkdir()
    asyncio.run(signed_ledger(other, at=START + timedelta(days=1)))
    back_up(other, tmp_path / "other.db")
    if not is_here:
        path.unlink()
    before = databases(tmp_path)
    assert main(["db", "restore", str(tmp_path / "other.db")]) == 1
    said = capsys.readouterr().err
    if is_here:
        assert f"`{tmp_path}/other.db` is of another ledger (signoff/" in said
    else:
        assert re.search(r"is signed with the key signoff/[0-9a-f]{16}\+[0-9a-f]{8}\+A", said)
    assert "add --other-ledger" in said
    assert databases(tmp_path) == before
    assert main(["db", "restore", "--other-ledger", str(tmp_path / "other.db")]) == 0
    assert heads(path)[0] == 44


def test_a_backup_that_is_not_there_is_named_itself(
    path: Path, tmp_path: Path, capsys: Printed
) -> None:
    asyncio.run(signed_ledger(path))
    assert main(["db", "restore", str(tmp_path / "nothing")]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"signoff: `{tmp_path}/nothing` can't be read")
    assert "name a file that `signoff db backup` wrote" in said
    assert "DATABASE_URL" not in said
