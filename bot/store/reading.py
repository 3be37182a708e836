"""Reads a database without the lock: for the command line, beside a running Signoff or alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from bot.store.engine import StoreError, file_of
from bot.store.schema import head, revisions

# What an earlier version's database lacks.
_EARLIER = (
    "no such column",
    *(f"no such table: {name}" for name in ("checkpoints", "rule_candidates", "policy_requests")),
)


@contextmanager
def open_read_only(url: str) -> Iterator[Connection]:
    """Open a database for reading, as one consistent picture.

    Raises:
        StoreError: there is none, or it is none of ours.
    """
    with open_file(file_of(url), "DATABASE_URL names the database") as connection:
        yield connection


@contextmanager
def open_file(path: Path, hint: str) -> Iterator[Connection]:
    """Open a file as `open_read_only` does; `hint` says where its name came from.

    Raises:
        StoreError: there is none, or it is none of ours.
    """
    # Quoted twice: SQLite reads a URI, and SQLAlchemy a URL around it.
    name = quote(quote(str(path)))
    engine = create_engine(f"sqlite:///file:{name}?mode=ro&uri=true", poolclass=NullPool)
    event.listen(engine, "connect", _lenient)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            connection.exec_driver_sql("SELECT seq FROM ledger LIMIT 1")
            yield connection
    except DatabaseError as error:
        raise StoreError(_fault(engine, path, str(error.orig), hint)) from error
    finally:
        engine.dispose()


def _fault(engine: Engine, path: Path, said: str, hint: str) -> str:
    if said.startswith("no such ") and _has_this_schema(engine):
        return (
            f"`{path}` has not the tables that Signoff made ({said}): somebody changed it past"
            " Signoff. Keep it as it is, and restore a backup (`signoff db restore FILE`)"
        )
    # Every version of the ledger has `seq`; another program's table need not.
    if "no such column: seq" in said:
        return f"`{path}` is another program's; {hint}"
    if any(words in said for words in _EARLIER):
        return f"`{path}` is of an earlier version: start Signoff once, which brings it up to date"
    return f"`{path}` can't be read ({said}); {hint}"


def _has_this_schema(engine: Engine) -> bool:
    try:
        with engine.connect() as connection:
            return revisions(connection) == [head()]
    except DatabaseError:
        return False


def _lenient(connection: DBAPIConnection, record: object) -> None:
    # A text that is not UTF-8 is no reason not to read on: `verify` says which event it spoils.
    del record
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
