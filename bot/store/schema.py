"""Brings a database's schema up to date, and refuses one that is newer than this program."""

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect
from sqlalchemy.exc import DatabaseError

from bot.store.errors import StoreError
from bot.store.migrating import known_revisions, upgrade
from bot.store.records import ledger
from bot.store.tables import tasks

REVISIONS = Path(__file__).with_name("migrations") / "versions"
_REVISION = "SELECT version_num FROM alembic_version"
# One metadata, which both modules fill.
_TABLES = ledger.metadata.tables.keys() | tasks.metadata.tables.keys()


def head() -> str:
    """Return the newest version of the schema: their files are named by it, in order."""
    return max(path.name.partition("_")[0] for path in REVISIONS.glob("[0-9]*_*.py"))


def migrate(engine: Engine) -> None:
    """Run what is missing.

    Raises:
        StoreError: the file is no database of ours, of a later version, or lacks a table.
    """
    try:
        with engine.connect() as connection:
            tables = inspect(connection).get_table_names()
            found = _revision(connection) if "alembic_version" in tables else None
            if found != head():
                _bring_up(connection, found, tables)
            elif missing := sorted(_TABLES - set(tables)):
                raise StoreError(
                    f"the database lacks `{missing[0]}`: somebody changed it past Signoff. Keep it"
                    " as it is, and restore a backup (`signoff db restore FILE`)"
                )
    except DatabaseError as error:
        raise StoreError(f"the database does not open: {error.orig}") from error


def revisions(connection: Connection) -> list[str]:
    """Return the versions of the schema that a database names: one, if nobody changed that."""
    return [str(found) for found in connection.exec_driver_sql(_REVISION).scalars()]


def _revision(connection: Connection) -> str | None:
    found = revisions(connection)
    if len(found) > 1:
        raise StoreError(
            f"the database names {len(found)} versions of its schema ({', '.join(sorted(found))})"
            " where one belongs: somebody changed it past Signoff. Restore a backup"
            " (`signoff db restore FILE`)"
        )
    return found[0] if found else None


def _bring_up(connection: Connection, found: str | None, tables: list[str]) -> None:
    if found is not None and found not in known_revisions():
        raise StoreError(
            f"the database has schema {found}, which this version does not know:"
            " install the version that wrote it, or a later one"
        )
    if found is None and tables:
        names = ", ".join(f"`{name}`" for name in sorted(tables)[:3])
        raise StoreError(
            f"the database is another program's (it has the tables {names}) and was not"
            " touched: name another file in DATABASE_URL"
        )
    # One transaction, the tables included: a crash in between leaves the schema before.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    upgrade(connection)
    connection.exec_driver_sql("COMMIT")
