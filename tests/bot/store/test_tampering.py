"""`signoff audit verify` names the event that was changed, whichever field it was."""

import asyncio
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from bot.cli import main
from bot.store.records import ledger, ledger_index, texts
from policies.audit import Event
from tests.bot.story import told

Change = Callable[[sqlite3.Connection], int]
BODY_FIELDS = ("seq", *Event.model_fields)
TABLES = (ledger, ledger_index, texts)
COLUMNS = [(table.name, column.name) for table in TABLES for column in table.columns]
# An event in the middle of the task's story with a text of its own.
CHOSEN = "SELECT seq FROM texts WHERE name = 'reason' AND seq > 6 ORDER BY seq LIMIT 1"
GUARDS = ("ledger_no_update", "ledger_no_delete", "ledger_only_at_head")


def chosen(db: sqlite3.Connection) -> int:
    return int(db.execute(CHOSEN).fetchone()[0])


def other(value: object) -> object:
    if isinstance(value, int):
        return value + 1000
    return "tampered" if value is None else f"{value}x"


def column_changed(table: str, column: str) -> Change:
    def change(db: sqlite3.Connection) -> int:
        seq = chosen(db)
        found = db.execute(f"SELECT {column} FROM {table} WHERE seq = ?", (seq,))  # noqa: S608 - our own names
        (before,) = found.fetchone()
        done = db.execute(
            f"UPDATE {table} SET {column} = ? WHERE seq = ?",  # noqa: S608 - as above
            (other(before), seq),
        )
        assert done.rowcount == 1
        return seq

    return change


def spoiled(table: str, column: str, written: str) -> Change:
    """Put what is no text of ours into a column, as SQLite lets anybody do."""

    def change(db: sqlite3.Connection) -> int:
        seq = chosen(db)
        db.execute(f"UPDATE {table} SET {column} = {written} WHERE seq = ?", (seq,))  # noqa: S608 - our own names
        return seq

    return change


def unlike(value: Any) -> Any:  # noqa: ANN401 - a field of any type
    if isinstance(value, list):
        return [*value, "x"]
    if isinstance(value, dict):
        return {**value, "id": "T0PLAY/U0ZOE"}
    return other(value)


def body_changed(name: str) -> Change:
    def change(db: sqlite3.Connection) -> int:
        seq = chosen(db)
        (text,) = db.execute("SELECT body FROM ledger WHERE seq = ?", (seq,)).fetchone()
        body = json.loads(text)
        body[name] = unlike(body[name])
        fresh = rfc8785.dumps(body).decode()
        assert fresh != text
        db.execute("UPDATE ledger SET body = ? WHERE seq = ?", (fresh, seq))
        return seq

    return change


def removed(db: sqlite3.Connection) -> int:
    seq = chosen(db)
    for table in ("ledger", "ledger_index", "texts"):
        db.execute(f"DELETE FROM {table} WHERE seq = ?", (seq,))  # noqa: S608 - our own names
    return seq


def swapped(db: sqlite3.Connection) -> int:
    seq = chosen(db)
    for before, after in ((seq, -1), (seq + 1, seq), (-1, seq + 1)):
        db.execute("UPDATE ledger SET seq = ? WHERE seq = ?", (after, before))
    return seq


def moved_to_the_front(db: sqlite3.Connection) -> int:
    seq = chosen(db)
    db.execute("UPDATE ledger SET seq = 0 WHERE seq = ?", (seq,))
    return seq


def hashed_again(db: sqlite3.Connection) -> int:
    """Change a decision and make the event's own hash fit; the next one does not follow then."""
    seq = chosen(db)
    body, prev = db.execute("SELECT body, prev FROM ledger WHERE seq = ?", (seq,)).fetchone()
    fresh = json.loads(body)
    fresh["decision"] = "something-else"
    text = rfc8785.dumps(fresh).decode()
    own = hashlib.sha256(b"ledger/v1\0" + prev.encode() + text.encode()).hexdigest()
    db.execute("UPDATE ledger SET body = ?, hash = ? WHERE seq = ?", (text, own, seq))
    return seq + 1


def spaced(db: sqlite3.Connection) -> int:
    """Write the same JSON another way: the bytes are what is hashed."""
    seq = chosen(db)
    db.execute("UPDATE ledger SET body = replace(body, ',', ', ') WHERE seq = ?", (seq,))
    return seq


def not_json(db: sqlite3.Connection) -> int:
    seq = chosen(db)
    db.execute("UPDATE ledger SET body = 'gone' WHERE seq = ?", (seq,))
    return seq


def nested(db: sqlite3.Connection) -> int:
    """Write JSON that is too deep to be read, under a hash that fits."""
    seq = chosen(db)
    (prev,) = db.execute("SELECT prev FROM ledger WHERE seq = ?", (seq,)).fetchone()
    text = '{"a":' * 100_000 + "1" + "}" * 100_000
    own = hashlib.sha256(b"ledger/v1\0" + prev.encode() + text.encode()).hexdigest()
    db.execute("UPDATE ledger SET body = ?, hash = ? WHERE seq = ?", (text, own, seq))
    return seq


