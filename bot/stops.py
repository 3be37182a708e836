"""Test only: stops the process dead at a named boundary between two writes or calls."""

import os
import signal
from pathlib import Path

from tools.ports import Boundary


def nowhere(name: str) -> None:
    """Go on."""
    del name


def stopper(where: str | None, mark: Path) -> Boundary:
    """Return what is called at each boundary.

    Without `where` it does nothing. With it, the process kills itself the first time the boundary
    of that name is passed; `mark` remembers that across the restart.
    """
    if where is None:
        return nowhere

    def at(name: str) -> None:
        if name == where and not mark.exists():
            mark.write_text(name, encoding="utf-8")
            os.kill(os.getpid(), signal.SIGKILL)

    return at
