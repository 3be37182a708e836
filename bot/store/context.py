"""What every part of the store works with."""

from dataclasses import dataclass

from bot.store.engine import Database
from bot.store.ledger import Ledger
from policies.model import Clock
from policies.redaction import Redactor
from tools.ports import Boundary


@dataclass(frozen=True, kw_only=True)
class Context:
    """The database, the ledger, the clock and the redaction."""

    database: Database
    ledger: Ledger
    clock: Clock
    redactor: Redactor
    boundary: Boundary
