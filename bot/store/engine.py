"""The database connection: one writer thread that commits in groups, and short async reads."""

import asyncio
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bot.store.errors import StoreError, StoreUnavailable
from bot.store.holding import Hold, hold

T = TypeVar("T")
Unit = Callable[[Connection], T]

BATCH = 256
BUSY_MS = 5000
# How long a write waits for a disk that is full or a file that somebody else has locked.
PATIENCE_S = 30.0
AGAIN_S = 0.5
LOOK_S = 1.0
TROUBLES = {
    sqlite3.SQLITE_BUSY: "another program has locked the database",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk gives errors",
    sqlite3.SQLITE_READONLY: "the database can't be written",
}

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Job:
    unit: Unit[Any]
    future: "asyncio.Future[Any]"


class Database:
    """One SQLite file, held by one process."""

    def __init__(self, url: str) -> None:
        self.path = file_of(url)
        self._hold: Hold | None = None
        self._write_engine = _write_engine(self.path)
        self._read_engine: AsyncEngine = create_async_engine(f"sqlite+aiosqlite:///{self.path}")
        event.listen(self._read_engine.sync_engine, "connect", _reading)
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listeners: list[Callable[[], None]] = []
        self._is_closed = False
        # Why nothing can be written now, in words; None while all is well.
        self.trouble: str | None = None

    async def open(self, migrate: Callable[[Engine], None]) -> None:
        """Take the file's lock, bring its schema up to date and start the writer.

        Raises:
            StoreError: another process holds the file, or the schema is newer than this program.
        """
        self._loop = asyncio.get_running_loop()
        self._hold = hold(self.path)
        await asyncio.to_thread(migrate, self._write_engine)
        self._thread.start()

    async def close(self) -> None:
        """Finish what is queued, and let go of the file."""
        self._is_closed = True
        if self._thread.is_alive():
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)
        await self._read_engine.dispose()
        self._write_engine.dispose()
        if self._hold is not None:
            # Last: SQLite's own locks fall with any descriptor of the file that is closed.
            self._hold.close()
            self._hold = None

    async def watch(self) -> None:
        """Look each second whether the file is still the one that was opened.

        Raises:
            StoreError: another one is in its place, or none.
        """
        while True:
            if self._replaced() is not None:
                raise StoreError(
                    f"`{self.path}` was moved, removed or replaced while Signoff had it open, so"
                    " Signoff writes nothing more and ends: look which file is the right one, then"
                    " start it again"
                )
            await asyncio.sleep(LOOK_S)

    def _replaced(self) -> str | None:
        is_ours = self._hold is None or self._hold.is_ours()
        return None if is_ours else "the database's file was moved, removed or replaced"

    def on_commit(self, listener: Callable[[], None]) -> None:
        """Call `listener` in the event loop after every commit."""
        self._listeners.append(listener)

    async def write(self, unit: Unit[T], *, within_s: float | None = None) -> T:
        """Run a unit of work in the next transaction; returns after its commit.

        The unit must not await nor touch anything outside: it may run twice when another unit of
        its batch fails. Not begun `within_s`, it is taken back.

        Raises:
            StoreUnavailable: the database takes nothing now; nothing was written, unless the time
                `within_s` ended while the write was being made.
        """
        if self._is_closed:
            raise StoreUnavailable("the database is closed: Signoff is stopping")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.put(_Job(unit=unit, future=future))
        try:
            async with asyncio.timeout(within_s):
                return await future
        except TimeoutError as error:
            raise StoreUnavailable(self.trouble or f"no commit within {within_s} s") from error

    async def read(self, unit: Unit[T]) -> T:
        """Run a reading unit on a connection of its own.

        Raises:
            StoreUnavailable: the database can't be read now.
        """
        if (replaced := self._replaced()) is not None:
            raise StoreUnavailable(f"{replaced}; nothing could be read")
        try:
            async with self._read_engine.connect() as connection:
                # One picture: the driver alone would let another commit slip in between two reads.
                await connection.exec_driver_sql("BEGIN")
                return await connection.run_sync(unit)
        except OperationalError as error:
            trouble = _trouble(error)
            # A reader that writes is a mistake of ours.
            if trouble in {None, TROUBLES[sqlite3.SQLITE_READONLY]}:
                raise
            raise StoreUnavailable(f"{trouble}; nothing could be read") from error

    def _work(self) -> None:
        with self._write_engine.connect() as connection:
            is_open = True
            while is_open:
                batch, is_open = self._batch()
                if batch:
                    self._commit(connection, batch)
                elif is_open:
                    self._probe(connection)

    def _batch(self) -> tuple[list[_Job], bool]:
        """Wait for work and take what is queued; False when the end was asked for.

        In trouble it does not wait for long: nobody may write again before it is known to be over.
        """
        batch: list[_Job] = []
        try:
            job = self._queue.get(timeout=None if self.trouble is None else AGAIN_S)
        except queue.Empty:
            return batch, True
        while job is not None:
            batch.append(job)
            if len(batch) == BATCH:
                return batch, True
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                return batch, True
        return batch, False

    def _commit(self, connection: Connection, batch: list[_Job]) -> None:
        patient_until = time.monotonic() + PATIENCE_S
        while True:
            batch = [job for job in batch if not job.future.cancelled()]
            if not batch:
                # Taken back: what writes nothing says nothing about the disk.
                return
            units = [partial(_work_of, job) for job in batch]
            results, fault = self._transaction(connection, units)
            trouble = _trouble(fault)
            self._note(trouble)
            if trouble is None:
                break
            if isinstance(fault, StoreUnavailable) or time.monotonic() >= patient_until:
                fault = StoreUnavailable(f"{trouble}; nothing was written")
                self._answer([(job, None, fault) for job in batch])
                return
            time.sleep(AGAIN_S)
        if fault is None:
            self._answer([(job, result, None) for job, result in zip(batch, results, strict=True)])
        elif len(batch) == 1:
            self._answer([(batch[0], None, fault)])
        else:
            for job in batch:
                self._commit(connection, [job])

    def _transaction(
        self, connection: Connection, units: Sequence[Unit[Any]]
    ) -> tuple[list[Any], Exception | None]:
        if (replaced := self._replaced()) is not None:
            return [], StoreUnavailable(replaced)
        return _transaction(connection, units)

    def _probe(self, connection: Connection) -> None:
        _, fault = self._transaction(connection, [_written_again])
        self._note(_trouble(fault))

    def _note(self, trouble: str | None) -> None:
        """Keep why nothing can be written; told once when it begins, and once when it is over."""
        if trouble == self.trouble:
            return
        if trouble is None:
            _log.warning("the database takes writes again")
        else:
            _log.error("nothing can be stored now: %s; Signoff waits and tries again", trouble)
        self.trouble = trouble

    def _answer(self, answers: list[tuple[_Job, Any, BaseException | None]]) -> None:
        assert self._loop is not None  # noqa: S101 - open() set it before the thread began
        self._loop.call_soon_threadsafe(self._deliver, answers)

    def _deliver(self, answers: list[tuple[_Job, Any, BaseException | None]]) -> None:
        for job, result, fault in answers:
            if job.future.done():
                continue
            if fault is None:
                job.future.set_result(result)
            else:
                job.future.set_exception(fault)
        for listener in self._listeners:
            listener()


