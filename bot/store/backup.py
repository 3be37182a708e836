"""Copies the database while it is in use, and puts a copy in its place while it is not."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, create_engine, select
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from bot.store.engine import StoreError
from bot.store.holding import PRIVATE, hold
from bot.store.proving import Proof, Sources, prove
from bot.store.reading import open_file, open_read_only
from bot.store.records import ledger
from bot.store.schema import migrate

Record = Callable[[Connection, "Head | None"], None]
# Raises StoreError when the backup, which it may read, is not to be restored here.
Require = Callable[[Connection], None]

SIDES = ("-wal", "-shm", "-journal")


@dataclass(frozen=True, kw_only=True)
class Head:
    """How many events a ledger has, and the hash of the last."""

    size: int
    hash: str


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What a restore did: what was there (None: nothing that can be read), and what is now."""

    before: Head | None
    after: Head
    aside: list[Path]


def back_up(source: Path, target: Path) -> Proof:
    """Copy the database as it is at one moment, also while Signoff writes; returns how sound it is.

    Raises:
        StoreError: there is such a file already, or it can't be written.
    """
    with open_read_only(f"sqlite:///{source}"):
        pass  # Told before anything is made, when there is no database.
    try:
        # Claimed before it is written, and readable for nobody else: it is the whole record.
        _claim(target)
    except FileExistsError as error:
        raise StoreError(f"`{target}` is there already and was not touched") from error
    except OSError as error:
        raise StoreError(f"can't write `{target}`: {error.strerror}") from error
    try:
        _copy(source, target)
    except (sqlite3.Error, OSError) as error:
        target.unlink(missing_ok=True)
        raise StoreError(f"the backup to `{target}` failed: {error}") from error
    return proof_of(target)


def _claim(path: Path) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE))


def _copy(source: Path, target: Path) -> None:
    with (
        closing(sqlite3.connect(f"file:{quote(str(source))}?mode=ro", uri=True)) as read,
        closing(sqlite3.connect(target)) as write,
    ):
        # In one step: a copy in parts begins anew with each commit of the writer.
        read.backup(write, pages=-1)
        # One file that holds everything, with no log beside it.
        write.execute("PRAGMA journal_mode=DELETE")
    _sync(target)


def _sync(path: Path) -> None:
    for name, flags in ((path, os.O_RDONLY), (path.parent, os.O_RDONLY | os.O_DIRECTORY)):
        descriptor = os.open(name, flags)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def proof_of(path: Path) -> Proof:
    """Walk a database's chain, and hold it against the checkpoints in it."""
    # By its name, which may hold what a URL reads otherwise.
    with open_file(path, "it was copied just now") as connection:
        return prove(connection, Sources())


def restore(
    backup: Path,
    path: Path,
    kept: Path,
    at: datetime,
    record: Record,
    require: Require,
) -> Restored:
    """Put a backup in the place of a database that nobody has open; the old one is set aside.

    `kept` is the checkpoint file: it belongs to what is set aside. `record` writes the restore into
    the ledger; it is told what was there before. `require` refuses a backup that does not belong
    here.

    Raises:
        StoreError: Signoff runs, or the backup is none that can be used. Nothing was changed then.
    """
    # A link stays a link: what it leads to is replaced.
    path = path.resolve()
    staged = path.with_name(path.name + ".restoring")
    with hold(path, is_to_be_made=False):
        try:
            before = head_of(path)
            _stage(backup, staged)
            with open_file(staged, f"it is a copy of `{backup}`") as connection:
                require(connection)
            _write(staged, lambda connection: record(connection, before))
            after = head_of(staged)
            if after is None:
                raise StoreError(f"`{backup}` can't be read any more")
            return Restored(before=before, after=after, aside=_swap(staged, path, kept, at))
        finally:
            for side in ("", *SIDES):
                staged.with_name(staged.name + side).unlink(missing_ok=True)


def _stage(backup: Path, staged: Path) -> None:
    """Bring a copy of the backup to the present schema, and require it to be sound."""
    with open_file(backup, "name a file that `signoff db backup` wrote"):
        pass
    try:
        staged.unlink(missing_ok=True)
        _claim(staged)
        _copy(backup, staged)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"`{backup}` can't be copied: {error}") from error
    engine = create_engine(f"sqlite:///{staged}", isolation_level="AUTOCOMMIT", poolclass=NullPool)
    try:
        migrate(engine)
    finally:
        engine.dispose()
    found = proof_of(staged)
    if found.chain.fault is not None:
        raise StoreError(
            f"`{backup}` was not restored: its event {found.chain.fault_at} is wrong:"
            f" {found.chain.fault}"
        )
    if found.faults:
        raise StoreError(f"`{backup}` was not restored: {found.faults[0]}")


def _write(path: Path, unit: Callable[[Connection], None]) -> None:
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    try:
        with engine.begin() as connection:
            unit(connection)
    finally:
        engine.dispose()
    _sync(path)


def head_of(path: Path) -> Head | None:
    """Return a ledger's head; None where there is none that can be read."""
    try:
        with open_read_only(f"sqlite:///{path}") as connection:
            row = connection.execute(
                select(ledger.c.seq, ledger.c.hash).order_by(ledger.c.seq.desc()).limit(1)
            ).first()
    except (StoreError, DatabaseError):
        return None
    return None if row is None else Head(size=row.seq, hash=row.hash)


def _swap(staged: Path, path: Path, kept: Path, at: datetime) -> list[Path]:
    """Set aside what is there, and put the copy in its place with the last step.

    A crash before that step leaves the old database, with its name and under the name aside.
    """
    mark = at.strftime("%Y%m%dT%H%M%SZ")
    aside = []
    if path.exists():
        _settle(path)
        for side in SIDES:
            # SQLite would take a log that is left over for one of the new file.
            beside = path.with_name(path.name + side)
            if beside.exists():
                beside.rename(path.with_name(f"{path.name}.{mark}{side}"))
        aside.append(path.with_name(f"{path.name}.{mark}"))
        _second_name(path, aside[0])
    if kept.exists():
        aside.append(kept.with_name(f"{kept.name}.{mark}"))
        kept.rename(aside[-1])
    staged.replace(path)
    _sync(path)
    return aside


def _second_name(path: Path, name: Path) -> None:
    try:
        os.link(path, name)
    except PermissionError:
        # Some file systems know no second names.
        shutil.copy2(path, name)


def _settle(path: Path) -> None:
    """Bring what stands in the log into the file, where it is a database still."""
    try:
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            db.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.DatabaseError as error:
        # It gives up the log only when nobody else has the file open, whatever they hold.
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            raise StoreError(
                f"another program has `{path}` open: end it first; nothing was changed"
            ) from error
