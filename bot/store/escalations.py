"""When and why tasks were left to a person; see `bot.store.poison`."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, select

from bot.store.tables import ledger_index, texts
from policies.audit import EventKind

TOO_MANY_ATTEMPTS = "TOO_MANY_ATTEMPTS"


@dataclass(frozen=True, kw_only=True)
class Escalation:
    """A task was given up at the event `seq`; `fault` is missing where it was erased."""

    seq: int
    at: datetime
    fault: str | None


def escalations(
    connection: Connection, task_ids: Iterable[str]
) -> dict[str, tuple[Escalation, ...]]:
    """Return when and why each of these tasks was given up, oldest first."""
    is_fault = and_(texts.c.seq == ledger_index.c.seq, texts.c.name == "fault")
    rows = connection.execute(
        select(ledger_index.c.seq, ledger_index.c.at, ledger_index.c.task_id, texts.c.value)
        .outerjoin(texts, is_fault)
        .where(
            ledger_index.c.task_id.in_(list(task_ids)),
            ledger_index.c.kind == EventKind.TASK_ESCALATED,
            ledger_index.c.reasons.contains(f" {TOO_MANY_ATTEMPTS} "),
        )
        .order_by(ledger_index.c.seq)
    )
    found: dict[str, tuple[Escalation, ...]] = {}
    for row in rows:
        at = datetime.fromisoformat(row.at)
        known = found.get(row.task_id, ())
        found[row.task_id] = (*known, Escalation(seq=row.seq, at=at, fault=row.value))
    return found
