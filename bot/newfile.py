"""Writes files that must not be there yet: whole or not at all, and readable for nobody else."""

import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

PRIVATE = 0o600
# What a file system says that knows no second names.
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}


def write_new(path: Path, parts: Iterable[str]) -> None:
    """Write a new file, forced to the disk; what goes wrong leaves nothing behind.

    Raises:
        FileExistsError: there is one already, of whatever kind; it was not touched.
        OSError: it can't be written.
    """
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    fresh = path.with_name(f".{path.name[:200]}.{os.getpid()}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        _named(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
    sync_folder(path)


def _named(fresh: Path, path: Path) -> None:
    """Give a file its name, which must be free."""
    try:
        # Not a rename, which would take the place of a file that came to be meanwhile.
        os.link(fresh, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # The name is claimed first, so that only our own empty file is replaced.
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE))
        try:
            fresh.replace(path)
        except OSError:
            with suppress(OSError):
                path.unlink()
            raise


def sync_folder(path: Path) -> None:
    """Make a new name in a folder outlast a power cut."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
