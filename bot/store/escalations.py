"""When and why tasks were left to a person; see `bot.store.poison`."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, or_, select

from bot.store.records import ledger_index, texts
from policies.audit import EventKind
from policies.limits import REACHED

TOO_MANY_ATTEMPTS = "TOO_MANY_ATTEMPTS"
# Why a task may be left to a person.
CALLING = (TOO_MANY_ATTEMPTS, REACHED)


@dataclass(frozen=True, kw_only=True)
class Escalation:
    """A task was given up at the event `seq`; `fault` is missing where it was erased.

    `is_limit` says that a limit was reached, and not that it failed.
    """

    seq: int
    at: datetime
    fault: str | None
    is_limit: bool = False


def escalations(
    connection: Connection, task_ids: Iterable[str]
) -> dict[str, tuple[Escalation, ...]]:
    """Return when and why each of these tasks was given up, oldest first."""
    is_fault = and_(texts.c.seq == ledger_index.c.seq, texts.c.name == "fault")
    rows = connection.execute(
        select(
            ledger_index.c.seq,
            ledger_index.c.at,
            ledger_index.c.task_id,
            ledger_index.c.reasons,
            texts.c.value,
        )
        .outerjoin(texts, is_fault)
        .where(
            ledger_index.c.task_id.in_(list(task_ids)),
            ledger_index.c.kind == EventKind.TASK_ESCALATED,
            or_(*(ledger_index.c.reasons.contains(f" {reason} ") for reason in CALLING)),
        )
        .order_by(ledger_index.c.seq)
    )
    found: dict[str, tuple[Escalation, ...]] = {}
    for row in rows:
        at = datetime.fromisoformat(row.at)
        known = found.get(row.task_id, ())
        is_limit = f" {REACHED} " in row.reasons
        given_up = Escalation(seq=row.seq, at=at, fault=row.value, is_limit=is_limit)
        found[row.task_id] = (*known, given_up)
    return found
