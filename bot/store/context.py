"""What every part of the store works with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from agents.ports import Claim
from bot.store.engine import Connection, Database
from bot.store.ledger import Ledger
from policies.model import Clock
from policies.redaction import Redactor
from tools.ports import Boundary

Handler = Callable[[Claim], Awaitable[None]]


class Dispatcher(Protocol):
    """Wakes tasks, and runs a handler for each that is awake."""

    def wake(self, connection: Connection, task_id: str, at: datetime | None) -> None:
        """Say when a task is due next (None: when something happens), in this transaction."""
        ...

    async def run(self, handler: Handler) -> None:
        """Run `handler` for every task that is due, until cancelled."""
        ...


@dataclass(frozen=True, kw_only=True)
class Context:
    """The database, the ledger, the clock, the redaction, and what wakes tasks."""

    database: Database
    ledger: Ledger
    clock: Clock
    redactor: Redactor
    boundary: Boundary
    dispatcher: Dispatcher
