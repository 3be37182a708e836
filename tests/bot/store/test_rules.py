"""The rules in force: the first set is trusted; one changed past Signoff is refused."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.policy import candidate, hard_rules
from bot.store.engine import StoreError
from bot.store.rules import in_force, trust_first
from tests.bot.world import FakeClock, World, opened


async def started(store: World) -> None:
    await store.database.write(
        lambda connection: trust_first(connection, store.context, candidate(None))
    )


def unguarded(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        for name in ("rule_sets_no_update", "rule_sets_no_delete"):
            db.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            db.execute(statement)


async def test_the_first_rules_are_trusted_and_stay(store: World) -> None:
    await started(store)
    found = await store.database.read(lambda connection: in_force(connection, candidate(None)))
    assert found == candidate(None)
    # A folder that does not load leaves the soft rules as they are.
    assert await store.database.read(lambda c: in_force(c, hard_rules())) == found


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE rule_sets SET body = '{}'",
        "DELETE FROM rule_sets",
        "INSERT OR REPLACE INTO rule_sets SELECT * FROM rule_sets",
        "REPLACE INTO rule_sets SELECT version, tenant, '{}', activated_at, 1 FROM rule_sets",
        "REPLACE INTO rule_sets (rowid, version, body, activated_at, is_active)"
        " SELECT rowid, 'x', body, activated_at, 1 FROM rule_sets",
    ],
)
async def test_rules_that_were_activated_are_never_changed(store: World, statement: str) -> None:
    await started(store)
    with pytest.raises(Exception, match="never changed"):
        await store.database.write(
            lambda connection: connection.exec_driver_sql(statement).rowcount
        )


@pytest.mark.parametrize(
    "statement",
    [
        """UPDATE rule_sets SET body = replace(body, '["oncall"]', '["marketing"]')""",
        "UPDATE rule_sets SET version = 'ffffffffffffffff'",
        """UPDATE rule_sets SET body = replace(body, '"n":1', '"n":0')""",
        "UPDATE rule_sets SET body = 'no rules'",
    ],
)
async def test_rules_changed_past_signoff_are_not_acted_on(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "signoff.db"
    async with opened(path, FakeClock()) as store:
        await started(store)
    unguarded(path, statement)
    async with opened(path, FakeClock()) as store:
        with pytest.raises(StoreError, match="changed in the database, past Signoff"):
            await started(store)
