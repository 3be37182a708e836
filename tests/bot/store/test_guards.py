"""Guards that were dropped or changed, and strange triggers, are named."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.cli import main
from bot.findings import Health
from bot.ledgercheck import ledger_findings
from bot.settings import read
from policies.audit import Event, EventKind
from tests.bot.signing import signed_ledger
from tests.bot.world import START, FakeClock, opened

MISSING = "the guard `ledger_no_update` of the table `ledger` is missing"
LEAK = "CREATE TRIGGER leak AFTER INSERT ON ledger BEGIN UPDATE texts SET value = NULL; END"
WEAK = "CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger BEGIN SELECT 1; END"


@pytest.mark.parametrize(
    ("statements", "says"),
    [
        (["DROP TRIGGER ledger_no_update"], MISSING),
        ([LEAK], "there is a trigger `leak` on `ledger`, which no Signoff made"),
        (
            ["DROP TRIGGER ledger_no_update", WEAK],
            "the guard `ledger_no_update` of the table `ledger` was changed",
        ),
        (["DELETE FROM alembic_version"], "the database's schema is none"),
        (["INSERT INTO alembic_version VALUES ('0001')"], "the database's schema is 00"),
    ],
)
def test_guards_that_are_not_as_they_were_made_are_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    statements: list[str],
    says: str,
) -> None:
    path = tmp_path / "signoff.db"
    url = f"sqlite+aiosqlite:///{path}"
    asyncio.run(signed_ledger(path))
    monkeypatch.setenv("DATABASE_URL", url)
    assert main(["audit", "verify"]) == 0
    with closing(sqlite3.connect(path)) as db, db:
        for statement in statements:
            db.execute(statement)
    capsys.readouterr()
    assert main(["audit", "verify"]) == 1
    assert f"WRONG: {says}" in capsys.readouterr().out
    found = {one.subject: one for one in ledger_findings(read({"DATABASE_URL": url}))}
    assert found["guards"].health is Health.BAD
    assert says in found["guards"].words


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE ledger",
        "DROP TABLE ledger_index",
        "DROP TABLE checkpoints",
        "ALTER TABLE ledger DROP COLUMN body",
    ],
)
def test_a_table_that_somebody_took_away_is_told_with_what_to_do(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    statement: str,
) -> None:
    path = tmp_path / "signoff.db"
    url = f"sqlite+aiosqlite:///{path}"
    asyncio.run(signed_ledger(path))
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(statement)
    monkeypatch.setenv("DATABASE_URL", url)
    assert main(["audit", "verify"]) == 1
    said = capsys.readouterr().err
    assert "somebody changed it past Signoff" in said
    assert "signoff db restore FILE" in said
    assert main(["doctor"]) == 1
    assert "somebody changed it past Signoff" in capsys.readouterr().out


@pytest.mark.parametrize(
    "statement", ["UPDATE texts SET value = NULL WHERE name = 'a'", "DELETE FROM texts"]
)
def test_verify_counts_the_texts_that_are_gone(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    statement: str,
) -> None:
    path = tmp_path / "signoff.db"

    async def told() -> None:
        async with opened(path, FakeClock()) as world:
            event = Event(
                kind=EventKind.TOOL_CALLED, at=START, sentence="Said.", texts={"a": "x", "b": "y"}
            )
            await world.journal.record([event])

    asyncio.run(told())
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{path}")
    assert main(["audit", "verify"]) == 0
    assert "gone" not in capsys.readouterr().out
    with closing(sqlite3.connect(path)) as db, db:
        count = db.execute(statement).rowcount
    assert main(["audit", "verify"]) == 0
    assert f"Free texts that are gone (erased): {count};" in capsys.readouterr().out
