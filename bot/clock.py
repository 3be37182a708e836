"""Wall time, and wall time plus an offset that the playground moves and the bot follows."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path


class WallClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the present time, aware, in UTC."""
        return datetime.now(UTC)


class SharedClock:
    """Wall time plus the offset in a small file, so that two processes fast-forward together."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._offset = timedelta(0)

    def now(self) -> datetime:
        """Return the present time of the shared world, aware, in UTC."""
        return datetime.now(UTC) + self._read()

    def forward(self, seconds: float) -> None:
        """Move the shared world ahead by `seconds`; it never moves back."""
        if seconds < 0:
            raise ValueError("the shared clock never moves back")
        offset_s = self._read().total_seconds() + seconds
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps({"offset_s": offset_s}), encoding="utf-8")
        fresh.replace(self._path)

    def _read(self) -> timedelta:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return self._offset
        stamp = (found.st_mtime_ns, found.st_ino)
        if stamp != self._stamp:
            stored = json.loads(self._path.read_text(encoding="utf-8"))
            self._offset = timedelta(seconds=float(stored["offset_s"]))
            self._stamp = stamp
        return self._offset
