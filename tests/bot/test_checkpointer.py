"""The checkpointer signs on every occasion, keeps what it signed, and never signs over a lie."""

import asyncio
import json
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from sqlalchemy.exc import DatabaseError

from bot.checkpointer import occasion
from bot.store.records import ledger
from bot.store.tables import outbox
from policies.checkpoints import VerifierKey, opened
from policies.merkle import leaf_hash, root_of
from tests.bot.signing import (
    CHANNEL,
    Signing,
    checkpoint_file,
    key_file,
    signed_ledger,
    signing,
    told,
    until,
)
from tests.bot.world import START, FakeClock
from tests.bot.world import opened as opened_store

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


async def key_of(found: Signing) -> VerifierKey:
    (event,) = await found.world.events("key.recorded")
    return VerifierKey.parse(event["data"]["key"])


async def test_the_first_start_makes_a_key_records_it_and_signs(tmp_path: Path) -> None:
    async with signing(tmp_path / "signoff.db") as found:
        (made,) = await found.reach(1)
        key = await key_of(found)
        rows = await found.world.rows(ledger)
    checkpoint = opened(made.note, key)
    assert checkpoint.origin == key.name == f"signoff/{rows[0].hash[:16]}"
    assert checkpoint.size == len(rows) == 2
    assert checkpoint.root == root_of(leaf_hash(bytes.fromhex(row.hash)) for row in rows)
    assert stat.S_IMODE(key_file(tmp_path / "signoff.db").stat().st_mode) == 0o600
    assert found.value("signoff_ledger_covered_events") == 2


async def test_what_is_stored_is_in_the_file_line_by_line(tmp_path: Path) -> None:
    await signed_ledger(tmp_path / "signoff.db")
    async with signing(tmp_path / "signoff.db") as found:
        made = await found.reach(4)
    lines = [json.loads(line) for line in found.file.read_text().splitlines()]
    assert [(line["n"], line["note"]) for line in lines] == [(one.n, one.note) for one in made]
    assert [line["n"] for line in lines] == [1, 2, 3, 4]


async def test_each_occasion_makes_a_checkpoint(tmp_path: Path) -> None:
    async with signing(tmp_path / "signoff.db") as found:
        await found.reach(1)
        await found.happened(256)
        await found.reach(2)
        await found.happened()
        await found.pass_time_until(3)
        found.clock.forward(3600)
        found.checkpointer.wake()
        await found.reach(4)
        await found.happened(3)
    async with signing(tmp_path / "signoff.db") as again:
        made = await again.reach(6)
        occasions = [
            row[0]
            for row in await again.world.database.read(
                lambda connection: connection.exec_driver_sql(
                    "SELECT occasion FROM checkpoints ORDER BY n"
                ).all()
            )
        ]
    assert occasions == ["start", "events", "dirty", "idle", "stop", "start"]
    assert [one.size for one in made] == [2, 258, 259, 259, 262, 263]


@pytest.mark.parametrize(
    ("new", "dirty", "last", "due"),
    [
        (0, None, None, "start"),
        (0, None, MINUTE, None),
        (1, timedelta(seconds=59), HOUR / 2, None),
        (1, MINUTE, HOUR / 2, "dirty"),
        (255, timedelta(0), MINUTE, None),
        (256, timedelta(0), MINUTE, "events"),
        (0, None, HOUR, "idle"),
        # The playground went on by a week, or the machine's clock was put back by an hour.
        (3, timedelta(days=7), timedelta(days=7), "dirty"),
        (3, -HOUR, -HOUR, "dirty"),
        (0, None, -HOUR, "idle"),
    ],
)
def test_a_checkpoint_is_due_when_it_should_be(
    new: int, dirty: timedelta | None, last: timedelta | None, due: str | None
) -> None:
    def ago(span: timedelta | None) -> datetime | None:
        return None if span is None else START - span

    assert occasion(new, ago(dirty), ago(last), START) == due


async def test_a_week_that_passes_at_once_makes_one_checkpoint(tmp_path: Path) -> None:
    async with signing(tmp_path / "signoff.db") as found:
        await found.reach(1)
        found.clock.forward(7 * 86_400)
        found.checkpointer.wake()
        await found.reach(2)
        for _ in range(5):
            found.checkpointer.wake()
            await asyncio.sleep(0.02)
        assert len(await found.checkpoints()) == 2


