"""The rules in force: the first set is trusted; one changed past Signoff is refused."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.policy import candidate, hard_rules
from bot.store.engine import StoreError
from bot.store.rules import in_force, stored, trust_first
from policies.engine import Approved, Asked, RuleKind, RuleSet, When
from policies.facts import ActionKind
from policies.loader import sealed
from tests.bot.world import FakeClock, World, opened
from tests.fakes.values import rule
from tests.policies.drawn import calendar


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


FIRST_SCHEMA = Path(__file__).parents[2] / "scenarios" / "upgrade" / "first_schema.sql"


def test_rules_stored_by_the_first_version_have_the_same_version_today() -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(FIRST_SCHEMA.read_text(encoding="utf-8"))
        ((version, body),) = db.execute("SELECT version, body FROM rule_sets").fetchall()
    found = RuleSet.model_validate_json(body)
    assert sealed(found.rules, found.calendars, found.approved).version == version
    assert (found.calendars, found.approved) == ((), None)


def test_whatever_is_added_to_a_rule_or_a_set_is_another_version() -> None:
    asked = Asked(n=1, groups=("oncall",))
    plain = rule("ask", RuleKind.APPROVE, When(environment=("staging",)), asked)
    narrow = rule(
        "ask", RuleKind.APPROVE, When(environment=("staging",), service=("checkout",)), asked
    )
    row = Approved(agent=("incident",), action=(ActionKind.ROLLBACK,), environment=("staging",))
    sets = [
        sealed([plain]),
        sealed([narrow]),
        sealed([plain], [calendar("night", "12:00")]),
        sealed([plain], [calendar("night", "18:00")]),
        sealed([plain], approved=[row]),
        sealed([plain], [calendar("night", "12:00")], [row]),
    ]
    assert len({found.version for found in sets}) == len(sets)
    for found in sets:
        assert RuleSet.model_validate_json(found.model_dump_json()) == found


async def test_calendars_and_approved_actions_are_in_force_with_the_rules(store: World) -> None:
    await started(store)
    shipped = candidate(None)
    found = await store.database.read(lambda c: in_force(c, hard_rules()))
    assert found is not None
    assert (found.calendars, found.approved) == (shipped.calendars, shipped.approved)
    assert found.calendars
    assert found.approved
    kept = await store.database.read(lambda c: stored(c, shipped.version[:6], hard_rules()))
    assert kept == found
    assert await store.database.read(lambda c: stored(c, "0000", hard_rules())) is None


async def test_a_calendar_changed_past_signoff_is_not_acted_on(tmp_path: Path) -> None:
    path = tmp_path / "signoff.db"
    async with opened(path, FakeClock()) as store:
        await started(store)
    unguarded(path, "UPDATE rule_sets SET body = replace(body, '12-18', '12-28')")
    async with opened(path, FakeClock()) as store:
        with pytest.raises(StoreError, match="changed in the database, past Signoff"):
            await started(store)