def index_row_lost(db: sqlite3.Connection) -> int:
    seq = chosen(db)
    db.execute("DELETE FROM ledger_index WHERE seq = ?", (seq,))
    return seq


def tail_cut_but_indexed(db: sqlite3.Connection) -> int:
    (last,) = db.execute("SELECT max(seq) FROM ledger").fetchone()
    db.execute("DELETE FROM ledger WHERE seq = ?", (last,))
    return int(last)


def text_added(db: sqlite3.Connection) -> int:
    seq = chosen(db)
    db.execute("INSERT INTO texts VALUES (?, 'note', 'default', 'salt', 'never said')", (seq,))
    return seq


OTHERS: dict[str, Change] = {
    change.__name__: change
    for change in (
        removed,
        swapped,
        moved_to_the_front,
        hashed_again,
        spaced,
        nested,
        not_json,
        index_row_lost,
        tail_cut_but_indexed,
        text_added,
    )
}
COLUMN_CHANGES: dict[str, Change] = {
    f"{table}.{column}": column_changed(table, column) for table, column in COLUMNS
}
SPOILED: dict[str, Change] = {
    f"{table}.{column} {name}": spoiled(table, column, written.format(column))
    for table, column in COLUMNS
    if column != "seq"
    for name, written in (("as bytes", "CAST({} AS BLOB)"), ("no UTF-8", "CAST(x'7bff7d' AS TEXT)"))
}
BODY_CHANGES: dict[str, Change] = {f"body.{name}": body_changed(name) for name in BODY_FIELDS}


def verified(path: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "bot", "audit", "verify"],
        env={"DATABASE_URL": f"sqlite+aiosqlite:///{path}", "PATH": os.environ["PATH"]},
        cwd=Path(__file__).resolve().parents[3],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def tampered(template: Path, path: Path, change: Change) -> int:
    shutil.copy(template, path)
    with closing(sqlite3.connect(path)) as db, db:
        made = "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = ?"
        guards = [db.execute(made, (guard,)).fetchone()[0] for guard in GUARDS]
        for guard in GUARDS:
            db.execute(f"DROP TRIGGER {guard}")
        seq = change(db)
        # As a thief would: a guard that is missing is a fault of its own.
        for sql in guards:
            db.execute(sql)
        return seq


Found = tuple[int, "Future[subprocess.CompletedProcess[str]]"]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tampering") / "signoff.db"
    asyncio.run(told(path))
    return path


@pytest.fixture(scope="module")
def found(template: Path) -> dict[str, Found]:
    """Start `signoff audit verify` over every changed copy, a few at a time."""
    results: dict[str, Found] = {}
    with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        for name, change in COLUMN_CHANGES.items():
            path = template.with_name(f"{name}.db")
            seq = tampered(template, path, change)
            results[name] = (seq, pool.submit(verified, path))
    return results


def test_an_untouched_copy_passes(template: Path, tmp_path: Path) -> None:
    shutil.copy(template, tmp_path / "copy.db")
    done = verified(tmp_path / "copy.db")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Sound: ")


def test_guards_that_were_dropped_for_a_while_change_nothing(
    template: Path, tmp_path: Path
) -> None:
    tampered(template, tmp_path / "copy.db", chosen)
    assert verified(tmp_path / "copy.db").returncode == 0


@pytest.mark.parametrize("name", COLUMN_CHANGES)
def test_one_changed_column_is_named(found: dict[str, Found], name: str) -> None:
    seq, running = found[name]
    done = running.result()
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.startswith(f"WRONG at event {seq}: "), done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    "change",
    [*BODY_CHANGES.values(), *OTHERS.values(), *SPOILED.values()],
    ids=[*BODY_CHANGES, *OTHERS, *SPOILED],
)
def test_one_changed_event_is_named(
    template: Path,
    tmp_path: Path,
    change: Change,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seq = tampered(template, tmp_path / "copy.db", change)
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/copy.db")
    assert main(["audit", "verify"]) == 1
    assert capsys.readouterr().out.startswith(f"WRONG at event {seq}: ")


@pytest.mark.parametrize(
    "change",
    [nested, not_json, spoiled("ledger", "body", "CAST(x'7bff7d' AS TEXT)")],
    ids=["nested", "no JSON", "no UTF-8"],
)
def test_a_record_with_a_spoiled_event_is_not_shown_and_says_what_to_do(
    template: Path,
    tmp_path: Path,
    change: Change,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tampered(template, tmp_path / "copy.db", change)
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/copy.db")
    for command in (["search"], ["rebuild"]):
        assert main(["audit", *command]) == 1
        said = capsys.readouterr().err
        assert said.startswith("signoff: the body of ")
        assert "audit verify`" in said