@pytest.mark.parametrize("left", ["", '{"n": 2, "at": "2026-', '{"n'])
async def test_a_file_that_a_crash_left_behind_catches_up(tmp_path: Path, left: str) -> None:
    await signed_ledger(tmp_path / "signoff.db")
    file = checkpoint_file(tmp_path / "signoff.db")
    first, *_ = file.read_text().splitlines(keepends=True)
    file.write_text(first + left)
    async with signing(tmp_path / "signoff.db") as found:
        made = await found.reach(4)
    lines = [json.loads(line)["note"] for line in file.read_text().splitlines()]
    assert lines == [one.note for one in made]


async def test_a_file_that_was_taken_away_is_written_again(tmp_path: Path) -> None:
    async with signing(tmp_path / "signoff.db") as found:
        await found.reach(1)
        found.file.unlink()
        await found.happened(256)
        assert [one.n for one in await found.reach(2)] == [1, 2]


async def test_a_file_that_cannot_be_written_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "signoff.db"
    checkpoint_file(path).symlink_to(tmp_path / "absent" / "file")
    async with signing(path) as found:
        await until(lambda: found.value("signoff_ledger_unsigned") == 1)
        assert "can't be written" in caplog.text
        (tmp_path / "absent").mkdir()
        found.checkpointer.wake()
        await found.reach(1)
        await until(lambda: found.value("signoff_ledger_unsigned") == 0)


# --- the key --------------------------------------------------------------------------------


async def test_a_key_that_is_there_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "signoff.db"
    own = pem(Ed25519PrivateKey.generate())
    key_file(path).touch(mode=0o600)
    key_file(path).write_bytes(own)
    async with signing(path) as found:
        await found.reach(1)
    assert key_file(path).read_bytes() == own


def pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def exchanged(path: Path) -> None:
    key_file(path).write_bytes(pem(Ed25519PrivateKey.generate()))


def opened_up(path: Path) -> None:
    key_file(path).chmod(0o640)


def spoiled(path: Path) -> None:
    key_file(path).write_bytes(b"no key")


def lost(path: Path) -> None:
    key_file(path).unlink()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (exchanged, "put that one back"),
        (opened_up, r"run `chmod 600 "),
        (spoiled, "is no key in PEM form"),
        (lost, "can't read"),
    ],
)
async def test_with_another_key_nothing_is_signed(
    tmp_path: Path, change: Callable[[Path], None], says: str
) -> None:
    path = tmp_path / "signoff.db"
    await signed_ledger(path)
    change(path)
    await refused(path, says)


# --- what contradicts -----------------------------------------------------------------------

GUARDS = (
    "ledger_no_update",
    "ledger_no_delete",
    "ledger_only_at_head",
    "checkpoints_no_update",
    "checkpoints_no_delete",
    "checkpoints_only_at_head",
)


def unguarded(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        for guard in GUARDS:
            db.execute(f"DROP TRIGGER IF EXISTS {guard}")
        for statement in statements:
            db.execute(statement)


def cut(path: Path) -> None:
    unguarded(path, "DELETE FROM ledger WHERE seq > 30", "DELETE FROM ledger_index WHERE seq > 30")


def edited(path: Path) -> None:
    unguarded(path, "UPDATE ledger SET hash = replace(hash, 'a', 'b') WHERE seq = 42")


def body_edited(path: Path) -> None:
    unguarded(path, "UPDATE ledger SET body = replace(body, 'Number', 'number') WHERE seq = 9")


def file_edited(path: Path) -> None:
    file = checkpoint_file(path)
    file.write_text(file.read_text().replace("— signoff", "— Signoff"))


def file_of_somebody_else(path: Path) -> None:
    checkpoint_file(path).write_text("Dear friend,\nhow are you")


def table_cut(path: Path) -> None:
    unguarded(path, "DELETE FROM checkpoints WHERE n > 1")


def row_edited(path: Path) -> None:
    unguarded(path, "UPDATE checkpoints SET note = replace(note, 'a', 'b')")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (cut, "its end was cut off"),
        (edited, "the body or the hash of event 42 was changed"),
        (body_edited, "the body or the hash of event 9 was changed"),
        (file_edited, "signoff.db.checkpoints`: it is not signed by the key"),
        (file_of_somebody_else, "no Signoff wrote it"),
        (table_cut, "is not in the table"),
        (row_edited, "of the table"),
    ],
)
async def test_nothing_is_signed_on_top_of_a_contradiction(
    tmp_path: Path, change: Callable[[Path], None], says: str
) -> None:
    path = tmp_path / "signoff.db"
    await signed_ledger(path)
    change(path)
    await refused(path, says)


