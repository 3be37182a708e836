"""Reads a database without the lock: for the command line, beside a running Signoff or alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from bot.store.engine import StoreError, file_of

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
        # Every version of the ledger has `seq`; another program's table need not.
        if "no such column: seq" in str(error.orig):
            raise StoreError(f"`{path}` is another program's; {hint}") from error
        if any(words in str(error.orig) for words in _EARLIER):
            raise StoreError(
                f"`{path}` is of an earlier version: start Signoff once, which brings it up to date"
            ) from error
        raise StoreError(f"`{path}` can't be read ({error.orig}); {hint}") from error
    finally:
        engine.dispose()


def _lenient(connection: DBAPIConnection, record: object) -> None:
    # A text that is not UTF-8 is no reason not to read on: `verify` says which event it spoils.
    del record
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