def file_of(url: str) -> Path:
    """Return the file that a DATABASE_URL names; raises StoreError."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = make_url("none://")
    is_file = parsed.database and parsed.database != ":memory:"
    if parsed.get_backend_name() != "sqlite" or not is_file:
        raise StoreError(
            "DATABASE_URL: only `sqlite+aiosqlite:///<file>` is supported by this version"
        )
    return Path(str(parsed.database))


def is_answering(connection: Connection) -> bool:
    """Say whether the database answers."""
    return bool(connection.exec_driver_sql("SELECT 1").scalar_one() == 1)


def _transaction(
    connection: Connection, units: Sequence[Unit[Any]]
) -> tuple[list[Any], Exception | None]:
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        results = [unit(connection) for unit in units]
        connection.exec_driver_sql("COMMIT")
    except Exception as error:  # noqa: BLE001 - boundary: handed to whoever awaits the unit
        _roll_back(connection)
        return [], error
    return results, None


def _work_of(job: _Job, connection: Connection) -> Any:
    # Looked at again: the wait for the lock may have outlasted whoever waited for the write.
    if job.future.cancelled():
        _written_again(connection)
        return None
    return job.unit(connection)


def _written_again(connection: Connection) -> None:
    """Write a page as it is: the program's own number in the file's head, which nobody uses."""
    number = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    connection.exec_driver_sql(f"PRAGMA user_version={int(number)}")


def _trouble(fault: Exception | None) -> str | None:
    """Return in words what is wrong with disk or file; None for a fault of the unit's own."""
    if isinstance(fault, StoreUnavailable):
        return str(fault)
    if not isinstance(fault, OperationalError):
        return None
    code = getattr(fault.orig, "sqlite_errorcode", 0)
    # The low byte is the kind, the rest says more about it.
    return TROUBLES.get(code & 0xFF)


def _roll_back(connection: Connection) -> None:
    raw = connection.connection.driver_connection
    if isinstance(raw, sqlite3.Connection) and raw.in_transaction:
        connection.exec_driver_sql("ROLLBACK")


def _write_engine(path: Path) -> Engine:
    # Autocommit: the writer says BEGIN IMMEDIATE itself, the driver must not begin behind it.
    engine = create_engine(
        f"sqlite:///{path}",
        isolation_level="AUTOCOMMIT",
        connect_args={"check_same_thread": False},
    )
    event.listen(engine, "connect", _writing)
    return engine


def _writing(connection: DBAPIConnection, record: object) -> None:
    del record
    cursor = connection.cursor()
    for pragma in (f"busy_timeout={BUSY_MS}", "journal_mode=WAL", "synchronous=FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _reading(connection: DBAPIConnection, record: object) -> None:
    del record
    cursor = connection.cursor()
    for pragma in (f"busy_timeout={BUSY_MS}", "query_only=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


# `Connection` too: what units of work take, for the rest of the edge.
__all__ = [
    "Connection",
    "Database",
    "StoreError",
    "StoreUnavailable",
    "Unit",
    "file_of",
    "is_answering",
]
