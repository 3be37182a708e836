"""Keeps a database file to one process: by a lock beside it, and by one on the file itself.

The lock beside it carries the process id. Who removes it, or renames the database, opens nothing to
a second process: the lock on the file itself goes along with the file.
"""

import fcntl
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from bot.store.errors import StoreError

PRIVATE = 0o600
# Far behind every byte that SQLite locks in the file, and behind every byte that is written.
_BYTE = 1 << 62
# Linux only (fcntl(2), open file description locks); elsewhere the lock beside the file must do.
_OWN_LOCK: int | None = getattr(fcntl, "F_OFD_SETLK", None)
# SQLite's own locks belong to the process, and fall when the process closes any other descriptor of
# the file. So no file is opened here that this process holds already.
_held: set[tuple[int, int]] = set()


@dataclass(frozen=True)
class Hold:
    """A database file that no other process may open; to be closed after SQLite has closed it."""

    path: Path
    lock: int
    file: int | None

    def is_ours(self) -> bool:
        """Say whether the file's name still leads to the file that was opened."""
        try:
            return self.file is None or _inode(self.path) == _inode(self.file)
        except FileNotFoundError:
            return False

    def close(self) -> None:
        """Let go of it."""
        if self.file is not None:
            _held.discard(_inode(self.file))
            os.close(self.file)
        os.close(self.lock)

    def __enter__(self) -> Self:
        """Hold it until the block ends."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of it."""
        self.close()


def hold(path: Path, *, is_to_be_made: bool = True) -> Hold:
    """Take a database file for this process alone; a new one is readable for nobody else.

    Raises:
        StoreError: another process has it, or it can't be written.
    """
    # By its real name: a link to it is the same file.
    real = path.resolve()
    if real.is_file() and real.stat().st_nlink > 1:
        raise StoreError(
            f"DATABASE_URL: `{path}` has a second name (a hard link), under which another Signoff"
            " could open it unnoticed: remove the other name, or copy the file"
        )
    lock = _lock_beside(path, real)
    try:
        file = _own_lock(path, real, is_to_be_made=is_to_be_made)
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    except (OSError, StoreError) as error:
        os.close(lock)
        if isinstance(error, OSError):
            raise StoreError(f"DATABASE_URL: can't open `{path}`: {error.strerror}") from error
        raise
    return Hold(path, lock, file)


def _lock_beside(path: Path, real: Path) -> int:
    try:
        name = real.with_name(real.name + ".lock")
        lock = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
    except OSError as error:
        raise StoreError(f"DATABASE_URL: can't write beside `{path}`: {error}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
        os.close(lock)
        raise _taken(path, holder) from error
    return lock


def _own_lock(path: Path, real: Path, *, is_to_be_made: bool) -> int | None:
    if real.exists() and _inode(real) in _held:
        raise _taken(path, str(os.getpid()))
    if not real.exists() and not is_to_be_made:
        return None
    file = os.open(real, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
    try:
        # Of the open file, not of the process: no other descriptor that is closed takes it away.
        if _OWN_LOCK is not None:
            wanted = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, _BYTE, 1, 0)
            fcntl.fcntl(file, _OWN_LOCK, wanted)
    except (BlockingIOError, PermissionError) as error:
        os.close(file)
        raise _taken(path, "") from error
    except OSError:
        # The file system knows no such lock: the one beside it must do.
        pass
    _held.add(_inode(file))
    return file


def _taken(path: Path, holder: str) -> StoreError:
    who = f" (pid {holder})" if holder.isdecimal() else ""
    return StoreError(
        f"another Signoff{who} has `{path}` open; stop it first, or give this one a DATABASE_URL of"
        " its own"
    )


def _inode(file: Path | int) -> tuple[int, int]:
    found = os.fstat(file) if isinstance(file, int) else file.stat()
    return found.st_dev, found.st_ino