@pytest.mark.parametrize("change", ["at = 'x'", "size = 'x'", "note = CAST(x'ff' AS TEXT)"])
async def test_a_checkpoint_that_can_not_be_read_ends_nothing_but_the_signing(
    tmp_path: Path, change: str
) -> None:
    path = tmp_path / "signoff.db"
    await signed_ledger(path)
    unguarded(path, f"UPDATE checkpoints SET {change} WHERE n = 3")  # noqa: S608 - our own words
    before = checkpoint_file(path).read_bytes()
    async with signing(path) as found:
        assert "checkpoint 3 of the table" in await told(found)
        assert found.value("signoff_ledger_unsigned") == 1
        await found.happened(300)
    assert checkpoint_file(path).read_bytes() == before


async def refused(path: Path, says: str) -> None:
    """Start twice; nothing is signed, it is told once, and the bot goes on."""
    before = checkpoint_file(path).read_bytes()
    for is_first in (True, False):
        async with signing(path) as found:
            stored = await found.checkpoints()
            await told(found)
            assert found.value("signoff_ledger_unsigned") == 1
            await found.happened(300)
            await asyncio.sleep(0.05)
            assert await found.checkpoints() == stored
        async with opened_store(path, FakeClock()) as world:
            doubts = [row for row in await world.rows(outbox) if row.kind == "dm"]
            assert len(doubts) == 1, f"told {len(doubts)} times after the start: {is_first}"
            assert len(await world.events("ledger.doubted")) == 1
            assert says.replace("\\", "") in json.loads(doubts[0].payload)["text"]
    assert checkpoint_file(path).read_bytes() == before


async def test_a_history_that_changes_while_it_is_signed_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "signoff.db"
    async with signing(path) as found:
        await found.reach(1)
        unguarded(path, "UPDATE ledger SET hash = upper(hash) || '0' WHERE seq = 2")
        await found.happened(256)
        await told(found)
        assert "does not follow event 2" in found.told[0]
        assert len(await found.checkpoints()) == 1


async def test_a_table_that_changes_while_it_is_signed_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "signoff.db"
    async with signing(path) as found:
        await found.reach(1)
        unguarded(path, "UPDATE checkpoints SET note = note || ' '")
        await found.happened(256)
        await told(found)
        assert "changed while Signoff was running" in found.told[0]


async def test_when_all_is_well_again_the_next_fault_is_told(tmp_path: Path) -> None:
    path = tmp_path / "signoff.db"
    await signed_ledger(path)
    for _ in range(2):
        key_file(path).chmod(0o644)
        async with signing(path) as found:
            await told(found)
        key_file(path).chmod(0o600)
        async with signing(path) as found:
            await until(lambda found=found: found.value("signoff_ledger_covered_events") > 0)  # type: ignore[misc] # as above
    async with opened_store(path, FakeClock()) as world:
        assert len(await world.events("ledger.doubted")) == 2


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE checkpoints SET note = note",
        "DELETE FROM checkpoints",
        "INSERT OR REPLACE INTO checkpoints SELECT * FROM checkpoints WHERE n = 1",
        "INSERT INTO checkpoints VALUES (9, 'default', '', 'dirty', 99, 'x')",
        "INSERT INTO checkpoints VALUES (4, 'default', '', 'dirty', 1, 'x')",
    ],
)
async def test_the_guards_refuse_to_change_what_was_signed(tmp_path: Path, statement: str) -> None:
    await signed_ledger(tmp_path / "signoff.db")
    async with opened_store(tmp_path / "signoff.db", FakeClock()) as world:
        with pytest.raises(DatabaseError, match="checkpoints are append-only"):
            await world.database.write(
                lambda connection: connection.exec_driver_sql(statement).rowcount
            )


# --- the anchor -----------------------------------------------------------------------------


async def test_only_the_newest_checkpoint_waits_to_be_posted(tmp_path: Path) -> None:
    async with signing(tmp_path / "signoff.db", channel=CHANNEL) as found:
        for count in range(1, 4):
            await found.reach(count)
            await found.happened(256)
        made = await found.reach(4)
        waiting = [row for row in await found.world.rows(outbox) if row.due_at is not None]
    assert len(made) == 4
    (parcel,) = waiting
    payload = json.loads(parcel.payload)
    assert payload["channel"] == CHANNEL
    assert payload["note"] in {one.note for one in made}


async def test_without_an_anchor_nothing_is_posted(tmp_path: Path) -> None:
    async with signing(tmp_path / "signoff.db") as found:
        await found.reach(1)
        assert await found.world.rows(outbox) == []
