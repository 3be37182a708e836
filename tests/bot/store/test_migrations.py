"""The migrations lead to the tables as the code knows them, and take along what is there."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DatabaseError

from bot.store.columns import metadata
from bot.store.engine import StoreError
from bot.store.ledger import verify
from bot.store.migrating import MIGRATIONS
from bot.store.schema import head, migrate
from policies.audit import GENESIS, Event, EventKind, canonical, chain_hash
from tests.bot.world import START


@contextmanager
def engine_on(path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{path}", isolation_level="AUTOCOMMIT")
    yield engine
    engine.dispose()


def first_schema(engine: Engine, *events: Event) -> None:
    """Make a database as the first version left it."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        prev = GENESIS
        for seq, event in enumerate(events, start=1):
            written = canonical({"seq": seq, **event.model_dump(mode="json")})
            own = chain_hash(prev, written)
            values = {"seq": seq, "body": written, "prev": prev, "hash": own}
            connection.execute(
                text("INSERT INTO ledger VALUES (:seq, :body, :prev, :hash)"), values
            )
            connection.execute(
                text(
                    "INSERT INTO ledger_index (seq, kind, at, agent, actor, environment, sentence)"
                    " VALUES (:seq, :kind, :at, :agent, 'system:signoff', NULL, :sentence)"
                ),
                {
                    "seq": seq,
                    "kind": event.kind,
                    "at": event.model_dump(mode="json")["at"],
                    "agent": event.agent,
                    "sentence": event.sentence,
                },
            )
            prev = own


def happened(**fields: object) -> Event:
    return Event.model_validate(
        {"kind": EventKind.TOOL_CALLED, "at": START, "sentence": "It happened.", **fields}
    )


def test_a_migrated_database_has_the_tables_that_the_code_knows(tmp_path: Path) -> None:
    with engine_on(tmp_path / "signoff.db") as engine:
        migrate(engine)
        with engine.connect() as connection:
            assert {"ledger", "tasks", "rule_candidates"} <= set(metadata.tables)
            found = compare_metadata(MigrationContext.configure(connection), metadata)
    assert found == []


def test_a_ledger_of_the_first_version_is_taken_along_whole(tmp_path: Path) -> None:
    with engine_on(tmp_path / "signoff.db") as engine:
        first_schema(
            engine,
            happened(tools=("a_read", "b_read"), reasons=("READ_ALLOWED",), agent="incident"),
            *[happened()] * 1500,
        )
        migrate(engine)
        with engine.connect() as connection:
            row = connection.execute(text("SELECT * FROM ledger_index WHERE seq = 1")).one()
            found = verify(connection)
    assert (row.tools, row.reasons) == (" a_read b_read ", " READ_ALLOWED ")
    assert row.at == "2026-11-20T10:00:00.000000Z"
    assert (found.events, found.fault) == (1501, None)


def test_a_migration_that_fails_leaves_the_schema_as_it_was(tmp_path: Path) -> None:
    with engine_on(tmp_path / "signoff.db") as engine:
        first_schema(engine, happened())
        with engine.connect() as connection:
            # The last step of the second migration runs into this one.
            connection.execute(text("CREATE TABLE ledger_index_actor_at (x)"))
        with pytest.raises(Exception, match="ledger_index_actor_at"):
            migrate(engine)
        with engine.connect() as connection:
            assert MigrationContext.configure(connection).get_current_revision() == "0001"
            with pytest.raises(DatabaseError, match="no such table"):
                connection.execute(text("SELECT * FROM checkpoints"))
            connection.execute(text("DROP TABLE ledger_index_actor_at"))
        migrate(engine)
        with engine.connect() as connection:
            assert verify(connection).fault is None


@pytest.mark.parametrize(
    "table", ["ledger (id INTEGER)", "ledger (seq INTEGER, body TEXT)", "songs (title TEXT)"]
)
def test_another_program_s_database_is_not_touched(tmp_path: Path, table: str) -> None:
    with engine_on(tmp_path / "other.db") as engine:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE TABLE {table}")
            connection.exec_driver_sql("PRAGMA wal_checkpoint")
        before = (tmp_path / "other.db").read_bytes()
        with pytest.raises(StoreError) as refused:
            migrate(engine)
    name = table.split(maxsplit=1)[0]
    assert f"another program's (it has the tables `{name}`)" in str(refused.value)
    assert "DATABASE_URL" in str(refused.value)
    assert (tmp_path / "other.db").read_bytes() == before


def test_a_database_that_names_two_versions_of_its_schema_is_refused(tmp_path: Path) -> None:
    with engine_on(tmp_path / "signoff.db") as engine:
        migrate(engine)
        with engine.connect() as connection:
            connection.execute(text("INSERT INTO alembic_version VALUES ('0001')"))
        with pytest.raises(StoreError, match=r"names 2 versions of its schema \(0001, 0"):
            migrate(engine)


@pytest.mark.parametrize("table", ["ledger", "checkpoints", "tasks"])
def test_a_database_that_lacks_a_table_is_not_started_with(tmp_path: Path, table: str) -> None:
    with engine_on(tmp_path / "signoff.db") as engine:
        migrate(engine)
        with engine.connect() as connection:
            connection.execute(text(f"DROP TABLE {table}"))
        with pytest.raises(StoreError, match=f"lacks `{table}`: somebody changed it past Signoff"):
            migrate(engine)


def test_the_newest_file_is_the_end_of_the_chain() -> None:
    scripts = ScriptDirectory(str(MIGRATIONS))
    assert head() == scripts.get_current_head()


def test_a_database_that_is_up_to_date_starts_without_alembic(tmp_path: Path) -> None:
    with engine_on(tmp_path / "signoff.db") as engine:
        migrate(engine)
    look = (
        "import sys; from sqlalchemy import create_engine; from bot.store.schema import migrate;"
        f" migrate(create_engine('sqlite:///{tmp_path / 'signoff.db'}'));"
        " import bot.app; print('alembic' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
