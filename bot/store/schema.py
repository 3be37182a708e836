"""Brings a database's schema up to date, and refuses one that is newer than this program."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect
from sqlalchemy.exc import DatabaseError

from bot.store.engine import StoreError

MIGRATIONS = Path(__file__).with_name("migrations")


def alembic_config() -> Config:
    """Return how Alembic finds the migrations."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def known_revisions() -> set[str]:
    """Return the versions of the schema that this program knows."""
    scripts = ScriptDirectory.from_config(alembic_config())
    return {script.revision for script in scripts.walk_revisions()}


def migrate(engine: Engine) -> None:
    """Run what is missing.

    Raises:
        StoreError: the file is no database of ours, or of a later version.
    """
    config, known = alembic_config(), known_revisions()
    try:
        with engine.connect() as connection:
            found = _revision(connection)
            if found is not None and found not in known:
                raise StoreError(
                    f"the database has schema {found}, which this version does not know:"
                    " install the version that wrote it, or a later one"
                )
            foreign = inspect(connection).get_table_names()
            if found is None and foreign:
                names = ", ".join(f"`{name}`" for name in sorted(foreign)[:3])
                raise StoreError(
                    f"the database is another program's (it has the tables {names}) and was not"
                    " touched: name another file in DATABASE_URL"
                )
            config.attributes["connection"] = connection
            # One transaction, the tables included: a crash in between leaves the schema before.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            command.upgrade(config, "head")
            connection.exec_driver_sql("COMMIT")
    except DatabaseError as error:
        raise StoreError(f"the database does not open: {error.orig}") from error


def _revision(connection: Connection) -> str | None:
    found = MigrationContext.configure(connection).get_current_heads()
    if len(found) > 1:
        raise StoreError(
            f"the database names {len(found)} versions of its schema ({', '.join(sorted(found))})"
            " where one belongs: somebody changed it past Signoff. Restore a backup"
            " (`signoff db restore FILE`)"
        )
    return found[0] if found else None
