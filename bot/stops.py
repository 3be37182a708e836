"""Test only: stops the process at a named boundary between two writes or calls.

`intent.written` kills it there; `freeze:intent.written` stops it until somebody wakes it.
"""

import os
import signal
from pathlib import Path

from tools.ports import Boundary

FREEZE = "freeze:"


def nowhere(name: str) -> None:
    """Go on."""
    del name


def stopper(where: str | None, mark: Path) -> Boundary:
    """Return what is called at each boundary.

    Without `where` it does nothing. With it, the process kills or freezes itself the first time the
    boundary of that name is passed; `mark` remembers that across the restart.
    """
    if where is None:
        return nowhere
    boundary, how = where.removeprefix(FREEZE), signal.SIGKILL
    if where.startswith(FREEZE):
        how = signal.SIGSTOP

    def at(name: str) -> None:
        if name == boundary and not mark.exists():
            mark.write_text(name, encoding="utf-8")
            os.kill(os.getpid(), how)

    return at
